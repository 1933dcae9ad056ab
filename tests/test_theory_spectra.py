"""Five ranks: by hand, and equal to the probes of the same names."""

import numpy as np
import pytest
import torch
from small import LABELS, NETS

from plastlab import probes
from plastlab.condition import Condition
from plastlab.optim import Adam
from plastlab.probes.ranks import singular_values
from plastlab.theory import five_ranks
from plastlab.training import Training


def test_by_hand():
    found = five_ranks([1.0, 2.0, 1.0, 0.0], examples=100)
    assert found == {
        "effective rank": pytest.approx(2 * 2**0.5),  # shares 1/2, 1/4, 1/4: entropy 1.5 log 2
        "srank": 3.0,
        "pca rank": 3.0,
        "stable rank": 1.5,
        "feature rank": 3.0,
    }
    assert five_ranks([100.0, 1.0, 0.05], examples=100)["pca rank"] == 1
    assert five_ranks([200.0, 1.0, 0.05], examples=100)["srank"] == 1
    assert five_ranks([100.0, 1.0, 0.05], examples=100)["feature rank"] == 2
    assert five_ranks([50.0, 1.0, 0.05], examples=100)["srank"] == 2


def test_they_are_the_probes():
    training = Training(LABELS, {"it": Condition(Adam(0.01), NETS["MLP"])}, seeds=(0, 1))
    training.advance(5)
    own = {}

    def spectra(s):
        own["sigma"], own["examples"] = singular_values(s).numpy(), s.logits.shape[-1]
        return torch.zeros(len(s.seeds))

    training.measure(spectra)
    for name in five_ranks([1.0], examples=1):
        expected = [five_ranks(sigma, own["examples"])[name] for sigma in own["sigma"]]
        measured = training.measure(getattr(probes, name.replace(" ", "_")))["it"]
        np.testing.assert_allclose(measured, expected, rtol=1e-5)


@pytest.mark.parametrize("given", [[], [0.0, 0.0], [1.0, -1.0], [[1.0]], [np.nan]])
def test_refused(given):
    with pytest.raises(ValueError, match="singular_values"):
        five_ranks(given, examples=3)

"""Base problems: the arrays they claim to be, standardized, each seed its own."""

import inspect

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.datasets import load_digits

from plastlab import data
from plastlab.data import (
    Arrays,
    Cart,
    Data,
    Digits,
    Gaussian,
    LTURegression,
    Mnist1d,
    Problem,
    RandomTargets,
    Recall,
    TeacherRegression,
)
from plastlab.losses import CrossEntropy, SquaredError

KINDS = [
    kind
    for kind in vars(data).values()
    if inspect.isclass(kind) and issubclass(kind, Data)
    if kind not in (Data, Arrays)  # what is in Arrays is the reader's: test_arrays.py
]
EVERY_KIND = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def sized(kind, examples, **settings):
    """So many examples; of a problem that takes another's inputs, so many of those."""
    return kind(Mnist1d(examples)) if kind is RandomTargets else kind(examples, **settings)


@EVERY_KIND
def test_shapes_types_and_defaults(kind):
    base = sized(kind, 30)
    problem = base.draw((4, 0))
    assert problem.x.shape == (2, 30, base.inputs)
    assert problem.x_test.shape[2] == base.inputs
    assert {p.dtype for p in (problem.x, problem.x_test)} == {torch.float32}
    if isinstance(base.loss, CrossEntropy):
        assert problem.y.shape == (2, 30)
        assert problem.y.dtype == problem.y_test.dtype == torch.int64
        assert problem.y_test.shape == problem.x_test.shape[:2]
        assert problem.y.min() >= 0
        assert problem.y.max() < base.outputs
    else:
        assert problem.y.shape == (2, 30, base.outputs)
        assert problem.y_test.shape == (*problem.x_test.shape[:2], base.outputs)
    assert kind() == kind()
    assert " at 0x" not in repr(kind())
    assert isinstance(kind().draw((0,)), Problem)
    assert base.grid is None or np.prod(base.grid) == base.inputs


@EVERY_KIND
def test_a_seeds_problem_is_its_own_whoever_asks(kind):
    base, generator = sized(kind, 30), torch.get_rng_state()
    many, one = base.draw((4, 0, 9)), base.draw((9,))
    for name in ("x", "y", "x_test", "y_test"):
        assert torch.equal(getattr(many, name)[2], getattr(one, name)[0])
    assert not torch.equal(many.x[0], many.x[1])
    assert torch.equal(torch.get_rng_state(), generator)


@EVERY_KIND
def test_inputs_are_centered_with_unit_variance(kind):
    settings = {"separation": 0.0} if kind is Gaussian else {}
    x = sized(kind, 1400, **settings).draw((0,)).x
    if kind in (Recall, Cart):  # symbols, and noise of a size that is a setting; states
        return
    if kind is LTURegression:  # bits, which have mean and deviation of a half
        x = 2 * x - 1
    assert x.mean().abs() < 0.02
    assert x.std() == pytest.approx(1.0, abs=0.02)


def test_digits_are_scikit_learns():
    images, labels = load_digits(return_X_y=True)
    problem = Digits().draw((3,))
    x = torch.cat([problem.x[0], problem.x_test[0]])
    y = torch.cat([problem.y[0], problem.y_test[0]])
    assert len(x) == len(images) == 1797
    picks = [0, 5, 700, 1436, 1437, 1796]
    assert labels[[_row(images, x, i) for i in picks]].tolist() == y[picks].tolist()
    shown, held_out = (set(map(bytes, part[0].numpy())) for part in (problem.x, problem.x_test))
    assert not shown & held_out


def test_digits_are_centered_by_pixel_and_scaled_by_one_number_over_what_may_be_shown():
    """Held-out images have no part in it."""
    images, _ = load_digits(return_X_y=True)
    problem = Digits().draw((3,))
    x = problem.x[0].double()
    assert x.shape == (1437, 64)
    assert problem.x_test.shape == (1, 360, 64)
    assert x.mean(0).abs().max() < 1e-6
    assert x.std().item() == pytest.approx(1.0, abs=1e-6)
    gray = torch.cat([x, problem.x_test[0].double()]).std(0, correction=0)
    ratio = gray[1:32:3] / torch.from_numpy(images).std(0, correction=0)[1:32:3]
    assert ratio.std() < 1e-6  # the same for every pixel


def _row(images, x, i):
    """The image that is x[i] up to a shift a pixel and one scale, found by correlation."""
    centered = images - images.mean(0)
    cosine = centered @ x[i].double().numpy()
    cosine /= np.linalg.norm(centered, axis=1) * np.linalg.norm(x[i].double().numpy())
    assert cosine.max() > 0.995
    return int(cosine.argmax())


def test_mnist1d_is_the_packages_arrays_standardized():
    from mnist1d.data import get_dataset_args, make_dataset

    state = np.random.get_state()
    arrays = make_dataset(get_dataset_args())
    np.random.set_state(state)
    mean, std = arrays["x"].mean(0), arrays["x"].std(0, ddof=1)
    problem = Mnist1d(examples=4000).draw((1,))
    found = sorted(map(tuple, problem.x[0].numpy().round(3).tolist()))
    wanted = sorted(map(tuple, ((arrays["x"] - mean) / std).round(3).tolist()))
    np.testing.assert_allclose(found, wanted, atol=2e-3)
    held_out = (arrays["x_test"] - mean) / std
    np.testing.assert_allclose(problem.x_test[0], held_out[:512], atol=1e-5)
    np.testing.assert_array_equal(problem.y_test[0], arrays["y_test"][:512])
    nearest = np.abs(problem.x[0, 0].numpy() - (arrays["x"] - mean) / std).sum(1).argmin()
    assert problem.y[0, 0] == arrays["y"][nearest]


def test_subsets_are_drawn_without_repetition():
    for base in (Mnist1d(200), Digits(200)):
        x = base.draw((0, 1)).x
        assert len({bytes(row) for row in x[0].numpy()}) == 200
        shared = {bytes(row) for row in x[0].numpy()} & {bytes(row) for row in x[1].numpy()}
        assert 0 < len(shared) < 60


def test_gaussian_classes_are_standard_normal_around_centers_of_that_length():
    base = Gaussian(examples=4000, inputs=10, classes=4, separation=3.0)
    problem = base.draw((2,))
    x, y = problem.x[0], problem.y[0]
    assert stats.chisquare(y.bincount(minlength=4)).pvalue > 1e-3
    centers = torch.stack([x[y == c].mean(0) for c in range(4)])
    assert (centers.norm(dim=1) - 3.0).abs().max() < 0.25
    rest = (x - centers[y]).flatten()
    assert stats.kstest(rest.numpy(), "norm").pvalue > 1e-3
    held_out = problem.x_test[0] - centers[problem.y_test[0]]
    assert held_out.std() == pytest.approx(1.0, abs=0.05)


def test_teacher_targets_have_unit_variance_and_noise_is_in_the_training_targets_only():
    clean = TeacherRegression(examples=4000, outputs=2)
    noisy = TeacherRegression(examples=4000, outputs=2, noise=0.5)
    without, with_noise = clean.draw((0, 1)), noisy.draw((0, 1))
    assert isinstance(clean.loss, SquaredError)
    both = torch.cat([without.y, without.y_test], 1)
    torch.testing.assert_close(both.std(1), torch.ones(2, 2), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(both.mean(1), torch.zeros(2, 2), rtol=0, atol=1e-5)
    assert torch.equal(without.y_test, with_noise.y_test)
    assert torch.equal(without.x, with_noise.x)
    assert (with_noise.y - without.y).std() == pytest.approx(0.5, rel=0.03)


def test_a_teacher_has_that_many_hidden_units():
    """With two, its three outputs vary in two directions."""
    base = TeacherRegression(examples=500, inputs=3, hidden=2, outputs=3)
    y = base.draw((0,)).y[0].double()
    sigma = torch.linalg.svdvals(y - y.mean(0))
    assert sigma[1] > 1e-2
    assert sigma[2] < 1e-3


def test_threshold_units_of_one_input_by_hand():
    """With beta 0.5 the threshold is 1 less the number of weights -1. (Weight, constant's weight):
    (1, 1) has threshold 1 and sums 1, 2 at x = 0, 1: it fires at 1. (-1, 1): 0 and sums 1, 0: it
    fires at 0. (1, -1): 0 and sums -1, 0: never. (-1, -1): -1 and sums -1, -2: never."""
    base = LTURegression(inputs=1, hidden=1, beta=0.5)
    y = base.targets(torch.tensor([[0.0], [1.0]]).expand(400, 2, 1), tuple(range(400)))[..., 0]
    assert set(y.unique().tolist()) == {-2.0, -1.0, 0.0, 1.0, 2.0}
    fires = y % 2 == 0  # the output's constant alone is odd
    both = fires[:, 0] & fires[:, 1]
    assert not both.any()
    for x in (0, 1):
        assert fires[:, x].float().mean() == pytest.approx(0.25, abs=0.07)


def test_threshold_regression_draws_bits_and_gives_them_their_targets():
    base = LTURegression(examples=2000)
    problem = base.draw((0, 1))
    assert set(problem.x.unique().tolist()) == {0.0, 1.0}
    assert problem.x.mean() == pytest.approx(0.5, abs=0.01)
    assert torch.equal(base.targets(problem.x_test, (0, 1)), problem.y_test)
    assert problem.x_test.shape[1] == 512


def test_random_targets_are_normal_and_say_nothing_about_the_inputs_of_another_problem():
    base = RandomTargets(Digits(1400), outputs=2)
    problem = base.draw((0, 1))
    assert torch.equal(problem.x, Digits(1400).draw((0, 1)).x)
    assert stats.kstest(problem.y.flatten(), "norm").pvalue > 1e-3
    assert torch.equal(problem.y, problem.y_test)
    assert torch.equal(problem.x, problem.x_test)
    assert (base.inputs, base.outputs, base.grid) == (64, 2, (8, 8))
    assert isinstance(base.loss, SquaredError)


def test_the_cart_comes_to_rest_soonest_by_the_class():
    """Full push, one switch: from there the class at each moment, followed, ends at rest."""
    x, v, step = 4.0, -0.5, 1e-3
    for _ in range(20_000):
        push = -1.0 if x + v * abs(v) / 2 > 0 else 1.0
        x, v = x + step * v, v + step * push
        if abs(x) + abs(v) < 0.01:
            break
    assert abs(x) + abs(v) < 0.01
    problem = Cart(50).draw((0,))
    states, left = problem.x[0].numpy(), problem.y[0].numpy()
    assert [a + b * abs(b) / 2 > 0 for a, b in states] == list(left == 1)


def test_the_carts_ceilings_are_those_of_many_states():
    cart = Cart(examples=100_000)
    (x,), (y,) = (part.numpy() for part in (cart.draw((3,)).x, cart.draw((3,)).y))
    size = np.linalg.norm(x, axis=1)
    assert size.min() >= cart.low * 0.999
    assert size.max() <= cart.high * 1.001
    bins = ((np.arctan2(x[:, 1], x[:, 0]) / np.pi + 1) * 50).astype(int) % 100
    found = np.array([y[bins == b].mean() for b in range(100)])
    likely = np.maximum(found, 1 - found) @ np.bincount(bins, minlength=100) / len(y)
    assert likely == pytest.approx(cart.ceiling("direction"), abs=0.01)
    ordered = y[x[:, 0] > x[:, 1]].mean()
    assert max(ordered, 1 - ordered) == pytest.approx(cart.ceiling("order"), abs=0.01)

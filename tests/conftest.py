"""What holds in every test: no result comes from a cache, seeds are those that a test names, and it
is computed on one thread, as in a run, in a session that is otherwise as it comes."""

import os

import pytest
import torch
from threadpoolctl import threadpool_limits

from plastlab import cache, rng
from plastlab.screen import STILLS

os.environ[STILLS] = "1"  # notebooks that are run as tests have no reader

pytest_plugins = ["turns"]


def pytest_addoption(parser):
    parser.addoption(
        "--all-answers", action="store_true", help="send every answer through the grader"
    )


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch):
    monkeypatch.setenv(cache.FOLDER, "off")
    monkeypatch.delenv(rng.FIRST_SEED, raising=False)
    monkeypatch.delenv(rng.SEED_COUNT, raising=False)


@pytest.fixture(autouse=True, scope="session")
def one_core():
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield


@pytest.fixture
def double():
    """Double precision, so that two right computations agree to many digits."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)

"""PyTorch, and the twins of the large networks in it."""

import pytest


@pytest.fixture(scope="session")
def torch():
    return pytest.importorskip("torch", reason="compares with PyTorch")


@pytest.fixture(scope="session")
def peers(torch):
    from scripts.benchmark import peers

    return peers

"""Small networks for tests that would wait for the released ones."""

import pytest

from jsr.files import checksums
from jsr.weights import file as weights_file
from jsr.weights import zoo
from tests import commands


@pytest.fixture
def pretrained(tmp_path_factory, monkeypatch):
    """Small random networks in the place of the released ones."""
    folder = tmp_path_factory.mktemp("pretrained")
    for seed, name in enumerate(zoo.BUNDLED):
        commands.network(folder / f"{name}_x4.safetensors", seed=seed)
    checksums.write(folder)
    monkeypatch.setattr(weights_file, "PRETRAINED", folder)

"""Tiny runs: the photographs, options and records that tests of training share."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from jsr.training import options
from jsr.training.config import Config

# ESPCN is small enough for the many runs that test the loop and not the network.
OPTIONS = ["--model", "espcn", "--steps", "6", "--batch-size", "4", "--crop", "16", "--log-every", "2"]


def make_photos(folder: Path) -> None:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(12):
        coarse = rng.integers(0, 256, (10, 12, 3), np.uint8)
        Image.fromarray(coarse).resize((96, 80)).save(folder / f"{i}.png")


def parse(*further: object) -> Config:
    return options.parse(["--phase", "srresnet", "--data", "photos", *OPTIONS, *map(str, further)])


def lines(folder: Path) -> list[dict]:
    """Reads a run's record."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def assert_equal_weights(first: dict, second: dict, *, atol: float) -> None:
    """Compares two generators: sums over several devices have no fixed order."""
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_allclose(value, second[name], atol=atol, err_msg=name)

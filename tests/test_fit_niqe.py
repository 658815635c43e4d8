"""Tests ../jsr/fit_niqe.py."""

import numpy as np
from PIL import Image

from jsr import fit_niqe
from jsr.metrics import niqe, niqe_model
from tests.metrics.textures import texture


def test_main_writes_a_model_that_evaluate_reads(tmp_path, rng, capsys):
    for name in "ab":
        Image.fromarray(texture(rng)).save(tmp_path / f"{name}.png")
    photos = [str(tmp_path / "a.png"), str(tmp_path / "b.png")]
    assert fit_niqe.main([*photos, "-o", str(tmp_path / "m.safetensors")]) == 0
    expected = niqe.fit(np.asarray(Image.open(path)) for path in photos)
    for actual, value in zip(niqe_model.load(tmp_path / "m.safetensors"), expected, strict=True):
        np.testing.assert_array_equal(actual, value)
    assert fit_niqe.main([str(tmp_path / "no.png")]) == 1
    assert capsys.readouterr().err.count("\n") == 1

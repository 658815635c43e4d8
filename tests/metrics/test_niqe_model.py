"""Tests ../../jsr/metrics/niqe_model.py."""

from typing import Any

import numpy as np
import pytest
import scipy.io
from PIL import Image

from jsr.errors import WeightsError
from jsr.metrics import niqe, niqe_model


def test_load_checks_the_hash_of_the_bundled_model(tmp_path, monkeypatch):
    assert str(niqe_model.BUNDLED).endswith("niqe.safetensors")
    copy = tmp_path / "niqe.safetensors"
    copy.write_bytes(niqe_model.BUNDLED.read_bytes()[:-1] + b"x")
    monkeypatch.setattr(niqe_model, "BUNDLED", copy)
    with pytest.raises(WeightsError, match="expected the released file"):
        niqe_model.load()


def test_load_reads_each_form_of_a_model(tmp_path):
    model = niqe_model.load()
    niqe_model.save(tmp_path / "own.safetensors", model, {})
    official = {"mu_prisparam": model.mean[None], "cov_prisparam": model.covariance}
    scipy.io.savemat(tmp_path / "modelparameters.mat", official)
    copied = {"mu_pris_param": model.mean[None], "cov_pris_param": model.covariance}
    arrays: dict[str, Any] = {"gaussian_window": np.ones((7, 7)), **copied}
    np.savez(tmp_path / "copy.npz", **arrays)
    for name in ("own.safetensors", "modelparameters.mat", "copy.npz"):
        for actual, expected in zip(niqe_model.load(tmp_path / name), model, strict=True):
            np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("name", ["a.safetensors", "a.mat", "a.npz", "a.txt"])
def test_load_refuses_other_files_in_one_line(tmp_path, name):
    path = tmp_path / name
    with pytest.raises(WeightsError, match="No such file|expected"):
        niqe_model.load(path)
    path.write_bytes(b"nothing of the kind, but long enough to be looked at " * 9)
    with pytest.raises(WeightsError, match="expected .*got another file") as caught:
        niqe_model.load(path)
    assert "\n" not in str(caught.value)


def test_load_refuses_wrong_shapes_and_pickles(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, mu_pris_param=np.zeros(18), cov_pris_param=np.zeros((18, 18)))
    with pytest.raises(WeightsError, match="expected 36 means"):
        niqe_model.load(path)
    pickled: dict[str, Any] = {"mu_pris_param": np.array([{}], object), "cov_pris_param": np.zeros((36, 36))}
    np.savez(path, **pickled)
    with pytest.raises(WeightsError, match="expected"):
        niqe_model.load(path)


@pytest.mark.slow
def test_bundled_model_is_the_fit_of_its_photographs(jsr_data):
    photos = sorted((jsr_data / "train").glob("photo-*.jpg"))
    model = niqe.fit(np.asarray(Image.open(path).convert("RGB")) for path in photos)
    for actual, value in zip(niqe_model.load(), model, strict=True):
        np.testing.assert_allclose(actual, value, rtol=1e-3, atol=1e-5)

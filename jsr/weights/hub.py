"""Models on the Hugging Face Hub, `hf://owner/name` or `hf://owner/name@revision`, and in folders of its layout.

A model's folder holds `model.safetensors`, a weights file of jsr, which alone is fetched. A `config.json` beside it, by
which the Hub counts downloads, says the same as the header of that file:

    {"library_name": "jsr", "model": "srresnet", "config": {"blocks": 8}, "scale": 4}
"""

import json
import os
import re
from pathlib import Path
from typing import Any

from jsr.errors import DownloadError, WeightsError
from jsr.files import download
from jsr.files.cache import default_cache
from jsr.models import Model
from jsr.weights import file as weights_file

SCHEME = "hf://"
MODEL_FILE, CONFIG_FILE = "model.safetensors", "config.json"
ENDPOINT = "https://huggingface.co"
NAME = re.compile(r"(\w[\w.-]*/\w[\w.-]*)(?:@(\w[\w.-]*))?", re.ASCII)  # it becomes a path, so `..` must not match


def read(name: str) -> Model:
    """Reads a model of the Hub: from its own cache, from that of jsr, or from the network, once.

    `HF_ENDPOINT`, `HF_HOME`, `HF_HUB_CACHE`, `HF_HUB_OFFLINE` and `HF_TOKEN` mean what they mean to `huggingface_hub`.

    Raises:
      WeightsError: the name is no such name, the file cannot be fetched, or it is no weights file of jsr.
    """
    match = NAME.fullmatch(name.removeprefix(SCHEME))
    if not match:
        raise WeightsError(f"model: expected hf://owner/name or hf://owner/name@revision, got {name}")
    repository, revision = match[1], match[2] or "main"
    path = _cached(repository, revision)
    if path:
        return weights_file.read(path)
    path = default_cache() / "hub" / repository / revision / MODEL_FILE
    if path.is_file():
        return weights_file.read(path)
    _fetch(name, repository, revision, path)
    try:
        return weights_file.read(path)
    except WeightsError as error:
        path.unlink()  # a page that asks for a login, for example; the next call fetches anew
        raise WeightsError(str(error).replace(str(path), name)) from error


def read_folder(folder: Path) -> Model:
    """Reads a model's folder.

    Raises:
      WeightsError: its file is no weights file of jsr, or its `config.json` describes another network.
    """
    model = weights_file.read(folder / MODEL_FILE)
    path = folder / CONFIG_FILE
    if not path.is_file():
        return model
    try:
        config: dict[str, Any] = json.loads(path.read_bytes())
        network = weights_file.make_network(config["model"], config.get("config", {}))
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path}: expected the network of {MODEL_FILE}, got another file: {error}") from error
    if network != model.module or config.get("scale", model.scale) != model.scale:
        raise WeightsError(
            f"{path}: expected the network of {MODEL_FILE}, got another; delete it, because that decides"
        )
    return model


def _cached(repository: str, revision: str) -> Path | None:
    """Returns the file in the Hub's own cache, if it is there; `refs/main` names a commit, a folder in `snapshots`."""
    home = Path(os.environ.get("HF_HOME") or default_cache().parent / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    folder = cache / f"models--{repository.replace('/', '--')}"
    reference = folder / "refs" / revision
    commit = reference.read_text().strip() if reference.is_file() else revision
    path = folder / "snapshots" / commit / MODEL_FILE
    return path if path.is_file() else None


def _fetch(name: str, repository: str, revision: str, path: Path) -> None:
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        raise WeightsError(f"{name}: is not in the cache, and HF_HUB_OFFLINE forbids to fetch it")
    endpoint = (os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")
    url = f"{endpoint}/{repository}/resolve/{revision}/{MODEL_FILE}"
    try:
        download.fetch(url, path, token=os.environ.get("HF_TOKEN"), label=name)
    except DownloadError as error:
        raise WeightsError(f"{name}: {url} could not be fetched: {error}") from error

"""A model as a folder for the Hugging Face Hub: what `hub.read_folder` reads and `hf upload` publishes.

It holds the weights file, `config.json`, and a card, `README.md`, that begins with YAML for the Hub
(https://huggingface.co/docs/hub/model-cards). JSON is YAML too, so that each value is written as JSON.
"""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from jax import tree

from jsr.errors import WeightsError
from jsr.files import atomic
from jsr.models import MODELS, Model, Network
from jsr.weights import file as weights_file
from jsr.weights import hub, zoo

CARD_FILE = "README.md"
TAGS = ("super-resolution", "image-upscaling", "jax", "flax")
DATASETS = ("BSDS500", "Sun-Hays80")  # of the released models, as far as others can have them too
SETS, METRICS = ("Set5", "Set14", "BSD100"), ("psnr", "ssim", "ssim-daala", "niqe", "lpips")  # of the released scores


def write(model: Model, folder: Path, *, name: str) -> bool:
    """Writes a model's folder, which may exist; returns whether it wrote the card, because an earlier one is kept.

    Args:
      name: as `zoo.load` takes it; the released models, and blends of them, come with licence, description and scores.

    Raises:
      WeightsError: the model is no network with weights.
      OSError: a file cannot be written.
    """
    kind, fields = _describe(model)
    leaves = [np.asarray(leaf) for leaf in tree.leaves(model.variables)]
    with np.errstate(over="ignore"):
        is_half = all(np.array_equal(leaf, leaf.astype(np.float16)) for leaf in leaves)
    folder.mkdir(parents=True, exist_ok=True)
    dtype = "float16" if is_half else "float32"
    weights_file.save(folder / hub.MODEL_FILE, kind, fields, model.variables, model.metadata, dtype=dtype)
    config = {"library_name": "jsr", "model": kind, "config": fields, "scale": model.scale}
    atomic.write_text(folder / hub.CONFIG_FILE, json.dumps(config, indent=2) + "\n")
    path = folder / CARD_FILE
    if path.exists():
        return False
    atomic.write_text(path, _card(model, name, folder.resolve().name))
    return True


def _describe(model: Model) -> tuple[str, dict[str, Any]]:
    """Returns the name of a network in `MODELS`, and the fields that make it: its factors, and all but defaults."""
    module = model.module
    kinds = [kind for kind, network in MODELS.items() if type(module) is network]
    if not kinds or not model.variables:
        raise WeightsError(f"model: expected a network with weights, got {type(module).__name__}")
    assert isinstance(module, Network)
    fields = {field.name: (getattr(module, field.name), field.default) for field in dataclasses.fields(module)}
    del fields["parent"], fields["name"]  # Flax's
    return kinds[0], {name: value for name, (value, default) in fields.items() if name == "factors" or value != default}


def _card(model: Model, name: str, title: str) -> str:
    """Returns a card: that of a released model, or a short one, below YAML for the Hub."""
    heading: dict[str, Any] = {"library_name": "jsr", "pipeline_tag": "image-to-image", "tags": TAGS}
    if name in zoo.BUNDLED or name.startswith(zoo.BLEND):
        heading |= {"license": "mit", "datasets": DATASETS}
        scores = _released_scores(name)
    else:  # licence and photographs are for its author to name
        psnr = model.metadata.get("validation_psnr")
        scores = {} if psnr is None else {"validation": {"psnr": psnr}}
    if scores:
        heading["metrics"] = list(next(iter(scores.values())))
        heading["model-index"] = [{"name": title, "results": [_result(model, *pair) for pair in scores.items()]}]
    yaml = "".join(f"{key}: {json.dumps(value)}\n" for key, value in heading.items())
    described = weights_file.PRETRAINED / f"{name}_x{model.scale}.md"
    short = f"# {title}\n\n{type(model.module).__name__} of jsr, which makes photographs {model.scale} times larger.\n"
    text = described.read_text("utf-8") if described.is_file() else short
    return f"---\n{yaml}---\n\n{text}\n## Use\n\n```\njsr infer photo.jpg --model hf://OWNER/{title}\n```\n"


def _result(model: Model, dataset: str, scores: dict[str, float]) -> dict[str, Any]:
    """Returns the scores on a set as the Hub's `model-index` has them."""
    return {
        "task": {"type": "image-to-image", "name": f"super-resolution x{model.scale}"},
        "dataset": {"type": dataset, "name": dataset},
        "metrics": [{"type": metric, "value": value} for metric, value in scores.items()],
    }


def _released_scores(name: str) -> dict[str, dict[str, float]]:
    """Reads a model's row in the README of the released weights: scores by set, none where it has no row."""
    scores = " / ".join([r"([\d.]+)"] * len(METRICS))
    columns = r" \| ".join([scores] * len(SETS))
    readme = (weights_file.PRETRAINED / "README.md").read_text("utf-8")
    row = re.search(rf"^\| `{re.escape(name)}`[^|]*\| {columns} \|$", readme, re.MULTILINE)
    values = iter(row.groups() if row else ())
    return {key: {metric: float(next(values)) for metric in METRICS} for key in SETS} if row else {}

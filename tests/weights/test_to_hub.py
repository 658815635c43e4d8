"""Tests ../../jsr/weights/to_hub.py, and `jsr export --to hub`."""

import json

import jax
import numpy as np
import pytest
import yaml

from jsr import export
from jsr.models import Compact, Model
from jsr.weights import file as weights_file
from jsr.weights import hub, to_hub, zoo


def _heading(folder):
    """Returns the YAML of a card, by another parser, and its text."""
    empty, heading, text = (folder / to_hub.CARD_FILE).read_text().split("---\n", 2)
    assert empty == ""
    return yaml.safe_load(heading), text


def test_a_released_model_is_the_same_file_with_its_card_and_scores(tmp_path, capsys):
    folder = tmp_path / "mine"
    assert export.main(["srgan", "--to", "hub", str(folder)]) == 0
    assert capsys.readouterr() == (f"srgan -> {folder}\n", "")
    released = weights_file.PRETRAINED / "srgan_x4.safetensors"
    assert (folder / hub.MODEL_FILE).read_bytes() == released.read_bytes()
    heading, text = _heading(folder)
    assert heading["license"] == "mit" and heading["library_name"] == "jsr"
    assert heading["pipeline_tag"] == "image-to-image" and "super-resolution" in heading["tags"]
    (index,) = heading["model-index"]
    scores = {result["dataset"]["name"]: result["metrics"] for result in index["results"]}
    assert list(scores) == ["Set5", "Set14", "BSD100"] and index["name"] == "mine"
    card = (weights_file.PRETRAINED / "srgan_x4.md").read_text()
    for metrics in scores.values():
        values = {metric["type"]: metric["value"] for metric in metrics}
        # The card has the same numbers in a table of its own.
        assert f"{values['psnr']:.2f} / {values['ssim']:.4f} / {values['lpips']:.3f}" in card
    assert card in text and "--model hf://OWNER/mine" in text


@pytest.mark.parametrize("name", [*zoo.BUNDLED, zoo.DEFAULT])
def test_every_released_network_is_read_again(tmp_path, name):
    model = zoo.load(name)
    assert to_hub.write(model, tmp_path, name=name)
    again = zoo.load(tmp_path)
    assert (again.module, again.metadata) == (model.module, model.metadata)
    jax.tree.map(np.testing.assert_array_equal, again.variables, model.variables)
    config = json.loads((tmp_path / hub.CONFIG_FILE).read_text())
    assert config["library_name"] == "jsr" and config["scale"] == 4
    heading, _ = _heading(tmp_path)
    assert heading["license"] == "mit"


def test_an_own_model_keeps_its_fields_and_its_edited_card(tmp_path, capsys):
    """Its licence is its author's to name."""
    module = Compact(factors=(3,), features=4, convolutions=2)
    shapes = jax.eval_shape(module.init, jax.random.key(0), np.zeros((1, 8, 8, 3), np.float32))
    variables = dict(jax.tree.map(lambda leaf: np.full(leaf.shape, 1 / 3, np.float32), shapes))
    metadata = {"validation_psnr": 25.5}
    folder = tmp_path / "model"
    assert to_hub.write(Model(module, variables, metadata), folder, name="runs/a")
    again = zoo.load(folder)
    assert (again.module, again.metadata) == (module, metadata)
    jax.tree.map(np.testing.assert_array_equal, again.variables, variables)
    heading, _ = _heading(folder)
    (index,) = heading["model-index"]
    assert "license" not in heading and "datasets" not in heading
    assert index["results"][0]["metrics"] == [{"type": "psnr", "value": 25.5}]
    (folder / to_hub.CARD_FILE).write_text("mine")
    assert export.main([str(folder), "--to", "hub", str(folder)]) == 0
    assert (folder / to_hub.CARD_FILE).read_text() == "mine"
    assert capsys.readouterr().err == f"{folder / to_hub.CARD_FILE}: kept as it is\n"

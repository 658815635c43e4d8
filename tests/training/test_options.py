"""Tests ../../jsr/training/options.py."""

import dataclasses

import pytest

from jsr.training import config, options
from jsr.training.config import Config


def test_parse_gives_every_field_an_option():
    values = {"steps": 7, "learning_rate": 0.5, "content_weight": 2.0, "content": "mse", "seed": 3}
    words = [x for name, value in values.items() for x in ("--" + name.replace("_", "-"), str(value))]
    expected = dataclasses.replace(config.PHASES["srgan"], **values)
    assert options.parse(["--phase", "srgan", *words]) == expected
    overwriting = dataclasses.replace(expected, overwrite_config=True)
    assert options.parse(["--phase", "srgan", *words, "--overwrite-config"]) == overwriting


def test_parse_help_names_every_field_and_default(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    with pytest.raises(SystemExit) as end:
        options.parse(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert all("--" + field.name.replace("_", "-") in text for field in dataclasses.fields(Config))
    assert "(default: 1000000 / 200000)" in text
    assert ", ".join(config.names("on request")) in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--phase"),
        (["--phase", "gan"], "srresnet"),
        (["--phase", "srresnet", "--stepz", "3"], "--stepz"),
        (["--phase", "srresnet", "--data", "photos", "--steps", "many"], "many"),
        (["--phase", "srresnet", "--data", "photos", "--crop", "30"], "multiple of the scale 4"),
        (["--phase", "srresnet", "--data", "photos", "--batch-size", "6"], "4 devices, got 6"),
        (["--phase", "srresnet", "--data", "photos", "--model", "unet"], "espcn"),
        (["--phase", "srgan", "--data", "photos", "--model", "espcn"], "espcn"),
    ],
)
def test_parse_reports_a_mistake_in_one_line_and_exits_with_2(capsys, words, message):
    with pytest.raises(SystemExit) as end:
        options.parse(words)
    (line,) = capsys.readouterr().err.splitlines()
    assert end.value.code == 2
    assert line.startswith("jsr.train: error: ") and message in line

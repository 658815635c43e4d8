"""Tests ../../../jsr/training/run/config_file.py."""

import dataclasses
import json

import pytest

from jsr.errors import ConfigError
from jsr.training import options
from jsr.training.config import PHASES
from jsr.training.run import config_file
from jsr.training.run.run_folder import RunFolder

TOML = """
phase = "srgan"
learning_rate = 1     # a whole number is a number
content = "mse"
content_weight = 0.5
overwrite_config = true
"""


def test_parse_takes_options_of_a_file_and_the_command_line_wins(tmp_path):
    (tmp_path / "run.toml").write_text(TOML)
    expected = dataclasses.replace(
        PHASES["srgan"], learning_rate=1.0, content="mse", content_weight=0.5, overwrite_config=True
    )
    words = ["--config", str(tmp_path / "run.toml")]
    assert options.parse(words) == expected
    assert options.parse([*words, "--content-weight", "2"]) == dataclasses.replace(expected, content_weight=2.0)
    (tmp_path / "run.toml").write_text('phase = "srgan"\nsteps = 3')
    other = options.parse([*words, "--phase", "srresnet"])
    assert other == dataclasses.replace(PHASES["srresnet"], steps=3)


@pytest.mark.parametrize("phase", PHASES)
def test_parse_takes_the_config_of_a_run(tmp_path, phase):
    """All that was recorded comes back: the same run."""
    words = ["--phase", phase, "--seed", "7", "--content-weight", "0.25", "--schedule", "cosine", "--lr", "low"]
    config = options.parse([*words, "--workdir", str(tmp_path / "run")])
    RunFolder(tmp_path / "run").write_config(config, digest="a")
    assert options.parse(["--config", str(tmp_path / "run" / "config.json")]) == config


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.toml", "stepz = 3", "a.toml: stepz: no such option, perhaps steps"),
        ("a.toml", "learning-rate = 3.0", "learning-rate: no such option, perhaps learning_rate"),
        ("a.toml", "qqqqq = 3", "qqqqq: no such option; jsr.train --help lists them"),
        ("a.toml", "steps = 3.5", "steps: expected a whole number, got 3.5"),
        ("a.toml", "steps = true", "steps: expected a whole number, got True"),
        ("a.toml", "seed = '3'", "seed: expected a whole number, got 3"),
        ("a.toml", "minutes = 'x'", "minutes: expected a number, got x"),
        ("a.toml", "data = 5", "data: expected a text, got 5"),
        ("a.toml", "overwrite_config = 1", "overwrite_config: expected true or false, got 1"),
        ("a.toml", "schedule = 'linear'", "schedule: expected one of constant, step, cosine, got linear"),
        ("a.toml", "phase = 'gan'", "phase: expected one of srresnet, srgan, got gan"),
        ("a.toml", "[adam]\nbeta = 1", "adam: no such option"),
        ("a.toml", "steps = ", "a.toml: expected TOML, got "),
        ("a.json", "{", "a.json: expected JSON, got "),
        ("a.json", "[1]", "a.json: expected options by their names, got list"),
    ],
)
def test_read_names_the_file_the_option_and_what_was_expected(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError) as error:
        config_file.read(tmp_path / name)
    assert message in str(error.value) and name in str(error.value) and "\n" not in str(error.value)


def test_parse_reports_a_missing_file_in_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        options.parse(["--config", str(tmp_path / "none.toml")])
    (line,) = capsys.readouterr().err.splitlines()
    assert end.value.code == 2 and line.endswith("none.toml: No such file or directory")


def test_parse_checks_the_values_of_a_file(tmp_path, capsys):
    (tmp_path / "a.json").write_text(json.dumps({"phase": "srresnet", "crop": 30}))
    with pytest.raises(SystemExit):
        options.parse(["--config", str(tmp_path / "a.json")])
    assert "--crop: expected a multiple of the scale 4" in capsys.readouterr().err

"""Tests ../../../jsr/training/run/run_folder.py."""

import json
import os
from pathlib import Path

import pytest

from jsr.errors import ConfigError
from jsr.training.run.run_folder import EARLIER_TEMPORARY, RunFolder
from jsr.weights import file as weights_file
from tests.training.tiny_runs import parse


def differences(*words):
    return RunFolder(Path("run")).differences(parse("--workdir", "run", *words))


@pytest.fixture
def run(home):
    """The folder of a run that has only just begun."""
    folder = RunFolder(Path("run"))
    folder.write_config(parse("--workdir", "run", "--schedule", "cosine"), digest="a")
    return folder


def test_differences_are_none_for_a_new_folder_an_empty_one_and_the_same_run(home, run):
    assert differences("--schedule", "cosine") is None
    assert RunFolder(Path("new")).differences(parse()) is None
    Path("empty").mkdir()
    assert RunFolder(Path("empty")).differences(parse()) is None


@pytest.mark.parametrize("name", ["photos", "photos/0.png"])
def test_differences_refuses_a_folder_of_other_files_and_a_file(home, name):
    with pytest.raises(ConfigError, match=f"expected a run's folder or a new one, got {name}"):
        RunFolder(Path(name)).differences(parse())


def test_differences_permits_what_changes_no_computation(home, run):
    free = ("--minutes", 1, "--log-every", 7, "--save-every", 7, "--sample-every", 7, "--eval-data", "x")
    assert differences("--schedule", "cosine", *free) is None


def test_differences_permits_more_steps_at_a_constant_rate_alone(home, run):
    with pytest.raises(ConfigError, match="steps 6 there, 8 here.* give --overwrite-config"):
        differences("--schedule", "cosine", "--steps", 8)
    run.write_config(parse("--workdir", "run"), digest="a")
    assert differences("--steps", 8) is None


def test_differences_are_permitted_and_listed_on_request(home, run):
    changes = ("--steps", 8, "--learning-rate", 1e-5, "--batch-size", 8, "--crop", 32)
    with pytest.raises(ConfigError, match="or give --overwrite-config$"):
        differences("--schedule", "cosine", *changes)
    text = differences("--schedule", "cosine", *changes, "--overwrite-config")
    listed = ["steps 6 there, 8 here", "batch_size 4 there, 8 here", "crop 16 there, 32 here"]
    assert text == ", ".join([*listed, "learning_rate 0.0001 there, 1e-05 here"])


def data_differences(digest, *words):
    return RunFolder(Path("run")).data_differences(parse("--workdir", "run", *words), digest)


@pytest.mark.parametrize("spelling", ["photos", "photos/", "./photos", "elsewhere"])
def test_data_differences_are_those_of_the_content_and_not_of_the_path(home, run, spelling):
    assert data_differences("a", "--data", spelling) is None
    with pytest.raises(ConfigError, match=f"in --data {spelling} differ .*another --workdir or give --overwrite-conf"):
        data_differences("b", "--data", spelling)
    text = data_differences("b", "--data", spelling, "--overwrite-config")
    assert text is not None and text.startswith("names, sizes or contents of the pictures")
    assert differences("--schedule", "cosine", "--data", spelling) is None


def test_data_differences_of_a_run_without_a_digest_are_those_of_the_path(home, run):
    """As earlier versions recorded it. The digest is recorded from now on."""
    recorded = json.loads(run.config.read_text())
    del recorded["data_digest"]
    run.config.write_text(json.dumps(recorded))
    for spelling in ("photos", "photos/", "./photos", home / "photos"):
        assert data_differences("a", "--data", spelling) is None
    with pytest.raises(ConfigError, match="data photos there, moved here.* or give --overwrite-config$"):
        data_differences("a", "--data", "moved")
    assert data_differences("a", "--data", "moved", "--overwrite-config") == "data photos there, moved here"
    run.write_config(parse("--data", "moved"), digest="a")
    assert data_differences("a", "--data", "photos") is None


def test_data_differences_of_a_new_run_are_none(home):
    assert data_differences("a") is None


@pytest.mark.parametrize(
    "words",
    [("--seed", 1), ("--precision", "bf16"), ("--model", "srcnn"), ("--scale", 2)],
)
def test_differences_that_make_another_run_are_refused_even_on_request(home, run, words):
    name = words[0].removeprefix("--")
    for request in ((), ("--overwrite-config",)):
        with pytest.raises(ConfigError, match=f"{name} .* there, {words[1]} here") as error:
            differences("--schedule", "cosine", *words, "--steps", 9, *request)
        # The options that may be changed are listed only for the user who asked to change some.
        assert (
            "allows for other data, lr, steps, batch_size, accumulate, crop, learning_rate" in str(error.value)
        ) == bool(request)


def test_differences_take_a_missing_option_for_its_default(home, run):
    """The run was recorded before the option existed: it computed as the default does."""
    recorded = json.loads(run.config.read_text())
    del recorded["precision"]
    run.config.write_text(json.dumps(recorded))
    assert differences("--schedule", "cosine") is None
    with pytest.raises(ConfigError, match="precision fp32 there, bf16 here"):
        differences("--schedule", "cosine", "--precision", "bf16")


@pytest.mark.parametrize("text", ["", '{"phase": "srre', "[]", "\x00"])
def test_differences_refuse_a_broken_configuration_in_one_line(home, run, text):
    run.config.write_text(text)
    with pytest.raises(ConfigError, match="expected a run's configuration") as error:
        differences()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", [".jsr-0123abcd.part", EARLIER_TEMPORARY])
def test_run_killed_before_its_configuration_was_written_begins_anew(home, name):
    Path("run").mkdir()
    Path("run", name).write_text('{"pha')
    assert differences() is None


def test_write_config_records_no_permission(home, run):
    """--overwrite-config holds for one command: the new configuration resumes without it."""
    run.write_config(parse("--workdir", "run", "--steps", 8, "--overwrite-config"), digest="a")
    assert "overwrite_config" not in json.loads(run.config.read_text())
    assert differences("--steps", 8) is None


def test_write_config_removes_temporary_files(home, run):
    (run.path / ".jsr-0123abcd.part").touch()
    run.write_config(parse("--workdir", "run"), digest="a")
    assert [path.name for path in run.path.iterdir()] == ["config.json"]


def test_export_leaves_private_options_out(finished):
    """The weights are passed on; the paths of the user's machine are not."""
    header = weights_file.read(finished / "generator.safetensors").metadata
    assert header["step"] == 6 and header["validation_psnr"] > 0
    training = header["training"]
    assert training["data"] == "photos" and training["crop"] == 16
    assert not training.keys() & {"workdir", "init", "eval_data", "vgg19", "minutes", "overwrite_config"}


def test_newest_srresnet_is_the_run_of_the_scale_changed_last_with_a_checkpoint(home):
    runs = [("begun", "srresnet", 4, False), ("small", "espcn", 4, True), ("x2", "srresnet", 2, True),
            ("b", "srresnet", 4, True), ("a", "srresnet", 4, True)]  # fmt: skip
    for age, (name, model, scale, has_checkpoint) in enumerate(runs):
        folder = RunFolder(home / "runs" / name)
        folder.write_config(parse("--model", model, "--scale", scale), digest="a")
        if has_checkpoint:
            (folder.checkpoints / "5").mkdir(parents=True)
        os.utime(folder.config, (1e9 - age, 1e9 - age))
    (home / "runs" / "broken").mkdir()
    (home / "runs" / "broken" / "config.json").write_text("[]")
    gan = RunFolder(home / "runs" / "srgan")
    assert gan.newest_srresnet(scale=4) == home / "runs" / "b"
    assert gan.newest_srresnet(scale=2) == home / "runs" / "x2"
    assert gan.newest_srresnet(scale=3) is None
    assert RunFolder(home / "elsewhere" / "srgan").newest_srresnet(scale=4) is None

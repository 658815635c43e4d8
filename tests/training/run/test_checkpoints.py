"""Tests ../../../jsr/training/run/checkpoints.py."""

import contextlib
import logging
import shutil
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jsr.errors import CheckpointError
from jsr.files import checksums
from jsr.training.run.checkpoints import Checkpoints, exists, find, restore_average
from jsr.training.steps import Network, PretrainState

ROOT = Path(__file__).parents[3]


def state_of(step):
    """Makes a state whose numbers depend on its step."""
    network = Network({"w": jnp.full((3, 2), step, jnp.float32)}, {}, (jnp.int32(step),))
    ema = {"params": {"w": jnp.full((3, 2), -step, jnp.float32)}, "batch_stats": {}}
    return PretrainState(jnp.int32(step), network, ema)


def save(folder, scores):
    with Checkpoints(folder) as checkpoints:
        for step, psnr in scores.items():
            checkpoints.save(step, state_of(step), psnr=psnr)


def test_save_keeps_the_latest_two_and_the_best(tmp_path):
    save(tmp_path / "run", {1: 20.0, 2: 29.0, 3: 25.0, 4: 24.0, 5: 23.0})
    assert {p.name for p in (tmp_path / "run").iterdir()} == {"2", "4", "5"}


def test_restore_is_exact_to_the_last_bit(tmp_path):
    save(tmp_path / "run", {1: 29.0, 7: 20.0})
    with Checkpoints(tmp_path / "run") as checkpoints:
        restored = checkpoints.restore(7, state_of(0))
    expected = state_of(7)
    assert jax.tree.structure(restored) == jax.tree.structure(expected)
    assert jax.tree.all(jax.tree.map(np.array_equal, restored, expected))
    # On every device, as the step wants it.
    assert all(len(leaf.sharding.device_set) == 4 for leaf in jax.tree.leaves(restored))


def test_restore_average_reads_the_average_alone(tmp_path):
    save(tmp_path / "run", {7: 20.0})
    average, notes = restore_average(tmp_path / "run", state_of(0).ema)
    assert notes == ()
    assert np.array_equal(average["params"]["w"], np.full((3, 2), -7))


def test_exists_counts_complete_checkpoints_only(tmp_path):
    assert not exists(tmp_path / "run")
    (tmp_path / "run" / "5.orbax-checkpoint-tmp").mkdir(parents=True)
    assert not exists(tmp_path / "run")
    save(tmp_path / "other", {5: 1.0})
    assert exists(tmp_path / "other")


def test_restore_average_refuses_another_network_in_one_line(tmp_path):
    save(tmp_path / "run", {7: 20.0})
    larger = {"params": {"w": jnp.zeros((4, 4))}, "batch_stats": {}}
    with pytest.raises(CheckpointError, match="checkpoint 7 in ") as error:
        restore_average(tmp_path / "run", larger)
    assert "\n" not in str(error.value)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="expected a checkpoint, found none"):
        restore_average(tmp_path / "empty", larger)


def restored(folder):
    """Returns the step from which a run resumes, and the notes."""
    found = find(folder)
    assert found
    with Checkpoints(folder, found) as checkpoints:
        state = checkpoints.restore(found.step, state_of(0))
    assert jax.tree.all(jax.tree.map(np.array_equal, state, state_of(found.step)))
    return int(state.step), found.notes


def flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncated(path):
    path.write_bytes(path.read_bytes()[:-1])


def missing(path):
    path.unlink()


@pytest.mark.parametrize("spoil", [flipped, truncated, missing])
def test_find_notices_damage_in_any_file_and_uses_the_checkpoint_before(tmp_path, spoil):
    save(tmp_path / "whole", {1: 29.0, 7: 20.0})
    files = [p.relative_to(tmp_path / "whole") for p in (tmp_path / "whole" / "7").rglob("*")]
    files = [path for path in files if (tmp_path / "whole" / path).is_file()]
    assert len(files) > 8
    for path in files:
        if spoil is missing and path.name == checksums.NAME:
            continue  # an unfinished checkpoint, tested below
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        shutil.copytree(tmp_path / "whole", tmp_path / "run")
        spoil(tmp_path / "run" / path)
        found = find(tmp_path / "run")
        assert found and (found.step, found.aside) == (1, (7,)), path
        (note,) = found.notes
        assert note.startswith(f"checkpoint 7 in {tmp_path / 'run'} is damaged (")
        assert note.endswith("; step 1 is used") and "\n" not in note
    # The last of these runs resumes there, and reaches 7 again.
    assert restored(tmp_path / "run")[0] == 1
    assert (tmp_path / "run" / "7.damaged").is_dir()
    save(tmp_path / "run", {7: 20.0})
    assert restored(tmp_path / "run") == (7, ())


def test_find_notices_damage_in_an_older_checkpoint(tmp_path):
    """Otherwise its metrics, by which the best is chosen, would end the run at the next save."""
    save(tmp_path / "run", {1: 29.0, 7: 20.0})
    (tmp_path / "run" / "1" / "metrics" / "metrics").write_text("{")
    step, (note,) = restored(tmp_path / "run")
    assert step == 7 and "metrics/metrics has changed" in note
    save(tmp_path / "run", {8: 1.0})
    assert restored(tmp_path / "run") == (8, ())


def test_restore_average_takes_no_damaged_checkpoint(tmp_path):
    save(tmp_path / "run", {1: 29.0, 7: 20.0})
    flipped(tmp_path / "run" / "7" / "state" / "manifest.ocdbt")
    average, (note,) = restore_average(tmp_path / "run", state_of(0).ema)
    assert np.array_equal(average["params"]["w"], np.full((3, 2), -1))
    assert "step 1 is used" in note
    assert (tmp_path / "run" / "7").is_dir()  # another run's folder: nothing is moved


def test_find_raises_if_no_checkpoint_is_intact(tmp_path):
    save(tmp_path / "run", {1: 29.0, 7: 20.0})
    for step in "17":
        flipped(tmp_path / "run" / step / "state" / "manifest.ocdbt")
    with pytest.raises(CheckpointError, match="no other is left") as error:
        find(tmp_path / "run")
    assert "\n" not in str(error.value)
    assert all(f"checkpoint {step} in" in str(error.value) for step in "17")


def test_find_takes_a_checkpoint_without_checksums_beside_others_for_unfinished(tmp_path):
    """Nobody knows whether it was complete when the process was killed; the one before is known to be intact."""
    save(tmp_path / "run", {1: 29.0, 7: 20.0})
    (tmp_path / "run" / "7" / checksums.NAME).unlink()
    step, (note,) = restored(tmp_path / "run")
    assert step == 1 and "7 in" in note and "was cut short; step 1 is used" in note


def test_find_uses_checkpoints_older_than_checksums(tmp_path):
    save(tmp_path / "run", {1: 29.0, 7: 20.0})
    for step in "17":
        (tmp_path / "run" / step / checksums.NAME).unlink()
    step, (note,) = restored(tmp_path / "run")
    assert step == 7 and "used unchecked" in note
    save(tmp_path / "run", {8: 1.0})
    assert {p.name for p in (tmp_path / "run").iterdir()} == {"1", "7", "8"}
    assert restored(tmp_path / "run") == (8, ())


def test_checkpoints_delete_what_a_killed_process_left(tmp_path):
    save(tmp_path / "run", {1: 29.0})
    (tmp_path / "run" / "7.orbax-checkpoint-tmp" / "state").mkdir(parents=True)
    (tmp_path / "run" / "deleted" / "0").mkdir(parents=True)
    save(tmp_path / "run", {7: 1.0})
    assert {p.name for p in (tmp_path / "run").iterdir()} == {"1", "7"}


def test_save_does_not_wait_for_the_checksums(tmp_path, monkeypatch):
    permission = threading.Event()
    write = checksums.write
    monkeypatch.setattr(checksums, "write", lambda folder: (permission.wait(30), write(folder)))
    with Checkpoints(tmp_path / "run") as checkpoints:
        checkpoints.save(7, state_of(7), psnr=20.0)
        assert not checksums.exists(tmp_path / "run" / "7")
        permission.set()
        checkpoints.wait()
        assert checksums.exists(tmp_path / "run" / "7")


def test_save_on_a_full_disk_is_one_line_and_the_checkpoint_before_is_kept(tmp_path, capfd):
    """A limit on the size of files stops Orbax in the middle of its largest, as a full disk would."""
    resource = pytest.importorskip("resource", reason="Windows has no limit on the size of files")
    save(tmp_path / "run", {1: 29.0})
    large = state_of(7).replace(ema=np.random.default_rng(0).random(50_000))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(CheckpointError) as error:
            with Checkpoints(tmp_path / "run") as checkpoints:
                resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
                checkpoints.save(7, large, psnr=20.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(error.value) == (f"checkpoint 7 in {tmp_path / 'run'} cannot be saved: File too large; step 1 is kept")
    assert "Traceback" not in capfd.readouterr().err
    assert restored(tmp_path / "run") == (1, ())
    save(tmp_path / "run", {7: 20.0})
    assert restored(tmp_path / "run") == (7, ())


def test_save_reports_checksums_that_cannot_be_written_in_one_line(tmp_path, monkeypatch):
    save(tmp_path / "run", {1: 29.0})

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checksums, "write", full)
    with pytest.raises(CheckpointError, match="No space left on device; step 1 is kept"):
        save(tmp_path / "run", {7: 20.0})
    assert restored(tmp_path / "run")[0] == 1


def process_settings():
    """Lists the settings of the whole process that Orbax's noise depends on."""
    levels = [logging.getLogger(name).level for name in ("absl", "asyncio")]
    return levels, list(warnings.filters), sys.unraisablehook


@pytest.mark.parametrize("error", [None, KeyError("of the caller")])
def test_checkpoints_restore_the_settings_of_the_process(tmp_path, error):
    before = process_settings()
    with pytest.raises(KeyError) if error else contextlib.nullcontext():
        with Checkpoints(tmp_path / "run") as checkpoints:
            assert all(a != b for a, b in zip(process_settings(), before, strict=True))
            checkpoints.save(7, state_of(7), psnr=20.0)
            if error:
                raise error
    assert process_settings() == before
    assert exists(tmp_path / "run")


class Late:
    """Raises where nobody can catch it: when it is deleted, as TensorStore does in threads of its own."""

    def __init__(self, text):
        self.text = text

    def __del__(self):
        raise RuntimeError(self.text)


def test_checkpoints_print_no_late_report_of_a_failed_save(tmp_path, monkeypatch):
    """TensorStore may report long after the `with` block; all other exceptions and settings are as before."""

    def fail(_):
        raise OSError(28, "No space left on device")

    reported = []
    monkeypatch.setattr(sys, "unraisablehook", lambda event: reported.append(str(event.exc_value)))
    before = process_settings()
    with monkeypatch.context() as patch:
        patch.setattr(checksums, "write", fail)
        with pytest.raises(CheckpointError):
            save(tmp_path / "run", {7: 20.0})
    save(tmp_path / "run", {8: 20.0})  # another run of the process ends well
    assert process_settings()[:2] == before[:2]
    Late("Event loop is closed")
    Late("a bug")
    assert reported == ["a bug"]


def test_checkpoints_are_imported_without_changing_the_process():
    code = """
import logging, sys, warnings
import orbax.checkpoint  # what a library does at its import is its own affair
before = sys.unraisablehook, list(warnings.filters), [logging.getLogger(n).level for n in ("absl", "asyncio")]
import jsr.training.run.checkpoints
print(before == (sys.unraisablehook, list(warnings.filters), [logging.getLogger(n).level for n in ("absl", "asyncio")]))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.stdout == "True\n", result.stderr

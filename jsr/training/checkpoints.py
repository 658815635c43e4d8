"""Training checkpoints: the only file that knows Orbax.

A run's `checkpoints/` holds the latest two steps and the one with the best validation PSNR. Saving is asynchronous:
leave the `with` block, or call `wait`, before the process ends. Each is summed once it is whole (`manifest.py`), and
one that is damaged is never used: it is named, put aside as `STEP.damaged`, and the one before it taken.
"""

import functools
import logging
import os
import re
import shutil
import sys
import warnings
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import preservation_policy as policy

from jsr.devices import parallel
from jsr.errors import CheckpointError
from jsr.files import checksums

LATEST = 2  # checkpoints kept beside the best
DELETED = "deleted"  # where a checkpoint goes at once, to be deleted in its time


class Found(NamedTuple):
    """What a run's `checkpoints/` holds."""

    step: int  # of the latest that is good
    aside: tuple[int, ...]  # steps of those that are not
    notes: tuple[str, ...]  # for the user to read


def exists(folder: Path) -> bool:
    """Whether a run's `checkpoints/` holds any that is complete, damaged or not."""
    return bool(_steps(folder))


def find(folder: Path) -> Found | None:
    """Looks for the latest good checkpoint of a run's `checkpoints/`; changes nothing there.

    One without sums is taken where no other has any: an old run's. Beside others it is what a process was killed
    over, before it had summed it; the one before is known to be good, and leads to the same.

    Raises:
      CheckpointError: there are checkpoints, and none is good.
    """
    steps = _steps(folder)
    if not steps:
        return None
    unsummed = [step for step in steps if not checksums.exists(folder / str(step))]
    damaged = {}
    for step in steps:
        if step not in unsummed and (what := checksums.damage(folder / str(step))):
            damaged[step] = f"checkpoint {step} in {folder} is damaged ({what})"
    good = [step for step in steps if step not in unsummed and step not in damaged]
    if not good and not unsummed:
        listed = "; ".join(damaged.values())
        raise CheckpointError(f"{listed}; no other is left: remove {folder} to begin anew")
    step = max(good or unsummed)
    notes = [f"{text}; step {step} is used" for text in damaged.values()]
    unfinished = [s for s in unsummed if s > step]
    notes += [f"checkpoint {s} in {folder} was cut short; step {step} is used" for s in unfinished]
    if not good:
        notes.append(f"checkpoint {step} in {folder} has no {checksums.NAME}; used unchecked")
    return Found(step, (*damaged, *unfinished), tuple(notes))


def _steps(folder):
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())


def _psnr(metrics):
    return metrics["psnr"]


@functools.cache  # once
def _quieten():
    """Keeps off stderr the pages of traceback that go there beside the one error of a save that failed."""
    for name in ("absl", "asyncio"):  # Orbax's
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
    hook = sys.unraisablehook

    def unraisable(told):
        if str(told.exc_value) != "Event loop is closed":  # TensorStore's, too late for Orbax
            hook(told)

    sys.unraisablehook = unraisable


class Checkpoints:
    """The checkpoints of one run."""

    def __init__(self, folder: Path, found: Found | None = None):
        """Takes up a run at what `find` found; puts aside what is not good, and deletes what was cut short."""
        for step in found.aside if found else ():
            aside = folder / f"{step}.damaged"
            shutil.rmtree(aside, ignore_errors=True)
            (folder / str(step)).rename(aside)
        shutil.rmtree(folder / DELETED, ignore_errors=True)
        keep = [policy.LatestN(LATEST), policy.BestN(get_metric_fn=_psnr, n=1)]
        options = ocp.CheckpointManagerOptions(
            best_fn=_psnr,
            best_mode="max",
            preservation_policy=policy.AnyPreservationPolicy(keep),
            cleanup_tmp_directories=True,
            todelete_subdir=DELETED,  # a deletion that was cut short would look like damage
        )
        _quieten()
        self._folder = folder
        self._manager = ocp.CheckpointManager(folder.absolute(), options=options)
        self._thread = ThreadPoolExecutor(1)
        self._saving: Future | None = None

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind, *_) -> None:
        try:
            self.wait()
            self._manager.close()
        except Exception:
            if kind is None:  # else another error is under way, often the same
                raise
        finally:
            self._thread.shutdown()

    def save(self, step: int, state: Any, *, psnr: float) -> None:
        """Begins to save a state, once the save before is on disk; what the best is chosen by goes with it.

        Raises:
          CheckpointError: this or the save before failed.
        """
        self.wait()
        if step in self._manager.all_steps():
            return
        try:
            self._manager.save(
                step,
                args=ocp.args.Composite(state=ocp.args.StandardSave(state)),
                metrics={"psnr": float(psnr)},
            )
        except Exception as error:  # Orbax and TensorStore raise nearly anything
            raise self._unsaved(step, error) from error
        self._saving = self._thread.submit(self._finish, step)

    def wait(self) -> None:
        """Returns when all saves are on disk.

        Raises:
          CheckpointError: a save failed.
        """
        saving, self._saving = self._saving, None
        if saving:
            saving.result()

    def _finish(self, step):
        """In a thread of its own: waits for Orbax, sums what it wrote, and deletes what it put away."""
        try:
            self._manager.wait_until_finished()
            checksums.write(self._folder / str(step))
        except Exception as error:
            raise self._unsaved(step, error) from error
        shutil.rmtree(self._folder / DELETED, ignore_errors=True)

    def _unsaved(self, step, error):
        before = [s for s in _steps(self._folder) if s < step]
        kept = f"; step {before[-1]} is kept" if before else ""
        return CheckpointError(f"checkpoint {step} in {self._folder} cannot be saved: {_reason(error)}{kept}")

    def restore(self, step: int, like: Any) -> Any:
        """Returns the state of a step, placed on all local devices.

        Args:
          like: a tree of the same structure whose leaves have shape and dtype.

        Raises:
          CheckpointError: the checkpoint is of another structure.
        """
        sharding = parallel.replicated()
        target = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), like)
        try:
            restored = self._manager.restore(step, args=ocp.args.Composite(state=ocp.args.StandardRestore(target)))
        except Exception as error:  # Orbax raises bare Exceptions
            raise CheckpointError(f"checkpoint {step} in {self._folder} cannot be read: {_reason(error)}") from error
        return restored["state"]


def restore_average(folder: Path, like: Any) -> tuple[Any, tuple[str, ...]]:
    """Reads only the averaged generator of a run's latest good checkpoint, as numpy arrays, and notes on others.

    Args:
      folder: a run's `checkpoints/`.
      like: `{"params", "batch_stats"}` with leaves that have shape and dtype.

    Raises:
      CheckpointError: there is no checkpoint, none is good, or it holds another network.
    """
    found = find(folder)
    if found is None:
        raise CheckpointError(f"{folder}: expected a checkpoint, found none")
    step = found.step
    wanted = {"ema": like}
    as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), wanted)
    try:
        with ocp.PyTreeCheckpointer() as checkpointer:
            restored = checkpointer.restore(
                (folder / str(step) / "state").absolute(),
                args=ocp.args.PyTreeRestore(item=wanted, restore_args=as_numpy, partial_restore=True),
            )
    except Exception as error:  # see `Checkpoints.restore`
        raise CheckpointError(f"checkpoint {step} in {folder}: {_reason(error)}") from error
    ema = restored["ema"]
    same = jax.tree.map(lambda a, b: a.shape == b.shape, ema, like)
    if not all(jax.tree.leaves(same)):
        raise CheckpointError(f"checkpoint {step} in {folder} holds a network of other sizes")
    return ema, found.notes


def _reason(error):
    """What the system says, if TensorStore quotes it among its paths, or the first line of what Orbax says."""
    text = getattr(error, "strerror", None) or str(error).strip()
    if code := re.search(r"os_error_code='(\d+)'", text):
        return os.strerror(int(code[1]))
    return text.splitlines()[0] if text else type(error).__name__

"""Training checkpoints: the only file that uses Orbax.

A run's `checkpoints/` holds the latest two steps and the one with the best validation PSNR. Saving is asynchronous:
leave the `with` block, or call `wait`, before the process ends. Where several processes train, all of them save and
restore, as Orbax requires, and the first one does all else. Each checkpoint gets a list of checksums once it is
complete. A damaged one is never used: the user reads its name, it is renamed to `STEP.damaged`, and the run resumes
from the one before.
"""

import contextlib
import gc
import shutil
import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import preservation_policy as policy

from jsr.devices import hosts, parallel
from jsr.errors import CheckpointError
from jsr.files import checksums, tensors
from jsr.training.run import failed_saves

LATEST = 2  # checkpoints that stay, beside the best
UNFINISHED = ".orbax-checkpoint-tmp"  # in the names of folders that Orbax has not completed
DELETED = "deleted"  # subfolder to which Orbax moves a checkpoint before deleting it


class Found(NamedTuple):
    """The checkpoints in a run's `checkpoints/`."""

    step: int  # of the latest intact one
    aside: tuple[int, ...]  # steps of the damaged and unfinished ones
    notes: tuple[str, ...]  # for the user to read


def exists(folder: Path) -> bool:
    """Returns whether a run's `checkpoints/` holds a complete one, damaged or not."""
    return bool(_steps(folder))


def find(folder: Path) -> Found | None:
    """Finds the latest intact checkpoint in a run's `checkpoints/`, or None if there are none; changes nothing there.

    A checkpoint without checksums is used only where no other has any, because the run is then older than checksums.
    Beside others it was left by a process that was killed before it wrote the checksums; the one before is known to be
    intact, and training from it gives the same results.

    Raises:
      CheckpointError: there are checkpoints, but all are damaged.
    """
    steps = _steps(folder)
    if not steps:
        return None
    unsummed = [step for step in steps if not checksums.exists(folder / str(step))]
    damaged = {}
    for step in steps:
        if step not in unsummed and (damage := checksums.damage(folder / str(step))):
            damaged[step] = f"checkpoint {step} in {folder} is damaged ({damage})"
    intact = [step for step in steps if step not in unsummed and step not in damaged]
    if not intact and not unsummed:
        listed = "; ".join(damaged.values())
        raise CheckpointError(f"{listed}; no other is left: remove {folder} to begin anew")
    step = max(intact or unsummed)
    notes = [f"{text}; step {step} is used" for text in damaged.values()]
    unfinished = [s for s in unsummed if s > step]
    notes += [f"checkpoint {s} in {folder} was cut short; step {step} is used" for s in unfinished]
    if not intact:
        notes.append(f"checkpoint {step} in {folder} has no {checksums.NAME}; used unchecked")
    return Found(step, (*damaged, *unfinished), tuple(notes))


def restore_average(folder: Path, like: Any) -> tuple[Any, tuple[str, ...]]:
    """Reads the averaged generator of a run's latest intact checkpoint, and nothing else of it.

    Args:
      folder: a run's `checkpoints/`.
      like: `{"params", "batch_stats"}` with leaves that have shape and dtype.

    Returns:
      the averaged variables as numpy arrays, and notes on damaged checkpoints.

    Raises:
      CheckpointError: there is no checkpoint, none is intact, or it holds another network; then the message lists all
        differences.
    """
    found = find(folder)
    if found is None:
        raise CheckpointError(f"{folder}: expected a checkpoint, found none")
    step = found.step
    target = {"ema": like}
    as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), target)
    place = (folder / str(step) / "state").absolute()
    try:
        with failed_saves.quiet(), ocp.PyTreeCheckpointer() as checkpointer:
            saved = checkpointer.metadata(place).item_metadata.tree["ema"]
            # Asked first, because a partial restore leaves what is missing as it came, and drops what is foreign.
            differences = tensors.differences(_shapes(like), _shapes(saved))
            if not differences:
                args = ocp.args.PyTreeRestore(item=target, restore_args=as_numpy, partial_restore=True)
                return checkpointer.restore(place, args=args)["ema"], found.notes
    except Exception as error:  # Orbax raises bare Exceptions
        raise CheckpointError(f"checkpoint {step} in {folder} cannot be read: {failed_saves.reason(error)}") from error
    raise CheckpointError(
        f"checkpoint {step} in {folder}: expected the network that its run names, got {'; '.join(differences)}"
    )


class Checkpoints:
    """The checkpoints of one run, opened by a `with` block."""

    def __init__(self, folder: Path, found: Found | None = None) -> None:
        """Takes a run's `checkpoints/` and the result of `find` for it; changes nothing there yet."""
        self._folder = folder
        self._found = found
        self._saving: Future[None] | None = None

    def __enter__(self) -> "Checkpoints":
        """Renames damaged checkpoints, deletes unfinished ones, and starts Orbax."""
        with hosts.first_ahead("checkpoints"):
            if hosts.is_first():
                self._tidy()
        policies = [policy.LatestN(LATEST), policy.BestN(get_metric_fn=_psnr, n=1)]
        options = ocp.CheckpointManagerOptions(
            best_fn=_psnr,
            best_mode="max",
            preservation_policy=policy.AnyPreservationPolicy(policies),
            todelete_subdir=DELETED,  # Without this, a deletion that was cut short would look like damage.
        )
        self._quiet = contextlib.ExitStack()
        self._quiet.enter_context(failed_saves.quiet())
        self._hook = sys.unraisablehook
        sys.unraisablehook = failed_saves.without_late_reports(self._hook)
        self._has_failed = False
        self._manager = ocp.CheckpointManager(self._folder.absolute(), options=options)
        self._thread = ThreadPoolExecutor(1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Waits until all is saved.

        Raises:
          CheckpointError: a save failed; not raised beside another exception, which often has the same cause.
        """
        try:
            self.wait()
            self._manager.close()
        except Exception:
            if kind is None:
                raise
        finally:
            self._thread.shutdown()
            if self._has_failed:
                # Orbax's coroutines lie in cycles with its manager. Collected later, they would warn aloud.
                del self._manager
                gc.collect()
            else:
                sys.unraisablehook = self._hook
            self._quiet.close()

    def save(self, step: int, state: Any, *, psnr: float) -> None:
        """Begins to save a state, after waiting for the save before.

        Args:
          psnr: of the validation, in dB; the checkpoint with the highest stays.

        Raises:
          CheckpointError: this save or the one before failed.
        """
        self.wait()
        if step in self._manager.all_steps():
            return
        try:
            self._manager.save(
                step,
                args=ocp.args.Composite(state=ocp.args.StandardSave(parallel.to_across(state))),
                metrics={"psnr": float(psnr)},
            )
        except Exception as error:  # Orbax and TensorStore raise nearly any class
            raise self._unsaved(step, error) from error
        self._saving = self._thread.submit(self._finish, step)

    def wait(self) -> None:
        """Waits until all saves are on disk.

        Raises:
          CheckpointError: a save failed.
        """
        saving, self._saving = self._saving, None
        if saving:
            saving.result()

    def restore(self, step: int, like: Any) -> Any:
        """Returns the state of a step, on all local devices.

        Args:
          like: a tree of the same structure whose leaves have shape and dtype.

        Raises:
          CheckpointError: the checkpoint cannot be read, or has another structure.
        """
        sharding = parallel.across()
        target = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), like)
        try:
            restored = self._manager.restore(step, args=ocp.args.Composite(state=ocp.args.StandardRestore(target)))
        except Exception as error:  # Orbax raises bare Exceptions
            raise CheckpointError(
                f"checkpoint {step} in {self._folder} cannot be read: {failed_saves.reason(error)}"
            ) from error
        return parallel.from_across(restored["state"])

    def _tidy(self) -> None:
        for step in self._found.aside if self._found else ():
            aside = self._folder / f"{step}.damaged"
            shutil.rmtree(aside, ignore_errors=True)
            (self._folder / str(step)).rename(aside)
        # Not by Orbax, whose thread would go on beside the next manager of this folder, and both would fail.
        for unfinished in (self._folder / DELETED, *self._folder.glob(f"*{UNFINISHED}*")):
            shutil.rmtree(unfinished, ignore_errors=True)

    def _finish(self, step: int) -> None:
        """Waits for Orbax, writes the checksums, and deletes superseded checkpoints; runs in a thread of its own."""
        try:
            self._manager.wait_until_finished()
            if hosts.is_first():
                checksums.write(self._folder / str(step))
        except Exception as error:
            raise self._unsaved(step, error) from error
        if hosts.is_first():
            shutil.rmtree(self._folder / DELETED, ignore_errors=True)

    def _unsaved(self, step: int, error: Exception) -> CheckpointError:
        # TensorStore's threads report the writes under way at any time until the process ends, so the hook stays.
        self._has_failed = True
        failed_saves.clear_frames(error)
        before = [s for s in _steps(self._folder) if s < step]
        remaining = f"; step {before[-1]} is kept" if before else ""
        return CheckpointError(
            f"checkpoint {step} in {self._folder} cannot be saved: {failed_saves.reason(error)}{remaining}"
        )


def _steps(folder: Path) -> list[int]:
    """Lists the steps of the complete checkpoints, in order."""
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())


def _shapes(variables: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    leaves = jax.tree.leaves_with_path(variables)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf.shape for path, leaf in leaves}


def _psnr(metrics: Mapping[str, float]) -> float:
    return metrics["psnr"]

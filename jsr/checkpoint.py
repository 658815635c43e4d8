"""Training checkpoints: the only file that knows Orbax.

A run's `checkpoints/` holds the latest two steps and the one with the best validation PSNR. Saving is asynchronous:
leave the `with` block, or call `wait`, before the process ends.
"""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import preservation_policy as policy

from jsr import parallel

LATEST = 2  # checkpoints kept beside the best


class CheckpointError(ValueError):
    """A checkpoint that is missing or cannot be read, in one line."""


def exists(folder: Path) -> bool:
    """Whether a run's `checkpoints/` holds any that is complete."""
    return folder.is_dir() and any(path.name.isdigit() for path in folder.iterdir())


def _psnr(metrics):
    return metrics["psnr"]


class Checkpoints:
    """The checkpoints of one run."""

    def __init__(self, folder: Path):
        keep = [policy.LatestN(LATEST), policy.BestN(get_metric_fn=_psnr, n=1)]
        options = ocp.CheckpointManagerOptions(
            best_fn=_psnr, best_mode="max", preservation_policy=policy.AnyPreservationPolicy(keep)
        )
        self._manager = ocp.CheckpointManager(folder.absolute(), options=options)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *_) -> None:
        self._manager.close()

    def save(self, step: int, state: Any, *, psnr: float) -> None:
        """Begins to save a state; what the best is chosen by goes with it."""
        if step in self._manager.all_steps():
            return
        self._manager.save(
            step,
            args=ocp.args.Composite(state=ocp.args.StandardSave(state)),
            metrics={"psnr": float(psnr)},
        )

    def wait(self) -> None:
        """Returns when all saves are on disk."""
        self._manager.wait_until_finished()

    def restore(self, like: Any) -> Any:
        """Returns the latest state, placed on all local devices.

        Args:
          like: a tree of the same structure whose leaves have shape and dtype.

        Raises:
          CheckpointError: the checkpoint is of another structure or is damaged.
        """
        sharding = parallel.replicated()
        target = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), like
        )
        step = self._manager.latest_step()
        try:
            restored = self._manager.restore(
                step, args=ocp.args.Composite(state=ocp.args.StandardRestore(target))
            )
        except Exception as error:  # Orbax raises bare Exceptions for damaged files
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise CheckpointError(
                f"checkpoint {step} in {self._manager.directory} cannot be read: {reason[0]}"
            ) from error
        return restored["state"]


def restore_average(folder: Path, like: Any) -> Any:
    """Reads only the averaged generator of a run's latest checkpoint, as numpy arrays.

    Args:
      folder: a run's `checkpoints/`.
      like: `{"params", "batch_stats"}` with leaves that have shape and dtype.

    Raises:
      CheckpointError: there is no checkpoint, or it holds another network.
    """
    with ocp.CheckpointManager(folder.absolute()) as manager:
        step = manager.latest_step()
        if step is None:
            raise CheckpointError(f"{folder}: expected a checkpoint, found none")
        wanted = {"ema": like}
        as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), wanted)
        try:
            restored = manager.restore(
                step,
                args=ocp.args.Composite(
                    state=ocp.args.PyTreeRestore(
                        item=wanted, restore_args=as_numpy, partial_restore=True
                    )
                ),
            )
        except Exception as error:  # see `restore`
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise CheckpointError(f"checkpoint {step} in {folder}: {reason[0]}") from error
    ema = restored["state"]["ema"]
    same = jax.tree.map(lambda a, b: a.shape == b.shape, ema, like)
    if not all(jax.tree.leaves(same)):
        raise CheckpointError(f"checkpoint {step} in {folder} holds a network of other sizes")
    return ema

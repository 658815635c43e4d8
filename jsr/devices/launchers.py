"""Launchers: programs that start one command several times, on one host or many, and number its processes.

Slurm's srun and Open MPI's mpirun tell each process its number in its environment. By hand, or by a Kubernetes Job,
`JSR_PROCESSES` and `JSR_PROCESS` do.
"""

import os
import re
from dataclasses import dataclass

from jsr.errors import ConfigError


@dataclass(frozen=True)
class Place:
    """The place of a process among those of its command."""

    index: int = 0
    count: int = 1
    gpu: int | None = None  # the only GPU it may use, where several processes see the same ones; None for all it sees

    @property
    def is_first(self) -> bool:
        """Whether it is the one that speaks for all."""
        return self.index == 0

    def __str__(self) -> str:
        """Returns "process 1 of 4"."""
        return f"process {self.index} of {self.count}"


# Variables of each: the number of processes, that of this one; its number on its host, and how many the host has.
# In this order, because mpirun may start its helpers by srun, whose variables the processes then inherit. Not
# `SLURM_NTASKS`, which a script under sbatch has as well, although it is one process.
LAUNCHERS = (
    ("JSR_PROCESSES", "JSR_PROCESS", "", ""),
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"),
    ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_STEP_TASKS_PER_NODE"),
)


def place() -> Place:
    """Reads the place of this process from its environment; without a launcher, it is the first of one.

    Raises:
      ConfigError: a variable is missing or no number in its range.
    """
    for count_name, index_name, local_name, local_count_name in LAUNCHERS:
        if count_name not in os.environ:
            continue
        count = _number(count_name, 1)
        if count == 1:
            return Place()
        index = _number(index_name, 0, count - 1)
        # Such as "2(x3),1": two processes on each of three hosts, one on the fourth.
        numbers = re.findall(r"(\d+)(?:\(x\d+\))?(?:,|$)", os.environ.get(local_count_name, ""))
        on_host = max(map(int, numbers), default=1)
        return Place(index, count, _number(local_name, 0) if _share_gpus(on_host) else None)
    return Place()


def _share_gpus(processes: int) -> bool:
    """Returns whether the processes of this host see the same GPUs, and not each its own."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return processes > 1 and (visible is None or len(visible.split(",")) >= processes)


def _number(name: str, lowest: int, highest: int | None = None) -> int:
    text = os.environ.get(name, "")
    if text.isdecimal() and lowest <= int(text) and (highest is None or int(text) <= highest):
        return int(text)
    limits = f"{lowest} or more" if highest is None else f"{lowest} to {highest}"
    raise ConfigError(f"{name}: expected a number, {limits}, in the environment, got {text or 'nothing'}")

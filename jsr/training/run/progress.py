"""The progress of a run: its metrics checked, averaged and recorded, and its speed measured."""

import time
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jsr.devices.parallel import Pending
from jsr.errors import TrainingError
from jsr.training import balance
from jsr.training.balance import Balance
from jsr.training.run.record import Record

SHOWN = ("loss", "content", "generator", "discriminator")  # metrics beside the progress bar

Metrics = dict[str, Float[np.ndarray, " n"]]


class Dispatched(NamedTuple):
    """Steps that were dispatched and may still be running."""

    first: int  # number of steps of the run before them
    last: int  # number of steps of the run after them
    pending: Pending


class Progress:
    """Follows a run from dispatch to dispatch."""

    def __init__(self, record: Record, *, log_every: int) -> None:
        """Begins with no history: the next line of metrics is the mean over the steps from here."""
        self.rate = 0.0  # steps per second of the last finished dispatch
        self._record = record
        self._log_every = log_every
        self._history: list[Metrics] = []  # since the last line of metrics
        self._balance = Balance()
        self._start = 0.0  # when the devices became free for the dispatch that runs now

    def restart_clock(self) -> None:
        """Notes that the devices are idle until the next dispatch."""
        self._start = time.perf_counter()

    def finish(self, dispatched: Dispatched, *, is_last: bool = False) -> None:
        """Waits for dispatched steps, checks their metrics, and records them where a line is due.

        Args:
          is_last: whether a line is due in any case, because the run ends here.

        Raises:
          TrainingError: a metric is not finite.
        """
        metrics, end = dispatched.pending.wait()
        count = dispatched.last - dispatched.first
        self.rate, self._start = count / (end - self._start), end
        self._check_finite(metrics, dispatched.first)
        self._balance, change = balance.follow(self._balance, metrics)
        if change:
            self._record.note(dispatched.last, change)
        latest = {name: float(metrics[name][-1]) for name in SHOWN if name in metrics}
        self._record.advance(count, self._balance.verdict, **latest)
        self._history.append(metrics)
        if is_last or dispatched.last % self._log_every == 0:
            means = {name: float(np.concatenate([m[name] for m in self._history]).mean()) for name in metrics}
            self._record.log(dispatched.last, **means, steps_per_second=self.rate)
            self._history = []

    def _check_finite(self, metrics: Metrics, first: int) -> None:
        for name, values in metrics.items():
            indices = np.flatnonzero(~np.isfinite(values))
            if indices.size:
                step = first + int(indices[0]) + 1
                self._record.note(step, f"{name} is not finite")
                raise TrainingError(f"{name} is not finite at step {step}")

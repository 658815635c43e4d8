"""The training loop.

One loop serves both phases: it knows a state, a source of pictures, checkpoints and a
report, and nothing of discriminators.
"""

import dataclasses
import functools
import math
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jsr.data import patches, placement
from jsr.data.crops import Source, at_step
from jsr.devices import parallel
from jsr.devices.parallel import Metrics
from jsr.errors import TrainingError
from jsr.files import atomic
from jsr.models import Model
from jsr.training import balance, phases, run_folder, steps, validation
from jsr.training.balance import Balance
from jsr.training.checkpoints import Checkpoints, find
from jsr.training.config import Config, check
from jsr.training.record import Report
from jsr.weights import file as weights_file

DISPATCH_SECONDS = 2.5  # that a dispatch should take: a signal waits for the two under way


class Dispatched(NamedTuple):
    """Steps under way."""

    end: int  # the run's steps when they are through
    count: int
    metrics: Metrics


def run(config: Config) -> Path:
    """Trains as the configuration says, resuming what its folder holds, and returns the exported generator's path.

    Raises:
      ValueError: the configuration, the data or the run's folder does not fit, or a loss is not finite; one line.
      OSError: a file cannot be read or written.
    """
    end = time.monotonic() + 60 * config.minutes if config.minutes else math.inf
    folder = Path(config.workdir or f"runs/{config.phase}")
    config = dataclasses.replace(config, workdir=str(folder))
    # What can be wrong is found in the order of what it costs, and nothing is written before.
    check(config)
    changed = run_folder.check_folder(config)
    found = find(folder / "checkpoints")
    init_key, data_key = jax.random.split(jax.random.key(config.seed))
    state, step, notes = phases.start(config, init_key, resuming=found is not None)
    size = config.crop + 2 * steps.margin(config.scale)
    pictures = patches.load(config.data, size=size)
    chosen, note = validation.choose(config, pictures)
    print(*notes, f"data: {pictures.description}", note, sep="\n")

    run_folder.keep(config)
    atomic.sweep(folder)
    with Checkpoints(folder / "checkpoints", found) as checkpoints:
        if found:
            state = checkpoints.restore(found.step, state)
            print(*found.notes, f"resuming {folder} at step {found.step}", sep="\n")
        done = int(state.step)
        placed = placement.place(pictures, data_key, first=done, end=config.steps, batch=config.batch_size, size=size)
        print(placed.note)
        crops = functools.partial(at_step, batch=config.batch_size, size=size)
        dispatch = parallel.parallel(step, crops, most=placed.most, axes=placed.axes)
        with Report(folder, step=done, steps=config.steps, phase=config.phase) as report:
            if changed:
                text = f"configuration overwritten: {changed}; a run of this one alone would end otherwise"
                report.note(done, text)
            validate = functools.partial(validation.validate, phases.network(config), chosen)
            state = parallel.replicate(state)
            _fit(config, state, placed.at, dispatch, placed.most, validate, checkpoints, report, end)
    return folder / weights_file.RUN_FILE


def _fit(
    config: Config,
    state: Any,
    source: Callable[[int], Source],
    dispatch: Callable[[Any, Any, int], tuple[Any, Metrics]],
    most: int,
    validate: Callable[[Any], tuple[Model, float, list]],
    checkpoints: Checkpoints,
    report: Report,
    end: float,
) -> None:
    """The loop of both phases: dispatch, report, and at intervals validate, draw and save, till `end` at most."""
    folder = Path(config.workdir)
    stop = _stop_on_signals()
    done = int(state.step)
    history: list[dict[str, np.ndarray]] = []
    rate = 0.0  # steps per second of the last dispatch that is through
    since = 0.0  # when the devices were free for what is under way
    closing = 0.0  # seconds that the last validation took, with its saving
    standing = Balance()

    def settle(dispatched: Dispatched, *, last: bool = False) -> None:
        """Waits for a dispatch; checks and reports its metrics."""
        nonlocal history, rate, since, standing
        new, ended = dispatched.metrics()
        rate, since = dispatched.count / (ended - since), ended
        _check_finite(new, dispatched.end - dispatched.count, folder, report)
        standing, verdict = balance.follow(standing, new)
        if verdict:
            report.note(dispatched.end, verdict)
        report.advance(dispatched.count, standing.verdict, **_headline(new))
        history.append(new)
        if last or dispatched.end % config.log_every == 0:
            means = {name: float(np.concatenate([h[name] for h in history]).mean()) for name in new}
            report.log(dispatched.end, **means, steps_per_second=rate)
            history = []

    last, before = done >= config.steps, None
    while not last:
        # A dispatch ends where something is due, and takes seconds, so that a signal is soon heard.
        count = min(_to_next(done, config, most), max(1, int(rate * DISPATCH_SECONDS)))
        if before is None:
            since = time.perf_counter()
        state, new = dispatch(state, source(done), count)
        done += count
        # Only now, with the devices at work again, download the metrics of the dispatch before this one.
        if before:
            settle(before)
        before = Dispatched(done, count, new)

        last = done == config.steps or stop.is_set() or time.monotonic() + closing > end
        save = last or done % config.save_every == 0
        sample = last or done % config.sample_every == 0
        if save or sample:
            # The next dispatch takes over the state's memory, so here the devices wait.
            settle(before, last=last)
            before, began = None, time.monotonic()
            model, psnr, columns = validate(state.ema)
            report.log(done, psnr=psnr)
            report.say(f"step {done}: validation PSNR {psnr:.2f} dB")
            if sample:
                report.samples(done, columns)
            if save:
                # In this order: a run that has its last checkpoint trains no more, so the file must be there.
                run_folder.export(model, config, step=done, psnr=psnr)
                checkpoints.save(done, state, psnr=psnr)
            closing = time.monotonic() - began
    checkpoints.wait()
    if done < config.steps:
        report.say(f"stopped at step {done} of {config.steps}, saved; the same command resumes")


def _to_next(done, config, most):
    """Steps until something is due, or a chunk of `most` steps ends."""
    due = [config.steps - done]
    due += [n - done % n for n in (config.log_every, config.save_every, config.sample_every, most)]
    return min(due)


def _check_finite(history, start, folder, report):
    for name, values in history.items():
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            step = start + int(bad[0]) + 1
            report.note(step, f"{name} is not finite")
            raise TrainingError(
                f"{name} is not finite at step {step}; the last good checkpoint is kept in"
                f" {folder / 'checkpoints'}; try a lower --learning-rate in another --workdir"
            )


def _headline(history):
    """The numbers beside the progress bar: the last step's losses."""
    shown = ("loss", "content", "generator", "discriminator")
    return {name: float(history[name][-1]) for name in shown if name in history}


def _stop_on_signals():
    """Returns an event that SIGTERM and Ctrl-C set; a second one ends the program at once."""
    stop = threading.Event()

    def handle(number, _):
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, handle)
    return stop

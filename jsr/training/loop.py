"""The training loop.

One loop serves both phases: it knows a state, a source of pictures, checkpoints and a record, and nothing of
discriminators.
"""

import dataclasses
import functools
import math
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import jax

from jsr.data import collection, patches, placement
from jsr.data.crops import at_step
from jsr.data.placement import Placed
from jsr.devices import hosts, parallel
from jsr.devices.parallel import Dispatch
from jsr.errors import TrainingError
from jsr.metrics import lpips_model
from jsr.training import phases, validation
from jsr.training.config import Config, check, private
from jsr.training.run.checkpoints import Checkpoints, exists, find
from jsr.training.run.progress import Dispatched, Progress
from jsr.training.run.record import Record, Silence
from jsr.training.run.run_folder import RunFolder
from jsr.training.validation import Validation
from jsr.version import __version__

DISPATCH_SECONDS = 2.5  # intended duration of a dispatch: a signal waits for the two that are under way


def run(config: Config) -> Path:
    """Trains by a configuration, resuming the run in its folder, and returns the path of the exported generator.

    SIGTERM or Ctrl-C ends it after the steps under way, saved; a second one ends the program at once.

    Raises:
      ConfigError: an option is out of its range, the folder holds another run or one on other pictures, or the
        weights to start from are another network's.
      DataError: the pictures cannot be trained on.
      WeightsError: the weights to start from, or VGG's, are missing or damaged.
      CheckpointError: no checkpoint of the run is intact, or one cannot be saved.
      TrainingError: a loss is not finite.
      OSError: a file cannot be read or written.
    """
    deadline = time.monotonic() + 60 * config.minutes if config.minutes else math.inf
    folder = RunFolder(Path(config.workdir or f"runs/{config.phase}"))
    config = dataclasses.replace(config, workdir=str(folder.path))
    # The cheapest checks come first, and nothing is written before the last of them.
    check(config)
    options = folder.differences(config)
    found = find(folder.checkpoints)
    init_key, data_key = jax.random.split(jax.random.key(config.seed))
    state, step, notes = phases.start(config, init_key, is_resumed=found is not None)
    degrade = phases.degradation(config)
    with hosts.first_ahead("data"):  # which may download a dataset
        if config.lr:
            photographs = collection.find_pairs(config.data, config.lr, scale=config.scale)
            size = config.crop  # without a margin, because nothing is made from them
        else:
            photographs = collection.find(config.data)
            size = config.crop + 2 * degrade.margin
    digest = collection.digest(photographs)
    differences = ", ".join(filter(None, [options, folder.data_differences(config, digest)]))
    hosts.agree(_facts(config, step=found and found.step, digest=digest))
    pictures = patches.load(photographs, size=size)
    chosen, note = validation.choose(config, pictures, degrade)
    score = functools.partial(validation.validate, phases.network(config), chosen, perceptual=lpips_model.load())
    print(*notes, f"data: {pictures.description}", note, sep="\n")

    hosts.check_shared(folder.path)
    if hosts.is_first():
        folder.write_config(config, digest=digest)
    with Checkpoints(folder.checkpoints, found) as checkpoints:
        if found:
            state = checkpoints.restore(found.step, state)
            print(*found.notes, f"resuming {folder.path} at step {found.step}", sep="\n")
        first = int(state.step)
        batch = config.batch_size
        placed = placement.place(pictures, data_key, first=first, end=config.steps, batch=batch, size=size)
        print(placed.note)
        crops = functools.partial(at_step, batch=batch, size=size)
        dispatch = parallel.make_dispatch(step, crops, most=placed.most, axes=placed.axes)
        with _record(folder, config, first) as record:
            if differences:
                text = f"configuration overwritten: {differences}; a run of this one alone would end otherwise"
                record.note(first, text)
            # The name is reused, so that the original does not stay in memory.
            state = parallel.replicate(parallel.from_first(state))
            try:
                _train(
                    config,
                    state,
                    placed=placed,
                    dispatch=dispatch,
                    validate=score,
                    checkpoints=checkpoints,
                    record=record,
                    deadline=deadline,
                )
            except TrainingError as error:
                checkpoints.wait()  # one may be under way
                kept = "the last good checkpoint is kept in" if exists(folder.checkpoints) else "none is saved yet in"
                advice = "try a lower --learning-rate in another --workdir"
                raise TrainingError(f"{error}; {kept} {folder.checkpoints}; {advice}") from error
    return folder.generator


def _train(
    config: Config,
    state: Any,
    *,
    placed: Placed,
    dispatch: Dispatch,
    validate: Callable[[Any], Validation],
    checkpoints: Checkpoints,
    record: Record,
    deadline: float,
) -> None:
    """Dispatches steps and records their metrics; at intervals validates, draws samples, exports and saves.

    Args:
      state: replicated, at any step.
      validate: takes the averaged generator's variables.
      deadline: in `time.monotonic()`; the run is saved and ends before it.
    """
    stop = _stop_on_signals()
    progress = Progress(record, log_every=config.log_every)
    step, before = int(state.step), None
    closing = 0.0  # seconds that the last validation took, with export and save
    is_last = step >= config.steps

    def is_over() -> bool:
        return stop.is_set() or time.monotonic() + closing > deadline

    def negative_limit() -> int:
        return -max(1, int(progress.rate * DISPATCH_SECONDS))

    largest = parallel.make_largest()
    over, limit = is_over, negative_limit
    while not is_last:
        # A dispatch ends where something is due, and soon enough for a signal to be noticed.
        count = min(_until_due(step, config, placed.most), -limit())
        if before is None:
            progress.restart_clock()
        over, limit = largest(is_over), largest(negative_limit)
        state, pending = dispatch(state, placed.at(step), count)
        # Now that the devices are busy again, the metrics of the dispatch before can be downloaded.
        if before:
            progress.finish(before)
        before = Dispatched(step, step + count, pending)
        step += count

        is_last = step == config.steps or bool(over())
        has_save = is_last or step % config.save_every == 0
        has_sample = is_last or step % config.sample_every == 0
        if has_save or has_sample:
            # The next dispatch takes over the state's memory, so the devices must wait here.
            progress.finish(before, is_last=is_last)
            before, start = None, time.monotonic()
            result = validate(state.ema)
            psnr = result.scores["psnr"]
            record.log(step, **result.scores)
            record.show(f"step {step}: validation {validation.as_text(result.scores)}")
            if has_sample:
                record.samples(step, result.samples)
            if has_save:
                # Export first: a run with its last checkpoint is never resumed, so its weights must already exist.
                if hosts.is_first():
                    record.folder.export(result.model, config, step=step, psnr=psnr)
                checkpoints.save(step, state, psnr=psnr)
            closing = time.monotonic() - start
    checkpoints.wait()
    if step < config.steps:
        record.show(f"stopped at step {step} of {config.steps}, saved; the same command resumes")


def _facts(config: Config, *, step: int | None, digest: str) -> dict[str, Any]:
    """Returns what all processes of a run must have in common. Paths may differ; what they lead to is compared."""
    options = {name: value for name, value in dataclasses.asdict(config).items() if name not in private()}
    versions = {"jsr": __version__, "jax": jax.__version__}
    return options | versions | {"devices": jax.local_device_count(), "checkpoint": step, "data": digest[:12]}


def _record(folder: RunFolder, config: Config, step: int) -> Record:
    if not hosts.is_first():
        return Silence(folder)
    return Record(folder, step=step, steps=config.steps, phase=config.phase)


def _until_due(step: int, config: Config, most: int) -> int:
    """Returns the number of steps until something is due or the source's next chunk of `most` steps begins."""
    intervals = (config.log_every, config.save_every, config.sample_every, most)
    return min(config.steps - step, *(interval - step % interval for interval in intervals))


def _stop_on_signals() -> threading.Event:
    """Returns an event that SIGTERM and Ctrl-C set; a second signal ends the program at once."""
    stop = threading.Event()

    def handle(number: int, _: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, handle)
    return stop

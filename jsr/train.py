"""Trains a generator: `python -m jsr.train --phase srresnet`, then `--phase srgan`.

`run(config)` is the program; `main` reads its arguments. One loop serves both phases: it knows a state, a source of
pictures, checkpoints and a report, and nothing of discriminators.
"""

import argparse
import dataclasses
import functools
import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jsr import checkpoint, data, features, images, losses, metrics, parallel, pixels, resize
from jsr import report, steps, upscale, weights
from jsr.models import MODELS
from jsr.models.discriminator import Discriminator
from jsr.models.vgg19 import LAYERS

Phase = Literal["srresnet", "srgan"]
Content = Literal["vgg54", "vgg22", "mse"]
Schedule = Literal["constant", "step", "cosine"]

TRAINABLE = ("srresnet", "srcnn", "espcn")  # networks of the srresnet phase
FACTORS = {2: (2,), 3: (3,), 4: (2, 2)}  # scale -> factors of the sub-pixel layers
MOST = 500  # steps in one dispatch, at the most: their metrics stay on the device till its end
DISPATCH_SECONDS = 5.0  # how long a dispatch should take: a signal is heard between two


class TrainingError(ValueError):
    """What keeps a run from starting or going on, in one line."""


@dataclasses.dataclass(frozen=True)
class Config:
    """All that a run depends on. The defaults are the paper's SRResNet (section 3.2)."""

    phase: Phase = "srresnet"
    model: str = "srresnet"  # network of the srresnet phase: srresnet, or its ancestors srcnn and espcn
    scale: int = 4  # 2, 3 or 4
    data: str = "div2k"  # a folder of pictures, or a prepared set
    workdir: str = ""  # the run's folder; runs/PHASE where empty
    init: str = ""  # srgan: run folder or weights file that the generator starts from
    steps: int = 1_000_000
    batch_size: int = 16  # crops a step, over all devices
    crop: int = 96  # pixels of a high-resolution crop
    learning_rate: float = 1e-4  # Adam, both networks
    beta1: float = 0.9  # Adam
    schedule: Schedule = "constant"  # step: a tenth after half of the steps; cosine: falls to zero
    warmup: int = 0  # steps of linear rise to the learning rate
    ema_decay: float = 0.999  # moving average of the generator, which samples and the export use
    content: Content = "vgg54"  # srgan: what the content loss compares
    content_weight: float | None = None  # srgan; None: 1 for mse, else what belongs to the VGG19 file
    adversarial_weight: float = 1e-3  # srgan
    vgg19: str = ""  # srgan: a ported file, or "random"; the user's cache where empty
    seed: int = 0
    log_every: int = 100  # steps
    save_every: int = 5_000  # steps; also validates
    sample_every: int = 5_000  # steps
    eval_data: str = ""  # folder with hr/ (and lr/) to validate on; else pictures held out of `data`


PHASES = {
    "srresnet": Config(),
    "srgan": Config(phase="srgan", steps=200_000, schedule="step"),
}


def run(config: Config) -> Path:
    """Trains as the configuration says and returns the path of the exported generator.

    Raises:
      ValueError: the configuration, the data or the run's folder does not fit; the message is one line.
    """
    _check(config)
    folder = Path(config.workdir or f"runs/{config.phase}")
    config = dataclasses.replace(config, workdir=str(folder))
    _claim(folder, config)

    key = jax.random.key(config.seed)
    init_key, data_key, vgg_key = jax.random.split(key, 3)
    size = config.crop + 2 * steps.margin(config.scale)

    pictures = data.load(config.data, size=size)
    print(f"data: {pictures.description}")
    validation = _validation_set(config, pictures)
    source = _source(pictures, data_key, config, size)

    factors = FACTORS[config.scale]
    generator = MODELS[config.model](factors=factors)
    training = MODELS[config.model](factors=factors, **_axis(config.model))
    state, step = _setup(config, folder, generator, training, init_key, vgg_key)

    with checkpoint.Checkpoints(folder / "checkpoints") as checkpoints:
        # What a run starts from, in this order:
        # 1. its own latest checkpoint, so that the same command resumes;
        # 2. for srgan, the generator of --init, or of the newest SRResNet run, or the bundled one (in `_setup`);
        # 3. random values.
        if (latest := checkpoints.latest()) is not None:
            state = checkpoints.restore(state)
            print(f"resuming {folder} at step {latest}")
        state = parallel.replicate(state)
        crops = functools.partial(data.crops, batch=config.batch_size, size=size)
        dispatch = parallel.parallel(step, crops, most=MOST)
        with report.Report(
            folder, step=int(state.step), steps=config.steps, phase=config.phase
        ) as reporter:
            validate = functools.partial(_validate, generator, config, validation)
            fit(config, state, source, dispatch, checkpoints, reporter, validate, folder)
    return folder / "generator.safetensors"


def fit(
    config: Config,
    state: Any,
    source: Callable[[int, int], Any],
    dispatch: Callable[[Any, Any, int], tuple[Any, dict]],
    checkpoints: checkpoint.Checkpoints,
    reporter: report.Report,
    validate: Callable[[Any], tuple[weights.Model, float, list]],
    folder: Path,
) -> None:
    """The loop of both phases: dispatch, report, and at intervals validate, draw and save."""
    stop = _stop_on_signals()
    done = int(state.step)
    history: list[dict[str, np.ndarray]] = []
    rate = 0.0  # steps per second of the last dispatch
    while done < config.steps and not stop.is_set():
        # A dispatch ends where something is due, and takes seconds, so that a signal is soon heard.
        count = min(_to_next(done, config), MOST, max(1, int(rate * DISPATCH_SECONDS)))
        began = time.perf_counter()
        state, new = dispatch(state, source(done, count), count)
        new = {name: np.asarray(value)[:count] for name, value in new.items()}  # waits for the device
        rate = count / (time.perf_counter() - began)
        done += count
        _check_finite(new, done - count, folder)
        reporter.advance(count, **_headline(new))
        history.append(new)

        if done % config.log_every == 0 or done == config.steps:
            means = {name: float(np.concatenate([h[name] for h in history]).mean()) for name in new}
            reporter.log(done, **means, steps_per_second=rate)
            history = []
        last = done == config.steps or stop.is_set()
        save = last or done % config.save_every == 0
        if save or done % config.sample_every == 0:
            model, psnr, columns = validate(state.ema)
            reporter.log(done, psnr=psnr)
            reporter.say(f"step {done}: validation PSNR {psnr:.2f} dB")
            if last or done % config.sample_every == 0:
                reporter.samples(done, columns)
            if save:
                checkpoints.save(done, state, psnr=psnr)
                export(model, folder / "generator.safetensors", config, step=done, psnr=psnr)
    checkpoints.wait()
    if done < config.steps:
        reporter.say(f"stopped at step {done} of {config.steps}, saved; the same command resumes")


def export(model: weights.Model, path: Path, config: Config, *, step: int, psnr: float) -> None:
    """Writes the averaged generator as a weights file that `infer --model` takes."""
    metadata = {
        "phase": config.phase,
        "step": step,
        "validation_psnr": round(psnr, 4),
        "training": {k: v for k, v in dataclasses.asdict(config).items() if k != "workdir"},
    }
    weights.save(
        path, config.model, {"factors": FACTORS[config.scale]}, model.variables, metadata
    )


def _check(config):
    """Refuses values that no run can use."""
    for name, kind in (("phase", Phase), ("content", Content), ("schedule", Schedule)):
        if getattr(config, name) not in get_args(kind):
            choices = ", ".join(get_args(kind))
            raise TrainingError(f"--{name}: expected one of {choices}, got {getattr(config, name)}")
    if config.model not in TRAINABLE or (config.phase == "srgan" and config.model != "srresnet"):
        known = "srresnet" if config.phase == "srgan" else ", ".join(TRAINABLE)
        raise TrainingError(f"--model: expected one of {known}, got {config.model}")
    if config.scale not in FACTORS:
        raise TrainingError(f"--scale: expected 2, 3 or 4, got {config.scale}")
    if config.crop < 4 * config.scale or config.crop % config.scale:
        raise TrainingError(
            f"--crop: expected a multiple of the scale {config.scale}, at least {4 * config.scale},"
            f" got {config.crop}"
        )
    for name in ("steps", "log_every", "save_every", "sample_every"):
        if getattr(config, name) < 1:
            flag = name.replace("_", "-")
            raise TrainingError(f"--{flag}: expected at least 1, got {getattr(config, name)}")
    if not 0 <= config.ema_decay < 1:
        raise TrainingError(f"--ema-decay: expected 0 or more and below 1, got {config.ema_decay}")
    parallel.check_batch(config.batch_size)


# Another value of these on an old run only says how far it goes or what it tells, not what it computes.
CHANGEABLE = {"workdir", "init", "log_every", "save_every", "sample_every", "eval_data"}


def _claim(folder, config):
    """Takes a run's folder: a new one gets `config.json`, an old one must have been made with the same."""
    path = folder / "config.json"
    new = dataclasses.asdict(config)
    if path.exists():
        try:
            old = json.loads(path.read_text())
        except json.JSONDecodeError as error:
            raise TrainingError(f"{path}: expected a run's configuration, got {error}") from error
        changed = [k for k in new if k not in CHANGEABLE and old.get(k) != new[k]]
        # A constant rate does not know where a run ends, so such a run may be made longer.
        if config.schedule == "constant" and "steps" in changed:
            changed.remove("steps")
        if changed:
            listed = ", ".join(f"{k} {old.get(k)} there, {new[k]} here" for k in changed)
            raise TrainingError(f"{folder} holds another run ({listed}); choose another --workdir")
    elif folder.exists() and any(folder.iterdir()):
        raise TrainingError(f"--workdir: expected a run's folder or a new one, got {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(new, indent=2) + "\n")


def _axis(model):
    """Only networks with BatchNorm know of the devices."""
    return {"axis_name": parallel.AXIS} if model == "srresnet" else {}


def _setup(config, folder, generator, training, init_key, vgg_key):
    """Returns the initial state and the step of a phase."""
    g_key, d_key = jax.random.split(init_key)
    lr_shape = (1, config.crop // config.scale, config.crop // config.scale, 3)
    optimizer = optax.adam(_schedule(config), b1=config.beta1)
    if config.phase == "srresnet":
        network = steps.init_network(g_key, generator, optimizer, lr_shape)
        state = steps.PretrainState(jnp.int32(0), network, steps.averaged(network))
        step = steps.make_pretrain_step(
            generator=training,
            optimizer=optimizer,
            ema_decay=config.ema_decay,
            axis_name=parallel.AXIS,
        )
        return state, step

    discriminator = Discriminator()
    network = steps.start_network(_initial_generator(config, folder, generator), optimizer)
    d_network = steps.init_network(
        d_key, discriminator, optimizer, (1, config.crop, config.crop, 3)
    )
    state = steps.GanState(jnp.int32(0), network, d_network, steps.averaged(network))
    content, content_weight = _content(config, vgg_key)
    step = steps.make_gan_step(
        generator=training,
        discriminator=Discriminator(axis_name=parallel.AXIS),
        content=content,
        generator_optimizer=optimizer,
        discriminator_optimizer=optimizer,
        content_weight=content_weight,
        adversarial_weight=config.adversarial_weight,
        ema_decay=config.ema_decay,
        axis_name=parallel.AXIS,
    )
    return state, step


def _schedule(config):
    rate = config.learning_rate
    if config.schedule == "cosine":
        return optax.warmup_cosine_decay_schedule(0.0, rate, config.warmup, config.steps)
    if config.schedule == "step":
        after = optax.piecewise_constant_schedule(rate, {config.steps // 2: 0.1})
    else:
        after = optax.constant_schedule(rate)
    if not config.warmup:
        return after
    return lambda step: after(step) * jnp.minimum(1.0, (step + 1) / config.warmup)


def _content(config, key):
    """Returns the content loss and its weight."""
    if config.content == "mse":
        weight = 1.0 if config.content_weight is None else config.content_weight
        return losses.mse, weight
    source = config.vgg19 if config.vgg19 in ("", "random") else Path(config.vgg19)
    module, variables, weight = features.load_vgg19(
        source or None, layer=LAYERS[config.content], key=key
    )
    if config.content_weight is not None:
        weight = config.content_weight
    print(f"content: {config.content} by {config.vgg19 or 'cached VGG19'}, weight {weight:g}")
    apply = functools.partial(module.apply, variables)
    return functools.partial(losses.feature_mse, apply), weight


def _initial_generator(config, folder, generator):
    """Returns what the generator of the srgan phase starts from, and says what that is."""
    chosen = config.init or _newest_pretrained(folder)
    if chosen and (Path(chosen) / "checkpoints").is_dir():
        like = jax.eval_shape(generator.init, jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
        variables = checkpoint.restore_average(Path(chosen) / "checkpoints", dict(like))
        print(f"generator: from the run {chosen}")
        return variables
    model = weights.load(chosen or "srresnet")
    if model.module != generator:
        raise TrainingError(f"--init: expected weights of {generator}, {chosen} is {model.module}")
    print(f"generator: from {chosen or 'the bundled SRResNet weights'}")
    return model.variables


def _newest_pretrained(folder):
    """The SRResNet run beside this one that was touched last, or ""."""
    found = []
    for path in folder.absolute().parent.glob("*/config.json"):
        try:
            old = json.loads(path.read_text())
        except (OSError, json.JSONDecodeError):
            continue
        is_pretrained = old.get("phase") == "srresnet" and old.get("model") == "srresnet"
        if is_pretrained and any((path.parent / "checkpoints").glob("[0-9]*")):
            found.append((path.stat().st_mtime, str(path.parent)))
    return max(found)[1] if found else ""


def _source(pictures, key, config, size):
    """Returns `source(step, count)`: the pictures on the device, or the batches of the next steps from the host."""
    fits, reason = data.fits(pictures)
    if fits:
        print(f"crops: drawn on the device ({reason})")
        resident = parallel.replicate(data.resident(pictures, key))
        return lambda step, count: resident
    print(f"crops: prepared on the host ({reason})")
    return lambda step, count: data.stream(
        pictures, key, step, count, batch=config.batch_size, size=size
    )


def _validation_set(config, pictures):
    """Pairs `(lr, hr)` of uint8 pictures to validate on."""
    if not config.eval_data:
        return [(_reduce(hr, config.scale), hr) for hr in pictures.validation]
    folder = Path(config.eval_data)
    hr_files = sorted((folder / "hr").glob("*.png"))
    if not hr_files:
        raise TrainingError(f"--eval-data: expected a folder with hr/*.png, got {folder}")
    pairs = []
    for path in hr_files:
        hr = images.read(path).pixels
        hr = hr[: hr.shape[0] // config.scale * config.scale]
        hr = hr[:, : hr.shape[1] // config.scale * config.scale]
        pairs.append((_reduce(hr, config.scale), hr))
    return pairs


def _reduce(hr, scale):
    lr = resize.downscale(pixels.to_unit(hr[None]), scale)
    return np.asarray(jnp.round(lr[0] * 255).astype(jnp.uint8))


def _validate(generator, config, validation, ema):
    """Upscales the validation pictures; returns the model, the mean PSNR and centre pieces for the grid."""
    variables = jax.device_get({k: v for k, v in ema.items() if v})
    model = weights.Model(generator, variables, {})
    inference = weights.inference(model)
    scores, columns = [], []
    for lr, hr in validation:
        sr = upscale.upscale(inference, lr)
        scores.append(metrics.psnr(sr, hr, shave=config.scale))
        columns.append((lr, sr, hr))
    return model, float(np.mean(scores)), [_centre(c, config.scale) for c in columns[:6]]


def _centre(column, scale):
    """Cuts the middle out of `(lr, sr, hr)`, 40 low-resolution pixels wide at the most."""
    lr = column[0]
    side = min(40, *lr.shape[:2])
    y, x = (lr.shape[0] - side) // 2, (lr.shape[1] - side) // 2
    lr = lr[y : y + side, x : x + side]
    y, x, side = y * scale, x * scale, side * scale
    return (lr, *(p[y : y + side, x : x + side] for p in column[1:]))


def _to_next(done, config):
    """Steps until something is due."""
    due = [config.steps - done]
    due += [n - done % n for n in (config.log_every, config.save_every, config.sample_every)]
    return min(due)


def _check_finite(history, start, folder):
    for name, values in history.items():
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise TrainingError(
                f"{name} is not finite at step {start + int(bad[0]) + 1}; the last good checkpoint is kept in"
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


def _parse(argv):
    """Reads the command line: `--phase` chooses the defaults, every field of Config is an option."""
    parser = argparse.ArgumentParser(prog="python -m jsr.train", description=__doc__.splitlines()[0])
    parser.error = lambda message: _fail(f"{message}; --help lists the options", 2)
    parser.add_argument("--phase", choices=PHASES, required=True)
    for field in dataclasses.fields(Config)[1:]:
        kind = field.type if field.type in (int, float) else str
        if field.type == float | None:
            kind = float
        values = [getattr(c, field.name) for c in PHASES.values()]
        default = " / ".join(dict.fromkeys(str(v) for v in values))
        choices = get_args(field.type) if field.type in (Content, Schedule) else None
        parser.add_argument(
            "--" + field.name.replace("_", "-"),
            type=kind,
            choices=choices,
            default=argparse.SUPPRESS,
            help=f"default: {default or 'see README'}",
        )
    given = vars(parser.parse_args(argv))
    return dataclasses.replace(PHASES[given.pop("phase")], **given)


def _fail(message, status):
    print(f"jsr.train: {message}", file=sys.stderr)
    sys.exit(status)


def main(argv: list[str] | None = None) -> None:
    config = _parse(argv)
    try:
        path = run(config)
    except (ValueError, OSError) as error:
        _fail(str(error), 1)
    else:
        print(f"generator: {path}")


if __name__ == "__main__":
    main()

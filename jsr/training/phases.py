"""From a configuration to what a phase trains: its initial state and its step."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jsr import models
from jsr.devices import compilation, parallel
from jsr.errors import ConfigError
from jsr.models import vgg19
from jsr.models.discriminator import Discriminator
from jsr.training import checkpoints, losses, optimizers, run_folder, steps
from jsr.training.config import FACTORS, Config
from jsr.training.steps import GanState, PretrainState
from jsr.weights import vgg19 as vgg19_weights
from jsr.weights import zoo


class Start(NamedTuple):
    """A phase about to begin."""

    state: Any
    step: Callable[[Any, Any], tuple[Any, dict[str, Any]]]
    notes: tuple[str, ...]  # what was chosen, for the user to read


def network(config: Config, **fields: Any) -> Any:
    """The generator of a configuration, computing in float32 unless told otherwise."""
    return models.MODELS[config.model](factors=FACTORS[config.scale], **fields)


def _in_training(config):
    """The generator as a step runs it: in the precision and with the statistics of the configuration."""
    fields = {"dtype": compilation.DTYPES[config.precision]}
    if config.model == "srresnet":  # only the network with BatchNorm knows of the devices
        fields |= {"axis_name": parallel.AXIS, "frozen": config.statistics == "running"}
    return network(config, **fields)


def start(config: Config, key: jax.Array, *, resuming: bool) -> Start:
    """Makes a phase ready to begin.

    Args:
      key: draws the initial values, and the features of a random VGG19.
      resuming: the state will be replaced, so that what it starts from need not be there any more.

    Raises:
      ValueError: the weights to start from, or VGG19's, cannot be had.
    """
    make = {"srresnet": _srresnet, "srgan": _srgan}[config.phase]
    return make(config, key, resuming)


def _srresnet(config, key, resuming):
    g_key, _, _ = jax.random.split(key, 3)
    optimizer = optimizers.make_optimizer(config)
    if config.init and not resuming:
        variables, notes = _given_generator(config, config.init)
        generator = steps.start_network(variables, optimizer)
    else:
        generator = steps.init_network(g_key, network(config), optimizer, _lr_shape(config))
        notes = ()
    state = PretrainState(jnp.int32(0), generator, steps.averaged(generator))
    step = steps.make_pretrain_step(
        generator=_in_training(config),
        optimizer=optimizer,
        ema_decay=config.ema_decay,
        axis_name=parallel.AXIS,
    )
    return Start(state, step, notes)


def _srgan(config, key, resuming):
    g_key, d_key, vgg_key = jax.random.split(key, 3)
    optimizer = optimizers.make_optimizer(config)
    if resuming:
        variables, notes = network(config).init(g_key, jnp.zeros(_lr_shape(config))), ()
    else:
        # What was given, the newest SRResNet run beside this one, or the bundled SRResNet weights.
        chosen = config.init or run_folder.newest(Path(config.workdir)) or "srresnet"
        variables, notes = _given_generator(config, chosen)
    generator = steps.start_network(variables, optimizer)
    critic = steps.init_network(d_key, Discriminator(), optimizer, (1, config.crop, config.crop, 3))
    content, content_weight, note = _content(config, vgg_key)
    critic_in_training = Discriminator(dtype=compilation.DTYPES[config.precision], axis_name=parallel.AXIS)
    step = steps.make_gan_step(
        generator=_in_training(config),
        discriminator=critic_in_training,
        content=content,
        generator_optimizer=optimizer,
        discriminator_optimizer=optimizer,
        content_weight=content_weight,
        pixel_weight=config.pixel_weight,
        adversarial_weight=config.adversarial_weight,
        ema_decay=config.ema_decay,
        axis_name=parallel.AXIS,
    )
    state = GanState(jnp.int32(0), generator, critic, steps.averaged(generator))
    return Start(state, step, (*notes, note))


def _lr_shape(config):
    side = config.crop // config.scale
    return (1, side, side, 3)


def _content(config, key):
    """Returns the content loss, its weight and a note."""
    if config.content == "mse":
        content, weight, what = losses.mse, 1.0, "mean squared error"
    else:
        layer = vgg19.LAYERS[config.content]
        source = config.vgg19 if config.vgg19 in ("", "random") else Path(config.vgg19)
        module, variables, weight = vgg19_weights.load_vgg19(source or None, layer=layer, key=key)
        content = functools.partial(losses.feature_mse, lambda x: module.apply(variables, x))
        what = f"VGG19 {layer}, {config.vgg19 or 'ImageNet'}"
    if config.content_weight is not None:
        weight = config.content_weight
    return content, weight, f"content: {what}, weight {weight:g}"


def _given_generator(config, chosen):
    """Returns the variables of the generator in a run or a weights file, and a note of what they are."""
    generator = network(config)
    if (Path(chosen) / "checkpoints").is_dir():
        like = jax.eval_shape(generator.init, jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
        variables, notes = checkpoints.restore_average(Path(chosen) / "checkpoints", dict(like))
        return variables, (*notes, f"generator: from the run {chosen}")
    model = zoo.load(chosen)
    if model.module != generator:
        raise ConfigError(
            f"--init: expected the network {config.model} of scale {config.scale}, with BatchNorm if it"
            f" has any, got {chosen}"
        )
    named = "the bundled SRResNet weights" if chosen == "srresnet" else f"the weights {chosen}"
    return model.variables, (f"generator: from {named}",)

"""The two phases of training: for each, its initial state and its step, made from a configuration."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from jsr import models
from jsr.degradation import Bicubic, Degradation, Photo
from jsr.devices import compilation, parallel
from jsr.metrics import lpips, lpips_model
from jsr.metrics.lpips import Reference
from jsr.models.judges import feature_discriminator
from jsr.models.judges.discriminator import Discriminator
from jsr.models.judges.feature_discriminator import FeatureDiscriminator
from jsr.training import losses, optimizers, steps
from jsr.training.config import FACTORS, Config
from jsr.training.run import origin
from jsr.training.run.run_folder import RunFolder
from jsr.training.steps import GanState, PretrainState
from jsr.weights import vgg

# Depth of the VGG and layer of a feature loss. phi_i,j is the output of the j-th convolution before the i-th pooling,
# after its ReLU (Ledig et al. 2017, table 2, with VGG19). VGG16 has no fourth convolution there, so 54 means its last.
CONTENT_LAYERS = {
    "vgg54": (19, "relu5_4"),
    "vgg22": (19, "relu2_2"),
    "vgg16_54": (16, "relu5_3"),
    "vgg16_22": (16, "relu2_2"),
}


class Start(NamedTuple):
    """A phase that is about to begin."""

    state: Any  # PretrainState or GanState
    step: Callable[[Any, Any], tuple[Any, dict[str, Any]]]
    notes: tuple[str, ...]  # where the weights come from, for the user to read


def start(config: Config, key: Key[Array, ""], *, is_resumed: bool) -> Start:
    """Makes the initial state and the step of a phase.

    Args:
      key: for the initial values, and the weights of a random VGG19.
      is_resumed: whether a checkpoint will replace the state; the weights it once started from may then be missing.

    Raises:
      ConfigError: the weights to start from are those of another network.
      CheckpointError: the run to start from has no intact checkpoint.
      WeightsError: the weights to start from, or VGG's, are missing or damaged.
    """
    if config.phase == "srresnet":
        return _start_srresnet(config, key, is_resumed)
    return _start_srgan(config, key, is_resumed)


def network(config: Config, **fields: Any) -> Any:
    """Makes the generator of a configuration, in float32 if the fields name no other type.

    Args:
      fields: further fields of the network's class.
    """
    return models.MODELS[config.model](factors=FACTORS[config.scale], **fields)


def degradation(config: Config) -> Degradation:
    """Makes the degradation of a configuration."""
    if config.degradation == "bicubic":
        return Bicubic(config.scale)
    return Photo(
        config.scale,
        blur=config.blur,
        noise=config.noise,
        quality=config.quality,
        second_round=config.second_round,
        clean=config.clean,
    )


def _start_srresnet(config: Config, key: Key[Array, ""], is_resumed: bool) -> Start:
    g_key, _, _ = jax.random.split(key, 3)
    optimizer = optimizers.make_optimizer(config)
    if config.init and not is_resumed:
        variables, notes = origin.load(config.init, network(config), g_key)
        generator = steps.start_network(variables, optimizer)
    else:
        generator = steps.init_network(g_key, network(config), optimizer, _lr_shape(config))
        notes = ()
    state = PretrainState(jnp.int32(0), generator, steps.averaged(generator))
    step = steps.make_pretrain_step(
        generator=_training_network(config),
        optimizer=optimizer,
        pixel_loss=_pixel_loss(config),
        degrade=degradation(config),
        key=_degradation_key(key),
        ema_decay=config.ema_decay,
        parts=config.accumulate,
        axis_name=parallel.AXIS,
    )
    return Start(state, step, notes)


def _start_srgan(config: Config, key: Key[Array, ""], is_resumed: bool) -> Start:
    g_key, d_key, vgg_key = jax.random.split(key, 3)
    optimizer = optimizers.make_optimizer(config)
    if is_resumed:
        variables, notes = network(config).init(g_key, jnp.zeros(_lr_shape(config))), ()
    else:
        newest = RunFolder(Path(config.workdir)).newest_srresnet(scale=config.scale)
        name = config.init or str(newest or "srresnet")
        variables, notes = origin.load(name, network(config), g_key)
    generator = steps.start_network(variables, optimizer)
    vgg16 = _vgg16(config)
    judge = _discriminator(config, vgg16)
    discriminator = steps.init_network(d_key, judge, optimizer, (1, config.crop, config.crop, 3))
    content, content_weight, note = _content(config, vgg_key, vgg16)
    step = steps.make_gan_step(
        generator=_training_network(config),
        discriminator=judge,
        content=content,
        pixel_loss=_pixel_loss(config),
        degrade=degradation(config),
        key=_degradation_key(key),
        generator_optimizer=optimizer,
        discriminator_optimizer=optimizer,
        content_weight=content_weight,
        pixel_weight=config.pixel_weight,
        grid_weight=config.grid_weight,
        adversarial_weight=config.adversarial_weight,
        ema_decay=config.ema_decay,
        parts=config.accumulate,
        axis_name=parallel.AXIS,
    )
    state = GanState(jnp.int32(0), generator, discriminator, steps.averaged(generator))
    return Start(state, step, (*notes, note))


def _vgg16(config: Config) -> Reference | None:
    """Loads VGG16 where content or discriminator need it, once for both, because the file has 59 MB."""
    if config.content == "lpips" or config.discriminator == "features":
        return lpips_model.load_vgg16(compilation.DTYPES[config.precision])
    return None


def _discriminator(config: Config, vgg16: Reference | None) -> Discriminator | FeatureDiscriminator:
    dtype = compilation.DTYPES[config.precision]
    if config.discriminator == "paper":
        return Discriminator(dtype=dtype, axis_name=parallel.AXIS)
    assert vgg16
    network = vgg16.network.clone(layers=feature_discriminator.LAYERS)
    return FeatureDiscriminator(functools.partial(network.apply, vgg16.variables), dtype=dtype)


def _training_network(config: Config) -> Any:
    """Makes the generator as a step runs it: with the precision and the BatchNorm statistics of the configuration."""
    fields: dict[str, Any] = {"dtype": compilation.DTYPES[config.precision]}
    if config.model == "srresnet":  # the only network with BatchNorm, and so the only one that averages over devices
        fields |= {"axis_name": parallel.AXIS, "frozen": config.statistics == "running"}
    return network(config, **fields)


def _degradation_key(key: Key[Array, ""]) -> Key[Array, ""]:
    return jax.random.fold_in(key, 3)  # the keys 0 to 2 are those of the initial values


def _lr_shape(config: Config) -> tuple[int, int, int, int]:
    side = config.crop // config.scale
    return (1, side, side, 3)


def _pixel_loss(config: Config) -> steps.PixelLoss:
    return {"mse": losses.mse, "l1": losses.l1, "charbonnier": losses.charbonnier}[config.pixel_loss]


def _content(config: Config, key: Key[Array, ""], vgg16: Reference | None) -> tuple[Callable[..., Any], float, str]:
    """Returns the content loss, its weight, and a note on both."""
    if config.content == "mse":
        content, weight, name = losses.mse, 1.0, "mean squared error"
    elif config.content == "lpips":
        assert vgg16
        content, weight, name = functools.partial(_lpips, vgg16), 1.0, "LPIPS on VGG16"
    else:
        depth, layer = CONTENT_LAYERS[config.content]
        source = config.vgg19 if config.vgg19 in ("", "random") else Path(config.vgg19)
        module, variables, weight = vgg.load_vgg(depth, source or None, layer=layer, key=key)
        content = functools.partial(losses.feature_mse, lambda x: module.apply(variables, x)[0])
        name = f"VGG{depth} {layer}, {config.vgg19 or 'ImageNet'}"
    if config.content_weight is not None:
        weight = config.content_weight
    return content, weight, f"content: {name}, weight {weight:g}"


def _lpips(reference: Reference, sr: Any, hr: Any) -> Array:
    return jnp.mean(lpips.distances(reference, sr, hr))

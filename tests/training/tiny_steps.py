"""Tiny networks, their states and steps: compiled in a second, and of the same parts as the full ones."""

import functools

import jax
import jax.numpy as jnp
import optax

from jsr.degradation import Bicubic, Degradation
from jsr.models.judges import vgg
from jsr.models.judges.discriminator import Discriminator
from jsr.models.srresnet import SRResNet
from jsr.training import steps
from jsr.training.losses import feature_mse, mse
from jsr.training.steps import GanState, PretrainState

CROP = 24
BICUBIC = Bicubic(4)
SIZE = CROP + 2 * BICUBIC.margin
BATCH = 8


def generator(**fields):
    return SRResNet(features=8, blocks=2, **fields)


def discriminator(**fields):
    return Discriminator(features=4, **fields)


def vgg19_content():
    """Returns the content loss of a random VGG19."""
    module, variables = vgg.random_vgg(jax.random.key(3), 19, ("relu2_2",))
    return functools.partial(feature_mse, lambda x: module.apply(variables, x)[0])


def pretrain_state(optimizer: optax.GradientTransformation) -> PretrainState:
    network = steps.init_network(jax.random.key(0), generator(), optimizer, (1, 6, 6, 3))
    return PretrainState(jnp.int32(0), network, steps.averaged(network))


def gan_state(optimizer: optax.GradientTransformation) -> GanState:
    g = steps.init_network(jax.random.key(0), generator(), optimizer, (1, 6, 6, 3))
    d = steps.init_network(jax.random.key(1), discriminator(), optimizer, (1, CROP, CROP, 3))
    return GanState(jnp.int32(0), g, d, steps.averaged(g))


def pretrain_step(
    optimizer,
    axis_name=None,
    dtype=jnp.float32,
    degrade: Degradation = BICUBIC,
    pixel_loss=mse,
    parts=1,
    frozen=False,
):
    return steps.make_pretrain_step(
        generator=generator(axis_name=axis_name, dtype=dtype, frozen=frozen),
        optimizer=optimizer,
        pixel_loss=pixel_loss,
        parts=parts,
        degrade=degrade,
        key=jax.random.key(2),
        ema_decay=0.9,
        axis_name=axis_name,
    )


def gan_step(
    optimizer,
    axis_name=None,
    dtype=jnp.float32,
    content=mse,
    content_weight=1.0,
    pixel_weight=0.0,
    grid_weight=0.0,
    adversarial_weight=1e-3,
    parts=1,
):
    return steps.make_gan_step(
        generator=generator(axis_name=axis_name, dtype=dtype),
        discriminator=discriminator(axis_name=axis_name, dtype=dtype),
        content=content,
        pixel_loss=mse,
        parts=parts,
        degrade=BICUBIC,
        key=jax.random.key(2),
        generator_optimizer=optimizer,
        discriminator_optimizer=optimizer,
        content_weight=content_weight,
        pixel_weight=pixel_weight,
        grid_weight=grid_weight,
        adversarial_weight=adversarial_weight,
        ema_decay=0.9,
        axis_name=axis_name,
    )


def jit(step):
    """Compiles a step without XLA's optimisations, which takes half the time; a test runs it only a few times."""
    return jax.jit(step, compiler_options={"xla_backend_optimization_level": 0})


def distance(a, b) -> float:
    """Returns the largest difference between two trees of arrays."""
    return max(jax.tree.leaves(jax.tree.map(lambda x, y: float(jnp.abs(x - y).max()), a, b)))

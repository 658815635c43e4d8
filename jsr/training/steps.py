"""The two train steps: SRResNet on pixel error, SRGAN against a discriminator (Ledig et al. 2017).

    SRResNet:  min_G  MSE(G(lr), hr)                                                            equation 4
    SRGAN:     min_G  w_c content(G(lr), hr) + w_a softplus(-D(G(lr)))                          equations 3, 5, 6
               min_D  softplus(-D(hr)) + softplus(D(G(lr)))                                     equation 2

A step is `(state, images) -> (state, metrics)`, pure, with `images` uint8 `[b, size, size, 3]`: crops with a margin of
`margin(scale)` pixels on each side, from which the low resolution is made here, on the device. Networks and optimisers
are arguments of the factories; states hold arrays only. Under an axis name all that devices must agree on is averaged.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax import struct
from jax import lax
from jaxtyping import Array, Float, UInt8

from jsr.ops import pixels, resize
from jsr.training import losses

LR_MARGIN = 2  # low-resolution pixels that the antialiased cubic of `resize.downscale` reaches beyond a crop


class Network(struct.PyTreeNode):
    """A network in training: what its optimiser moves, what BatchNorm measures, and the optimiser's moments."""

    params: Any
    batch_stats: Any
    opt_state: Any


class PretrainState(struct.PyTreeNode):
    step: Array  # steps done, int32 []
    generator: Network
    ema: Any  # {"params", "batch_stats"}: exponential moving average of the generator


class GanState(struct.PyTreeNode):
    step: Array
    generator: Network
    discriminator: Network
    ema: Any


def margin(scale: int) -> int:
    """Pixels that a training crop carries beyond its edge, on each side, for the reduction."""
    return LR_MARGIN * scale


def init_network(
    key: Array, module: nn.Module, optimizer: optax.GradientTransformation, shape: tuple[int, ...]
) -> Network:
    """Initialises a network and its optimiser for inputs of a shape `(b, h, w, 3)`."""
    variables = module.init(key, jnp.zeros(shape))
    return start_network(variables, optimizer)


def start_network(variables: Any, optimizer: optax.GradientTransformation) -> Network:
    """Takes over variables, with a fresh optimiser."""
    params = variables["params"]
    return Network(params, variables.get("batch_stats", {}), optimizer.init(params))


def averaged(network: Network) -> Any:
    """The part of a network that the moving average follows; also the start of the average."""
    return {"params": network.params, "batch_stats": network.batch_stats}


def make_pretrain_step(
    *,
    generator: nn.Module,
    optimizer: optax.GradientTransformation,
    ema_decay: float,
    axis_name: str | None,
) -> Callable[[PretrainState, UInt8[Array, "b s s 3"]], tuple[PretrainState, dict[str, Array]]]:
    """Makes the step of the SRResNet phase; also trains SRCNN and ESPCN."""
    mean = _mean_over(axis_name)

    def step(state, images):
        """One step of Adam on the mean squared error."""
        lr, hr = _pair(images, generator.scale)

        def loss_fn(params):
            sr, batch_stats = _forward(generator, params, state.generator.batch_stats, lr)
            return mean(losses.mse(sr, hr)), batch_stats

        (loss, batch_stats), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.generator.params)
        network = _update(state.generator, mean(grads), batch_stats, optimizer)
        ema = _average(state.ema, averaged(network), decay=ema_decay, step=state.step)
        return PretrainState(state.step + 1, network, ema), {"loss": loss}

    return step


def make_gan_step(
    *,
    generator: nn.Module,
    discriminator: nn.Module,
    content: Callable[[Float[Array, "b h w 3"], Float[Array, "b h w 3"]], Float[Array, ""]],
    generator_optimizer: optax.GradientTransformation,
    discriminator_optimizer: optax.GradientTransformation,
    content_weight: float,
    pixel_weight: float,
    adversarial_weight: float,
    ema_decay: float,
    axis_name: str | None,
) -> Callable[[GanState, UInt8[Array, "b s s 3"]], tuple[GanState, dict[str, Array]]]:
    """Makes the step of the SRGAN phase: one update of the generator, one of the discriminator.

    `content(sr, hr)` is the content loss, beside which the mean squared error may stand as well. The generator runs
    forward once: its pictures serve both updates. The gradients of the terms are taken at those pictures, apart, before
    one pass back through the generator: their norms tell how hard each pulls, which their values do not.
    """
    mean = _mean_over(axis_name)

    def step(state, images):
        """One alternation: generator against the old discriminator, then discriminator on the same pictures."""
        lr, hr = _pair(images, generator.scale)
        g, d = state.generator, state.discriminator

        def generate(params):
            return _forward(generator, params, g.batch_stats, lr)

        sr, backward, g_stats = jax.vjp(generate, g.params, has_aux=True)

        def judge(params, pictures, batch_stats):
            return _forward(discriminator, params, batch_stats, pictures)

        # The discriminator runs forward once on each batch: its logits serve both losses.
        fake, fake_backward, d_stats = jax.vjp(
            functools.partial(judge, batch_stats=d.batch_stats), d.params, sr, has_aux=True
        )
        real, real_backward, d_stats = jax.vjp(
            functools.partial(judge, pictures=hr, batch_stats=d_stats), d.params, has_aux=True
        )

        content_loss, content_pull = jax.value_and_grad(content)(sr, hr)
        adversarial_loss, slope = jax.value_and_grad(losses.generator_loss)(fake)
        _, adversarial_pull = fake_backward(slope)
        pixel_loss, pixel_pull = jax.value_and_grad(losses.mse)(sr, hr)
        content_pull = content_weight * content_pull + pixel_weight * pixel_pull
        adversarial_pull = adversarial_weight * adversarial_pull
        (g_grads,) = backward(content_pull + adversarial_pull)

        discriminator_loss, (real_slope, fake_slope) = jax.value_and_grad(losses.discriminator_loss, argnums=(0, 1))(
            real, fake
        )
        d_grads = jax.tree.map(jnp.add, real_backward(real_slope)[0], fake_backward(fake_slope)[0])

        g = _update(g, mean(g_grads), g_stats, generator_optimizer)
        d = _update(d, mean(d_grads), d_stats, discriminator_optimizer)
        ema = _average(state.ema, averaged(g), decay=ema_decay, step=state.step)
        metrics = {
            "content": content_loss,
            "adversarial": adversarial_loss,
            "generator": content_weight * content_loss
            + pixel_weight * pixel_loss
            + adversarial_weight * adversarial_loss,
            "discriminator": discriminator_loss,
            "mse": pixel_loss,
            "d_real": jnp.mean(jax.nn.sigmoid(real)),
            "d_fake": jnp.mean(jax.nn.sigmoid(fake)),
            "content_pull": _pull(content_pull),
            "adversarial_pull": _pull(adversarial_pull),
        }
        return GanState(state.step + 1, g, d, ema), mean(metrics)

    return step


def _pair(images, scale):
    """Cuts uint8 crops with a margin into LR in [0, 1] and HR in [-1, 1]."""
    lr = resize.downscale(pixels.to_unit(images), scale, margin=LR_MARGIN)
    m = margin(scale)
    return lr, pixels.to_symmetric(images[:, m:-m, m:-m])


def _pull(gradient):
    """Mean over the pictures of the norm of each one's gradient, given the gradient of their mean loss."""
    return jnp.sum(jnp.sqrt(jnp.sum(jnp.square(gradient), axis=(1, 2, 3))))


def _mean_over(axis_name):
    return (lambda tree: lax.pmean(tree, axis_name)) if axis_name else (lambda tree: tree)


def _forward(module, params, batch_stats, x):
    """Runs a network in training mode; returns its output and the new batch statistics."""
    variables = {"params": params, "batch_stats": batch_stats}
    y, updated = module.apply(variables, x, train=True, mutable=["batch_stats"])
    return y, updated.get("batch_stats", {})  # SRCNN and ESPCN have none


def _update(network, grads, batch_stats, optimizer):
    updates, opt_state = optimizer.update(grads, network.opt_state, network.params)
    return Network(optax.apply_updates(network.params, updates), batch_stats, opt_state)


def _average(ema, new, *, decay, step):
    """Moves the average towards new values; the decay grows to its value, so that the start is soon forgotten."""
    decay = jnp.minimum(decay, (1.0 + step) / (10.0 + step))
    return jax.tree.map(lambda old, value: decay * old + (1 - decay) * value, ema, new)

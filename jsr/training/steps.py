"""The two train steps: SRResNet on pixel error, SRGAN against a discriminator (Ledig et al. 2017).

    SRResNet:  min_G  pixel(G(lr), hr), the mean squared error in the paper                     equation 4
    SRGAN:     min_G  w_c content(G(lr), hr) + w_a softplus(-D(G(lr)))                          equations 3, 5, 6
               min_D  softplus(-D(hr)) + softplus(D(G(lr)))                                     equation 2

A step is `(state, images) -> (state, metrics)`, pure, with `images` uint8 `[b, size, size, 3]`: crops with the margin
of the degradation, which makes the low resolution from them, on the device; or `Aligned` pairs of crops, which have
their own. Networks, losses, optimisers and the degradation are arguments of the factories; states hold arrays only.
Under an axis name the step averages gradients and metrics over the devices, so that all of them compute the same state.

A step may take its batch in several parts, one after the other, each with the memory of a part: the update is that of
the mean gradient, as of the whole batch at once. But BatchNorm normalises each part by its own statistics, and its
running statistics move once a part.
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
from jaxtyping import Array, ArrayLike, Float, Int, Key, UInt8

from jsr.data.patch_layout import Aligned
from jsr.degradation import Degradation
from jsr.ops import pixels
from jsr.training import losses
from jsr.training.accumulation import mean_of_parts

Images = UInt8[Array, "b s s 3"] | Aligned
PixelLoss = Callable[[Any, Any], Any]
Metrics = dict[str, Float[Array, ""]]


# The fields of the states are `Any`, because `jax.tree.map` also puts shapes, shardings and booleans in their place.
class Network(struct.PyTreeNode):
    """A network in training: its parameters, its BatchNorm statistics, and the optimiser's state."""

    params: Any
    batch_stats: Any
    opt_state: Any


class PretrainState(struct.PyTreeNode):
    """The state of the SRResNet phase."""

    step: Any  # steps so far, int32 []
    generator: Any  # Network
    ema: Any  # {"params", "batch_stats"}: exponential moving average of the generator


class GanState(struct.PyTreeNode):
    """The state of the SRGAN phase."""

    step: Any  # steps so far, int32 []
    generator: Any  # Network
    discriminator: Any  # Network
    ema: Any  # as in PretrainState


def init_network(
    key: Key[Array, ""], module: nn.Module, optimizer: optax.GradientTransformation, shape: tuple[int, ...]
) -> Network:
    """Initialises a network and its optimiser for inputs of a shape `(b, h, w, 3)`."""
    variables = module.init(key, jnp.zeros(shape))
    return start_network(variables, optimizer)


def start_network(variables: Any, optimizer: optax.GradientTransformation) -> Network:
    """Makes a network in training from given variables, with a new optimiser state."""
    params = variables["params"]
    return Network(params, variables.get("batch_stats", {}), optimizer.init(params))


def averaged(network: Network) -> Any:
    """Returns the part of a network that the moving average follows; also the start of the average."""
    return {"params": network.params, "batch_stats": network.batch_stats}


def make_pretrain_step(
    *,
    generator: nn.Module,
    optimizer: optax.GradientTransformation,
    pixel_loss: PixelLoss,
    degrade: Degradation,
    key: Key[Array, ""],
    ema_decay: float,
    parts: int,
    axis_name: str | None,
) -> Callable[[PretrainState, Images], tuple[PretrainState, Metrics]]:
    """Makes the step of the SRResNet phase; also trains the other networks.

    Args:
      pixel_loss: `(sr, hr) -> []` for pictures `[b, h, w, 3]` in [-1, 1].
      degrade: makes the low resolution.
      key: of all that is random in it.
      ema_decay: of the moving average, in [0, 1).
      parts: of the batch, taken one after the other.
      axis_name: of the devices to average over; None for a single one.
    """
    mean = _mean_over(axis_name)

    def gradients(params: Any, batch_stats: Any, keys: Any, images: Images) -> tuple[Any, tuple[Any, Metrics]]:
        lr, hr = pair(degrade, keys, images)

        def loss_fn(params: Any) -> tuple[Any, Any]:
            sr, new_stats = _forward(generator, params, batch_stats, lr)
            return pixel_loss(sr, hr), new_stats

        (loss, new_stats), grads = jax.value_and_grad(loss_fn, has_aux=True)(params)
        return new_stats, (grads, {"loss": loss})

    def step(state: PretrainState, images: Images) -> tuple[PretrainState, Metrics]:
        """Updates the generator once on the pixel loss."""
        g = state.generator
        keys = sample_keys(key, state.step, _count(images), axis_name=axis_name)
        of_part = functools.partial(gradients, g.params)
        batch_stats, (grads, metrics) = mean_of_parts(of_part, g.batch_stats, (keys, images), parts=parts)
        g = _update(g, mean(grads), batch_stats, optimizer)
        ema = _average(state.ema, averaged(g), decay=ema_decay, step=state.step)
        return PretrainState(state.step + 1, g, ema), mean(metrics)

    return step


def make_gan_step(
    *,
    generator: nn.Module,
    discriminator: nn.Module,
    content: Callable[[Any, Any], Any],
    pixel_loss: PixelLoss,
    degrade: Degradation,
    key: Key[Array, ""],
    generator_optimizer: optax.GradientTransformation,
    discriminator_optimizer: optax.GradientTransformation,
    content_weight: float,
    pixel_weight: float,
    grid_weight: float,
    adversarial_weight: float,
    ema_decay: float,
    parts: int,
    axis_name: str | None,
) -> Callable[[GanState, Images], tuple[GanState, Metrics]]:
    """Makes the step of the SRGAN phase: one update of the generator, one of the discriminator.

    The generator runs forward once: both updates use its pictures. The gradient of each term of its loss is taken at
    those pictures, separately, before a single pass back through the generator. The norms of these gradients show how
    strongly each term pulls, which the values of the terms do not.

    Args:
      content: the content loss, `(sr, hr) -> []` for pictures `[b, h, w, 3]` in [-1, 1].
      pixel_loss: beside it, of the same kind.
      degrade: makes the low resolution.
      key: of all that is random in it.
      pixel_weight: of the pixel loss.
      grid_weight: of the sub-pixel grid.
      ema_decay: of the moving average, in [0, 1).
      parts: of the batch, taken one after the other.
      axis_name: of the devices to average over; None for a single one.
    """
    mean = _mean_over(axis_name)

    def gradients(g_params: Any, d_params: Any, stats: Any, keys: Any, images: Images) -> tuple[Any, Any]:
        g_stats, d_stats = stats
        lr, hr = pair(degrade, keys, images)

        def generate(params: Any) -> tuple[Any, Any]:
            return _forward(generator, params, g_stats, lr)

        sr, backward, g_stats_after = jax.vjp(generate, g_params, has_aux=True)

        def judge(params: Any, pictures: Any, batch_stats: Any) -> tuple[Any, Any]:
            return _forward(discriminator, params, batch_stats, pictures)

        # The discriminator runs forward once on each batch: both losses use its logits.
        fake, fake_backward, d_stats = jax.vjp(
            functools.partial(judge, batch_stats=d_stats), d_params, sr, has_aux=True
        )
        real, real_backward, d_stats = jax.vjp(
            functools.partial(judge, pictures=hr, batch_stats=d_stats), d_params, has_aux=True
        )

        content_loss, content_pull = jax.value_and_grad(content)(sr, hr)
        adversarial_loss, slope = jax.value_and_grad(losses.generator_loss)(fake)
        _, adversarial_pull = fake_backward(slope)
        pixel_error, pixel_pull = jax.value_and_grad(pixel_loss)(sr, hr)
        grid = functools.partial(losses.subpixel_grid, scale=generator.scale)
        grid_loss, grid_pull = jax.value_and_grad(grid)(sr, hr)
        content_pull = content_weight * content_pull + pixel_weight * pixel_pull + grid_weight * grid_pull
        adversarial_pull = adversarial_weight * adversarial_pull
        (g_grads,) = backward(content_pull + adversarial_pull)

        discriminator_loss, (real_slope, fake_slope) = jax.value_and_grad(losses.discriminator_loss, argnums=(0, 1))(
            real, fake
        )
        d_grads = jax.tree.map(jnp.add, real_backward(real_slope)[0], fake_backward(fake_slope)[0])
        metrics = {
            "content": content_loss,
            "adversarial": adversarial_loss,
            "generator": content_weight * content_loss
            + pixel_weight * pixel_error
            + grid_weight * grid_loss
            + adversarial_weight * adversarial_loss,
            "discriminator": discriminator_loss,
            "pixel": pixel_error,
            "grid": grid_loss,
            "d_real": jnp.mean(jax.nn.sigmoid(real)),
            "d_fake": jnp.mean(jax.nn.sigmoid(fake)),
            "content_pull": _pull(content_pull),
            "adversarial_pull": _pull(adversarial_pull),
        }
        return (g_stats_after, d_stats), ((g_grads, d_grads), metrics)

    def step(state: GanState, images: Images) -> tuple[GanState, Metrics]:
        """Updates the generator against the old discriminator, then the discriminator on the same pictures."""
        g, d = state.generator, state.discriminator
        keys = sample_keys(key, state.step, _count(images), axis_name=axis_name)
        of_part = functools.partial(gradients, g.params, d.params)
        stats, (grads, metrics) = mean_of_parts(of_part, (g.batch_stats, d.batch_stats), (keys, images), parts=parts)
        g_grads, d_grads = mean(grads)
        g = _update(g, g_grads, stats[0], generator_optimizer)
        d = _update(d, d_grads, stats[1], discriminator_optimizer)
        ema = _average(state.ema, averaged(g), decay=ema_decay, step=state.step)
        return GanState(state.step + 1, g, d, ema), mean(metrics)

    return step


def sample_keys(
    key: Key[Array, ""], step: Int[ArrayLike, ""], count: int, *, axis_name: str | None = None
) -> Key[Array, " {count}"]:
    """Returns a key for each sample of a step: by its place in the global batch, whatever device it is on."""
    first = lax.axis_index(axis_name) * count if axis_name else 0
    return jax.vmap(functools.partial(jax.random.fold_in, jax.random.fold_in(key, step)))(first + jnp.arange(count))


def pair(
    degrade: Degradation, keys: Key[Array, " b"], images: Images
) -> tuple[Float[Array, "b h w 3"], Float[Array, "b c c 3"]]:
    """Makes LR in [0, 1] and HR in [-1, 1] from uint8 crops with the margin of the degradation, or from given pairs."""
    if isinstance(images, Aligned):
        return pixels.to_unit(images.lr), pixels.to_symmetric(images.hr)
    m = degrade.margin
    return degrade(keys, images), pixels.to_symmetric(images[:, m:-m, m:-m])


def _count(images: Images) -> int:
    return jax.tree.leaves(images)[0].shape[0]


def _pull(gradient: Float[Array, "b h w 3"]) -> Float[Array, ""]:
    """Returns the mean over the pictures of the norm of each one's gradient, given the gradient of their mean loss."""
    return jnp.sum(jnp.sqrt(jnp.sum(jnp.square(gradient), axis=(1, 2, 3))))


def _mean_over(axis_name: str | None) -> Callable[[Any], Any]:
    def mean(tree: Any) -> Any:
        # On a CPU, the mean over a single device copies all gradients, which takes a hundredth of a step.
        return tree if axis_name is None or lax.axis_size(axis_name) == 1 else lax.pmean(tree, axis_name)

    return mean


def _forward(module: nn.Module, params: Any, batch_stats: Any, x: Any) -> tuple[Any, Any]:
    """Runs a network in training mode; returns its output and the new batch statistics."""
    variables = {"params": params, "batch_stats": batch_stats}
    y, updated = module.apply(variables, x, train=True, mutable=["batch_stats"])
    return y, updated.get("batch_stats", {})  # SRResNet alone has some


def _update(network: Network, grads: Any, batch_stats: Any, optimizer: optax.GradientTransformation) -> Network:
    updates, opt_state = optimizer.update(grads, network.opt_state, network.params)
    return Network(optax.apply_updates(network.params, updates), batch_stats, opt_state)


def _average(ema: Any, new: Any, *, decay: float, step: Any) -> Any:
    """Moves the average towards new values; the decay rises to its value, so that the start is soon forgotten."""
    current = jnp.minimum(decay, (1.0 + step) / (10.0 + step))
    return jax.tree.map(lambda old, value: current * old + (1 - current) * value, ema, new)

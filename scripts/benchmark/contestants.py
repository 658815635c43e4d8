"""Who takes part in `benchmark.py`: builders of jsr, PyTorch, ONNX Runtime and OpenVINO.

A builder makes everything ready and returns a call without arguments, which does the work, waits for it and returns the
outcome. Names end in the precision. In PyTorch, memory is in channels_last order, the faster one for convolutions.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np

import jsr
from jsr.data.crops import Replicated, at_step
from jsr.devices import compilation, parallel
from jsr.models import vgg19
from jsr.training import phases, steps
from jsr.training.config import Config
from jsr.weights import vgg19 as vgg19_weights

Call = Callable[[], Any]
CHECKED = 2  # steps whose losses are compared: the second tells of the gradients of the first
LOSSES = {"srresnet": ("loss",), "srgan": ("content", "adversarial", "discriminator")}
TORCH = {  # options of torch.compile
    "torch eager": None,
    "torch compile": {"dynamic": False},
    "torch graphs": {"dynamic": False, "mode": "reduce-overhead"},  # CUDA graphs
}


class Picture(NamedTuple):
    """A low-resolution picture to enlarge."""

    width: int
    height: int

    def __str__(self):
        return f"{self.width}x{self.height}"


class Task(NamedTuple):
    """Steps to train."""

    phase: str  # srresnet, srgan
    content: str  # mse, vgg54
    batch: int
    crop: int
    count: int  # steps a call

    def __str__(self):
        return f"{self.phase} {self.content}, {self.batch} crops of {self.crop}"


def on_gpu() -> bool:
    return jax.default_backend() == "gpu"


def infer(case: Picture, *, threads: int) -> dict[str, Callable[[], Call]]:
    """Returns builders of calls that return pictures, `[b, h, w, 3]` or `[b, 3, h, w]`, in [-1, 1]."""
    model = jsr.load("srresnet")
    x = np.random.default_rng(0).random((1, case.height, case.width, 3), np.float32)
    shared = {"model": model, "x": x}
    found = {f"jsr {p}": functools.partial(_jsr_infer, **shared, precision=p) for p in compilation.DTYPES}
    shared["threads"] = threads
    for name, options in _torch_options(threads).items():
        found[name] = functools.partial(_torch_infer, model, x, options)
    if not on_gpu():
        found["onnxruntime fp32"] = functools.partial(_onnxruntime_infer, **shared)
        for p in compilation.DTYPES:
            found[f"openvino {p}"] = functools.partial(_openvino_infer, **shared, precision=p)
    return found


def train(case: Task, *, threads: int) -> dict[str, Callable[[], Call]]:
    """Returns builders of calls that do `case.count` steps and return their losses `[count, losses]`."""
    found = {f"jsr {p}": functools.partial(_jsr_train, case, p) for p in compilation.DTYPES}
    for name, options in _torch_options(threads).items():
        found[name] = functools.partial(_torch_train, case, options)
    return found


def product(side: int, precision: str, *, threads: int) -> dict[str, Callable[[], Call]]:
    """Returns builders of calls that multiply two matrices."""
    return {
        "jsr": functools.partial(_jsr_product, side, precision),
        "torch": functools.partial(_torch_product, side, _Torch(precision, None, threads)),
    }


def source(crop: int) -> Replicated:
    """Noise to draw crops from."""
    side = crop + 2 * steps.margin(4) + 32
    patches = np.random.default_rng(0).integers(0, 256, (64, side, side, 3), np.uint8)
    sizes = jnp.full((64, 2), side, jnp.int32)
    return Replicated(jax.random.key(0), jnp.asarray(patches), sizes)


def pair(noise: Replicated, step: Any, *, batch: int, crop: int) -> tuple[jax.Array, jax.Array]:
    """The crops of a step, as the step itself cuts them: LR in [0, 1] and HR in [-1, 1]."""
    size = crop + 2 * steps.margin(4)
    return steps.pair(at_step(noise, step, batch=batch, size=size), 4)


def _jsr_infer(*, model, x, precision):
    module = model.module.clone(dtype=compilation.DTYPES[precision])
    enlarge = compilation.jit(module.apply, onednn=precision == "bf16")
    variables, x = jax.device_put((model.variables, x))
    return lambda: enlarge(variables, x).block_until_ready()


def _start(case, precision):
    """What training begins with, from the command line's own code; and its key."""
    key = jax.random.key(0)
    config = Config(
        phase=cast(Any, case.phase),
        content=cast(Any, case.content),
        precision=cast(Any, precision),
        batch_size=case.batch,
        crop=case.crop,
        init="srresnet",
        vgg19="random",
    )
    return config, phases.start(config, key, is_resumed=False), key


def _jsr_train(case, precision):
    _, (state, step, _), _ = _start(case, precision)
    size = case.crop + 2 * steps.margin(4)
    crops = functools.partial(at_step, batch=case.batch, size=size)
    dispatch = parallel.make_dispatch(step, crops, most=case.count)
    noise, state = parallel.replicate(source(case.crop)), parallel.replicate(state)

    def call():
        nonlocal state
        state, pending = dispatch(state, noise, case.count)
        found, _ = pending.wait()
        jax.block_until_ready(state)
        return np.stack([found[name] for name in LOSSES[case.phase]], axis=1)

    return call


def _jsr_product(side, precision):
    a = jnp.ones((side, side), compilation.DTYPES[precision])
    multiply = compilation.jit(jnp.matmul, onednn=precision == "bf16")
    return lambda: multiply(a, a).block_until_ready()


class _Torch(NamedTuple):
    """How torch computes."""

    precision: str
    options: dict[str, Any] | None  # of torch.compile; None, not compiled
    threads: int

    @property
    def device(self):
        return "cuda" if on_gpu() else "cpu"

    def begin(self):
        """Sets the process up, and returns what makes the context of a pass forward."""
        import torch

        torch.set_num_threads(self.threads)
        torch.backends.cuda.matmul.allow_tf32 = True  # as jax does, and cuDNN's convolutions
        enabled = self.precision == "bf16"
        return functools.partial(torch.autocast, self.device, torch.bfloat16, enabled=enabled)

    def place(self, x):
        """Places a network, or pictures `[b, h, w, c]` as `[b, c, h, w]`."""
        import torch

        if not isinstance(x, torch.nn.Module):
            x = torch.from_numpy(np.array(x.transpose(0, 3, 1, 2)))
        return cast(Any, x).to(device=self.device, memory_format=torch.channels_last)

    def compile(self, network):
        import torch

        return network if self.options is None else torch.compile(network, **self.options)

    def wait(self, y):
        import torch

        if on_gpu():
            torch.cuda.synchronize()
        return y


def _torch_options(threads):
    return {
        f"{how} {precision}": _Torch(precision, options, threads)
        for how, options in TORCH.items()
        for precision in compilation.DTYPES
        if on_gpu() or how != "torch graphs"
    }


def _torch_infer(model, x, torch_):
    autocast = torch_.begin()
    import torch

    from scripts.benchmark import peers

    network = peers.srresnet(model.module, model.variables).eval()
    network, x = torch_.compile(torch_.place(network)), torch_.place(x)

    def call():
        with torch.inference_mode(), autocast():
            return torch_.wait(network(x).float())

    return call


def _torch_train(case, torch_):
    autocast = torch_.begin()
    import torch

    from scripts.benchmark import peers

    config, (state, _, _), key = _start(case, "fp32")
    draw = jax.jit(functools.partial(pair, source(case.crop), batch=case.batch, crop=case.crop))
    batches = [[torch_.place(np.asarray(x)) for x in draw(step)] for step in range(CHECKED)]
    network = torch_.place(peers.srresnet(phases.network(config), steps.averaged(state.generator)))
    generator, optimizer = torch_.compile(network), peers.adam(network, rate=config.learning_rate)
    if case.phase == "srresnet":
        step = peers.make_pretrain_step(generator=generator, optimizer=optimizer, autocast=autocast)
    else:
        variables = steps.averaged(state.discriminator)
        critic = torch_.place(peers.copy(variables, peers.Discriminator()))
        look, weight = None, 1.0
        if case.content != "mse":
            _, _, vgg_key = jax.random.split(key, 3)  # as in jsr.phases
            layer = vgg19.LAYERS[case.content]
            _, variables, weight = vgg19_weights.load_vgg19("random", layer=layer, key=vgg_key)
            look = peers.copy(variables, peers.VGG19()).requires_grad_(False)
            look = torch_.compile(torch_.place(look))
        step = peers.make_gan_step(
            generator=generator,
            discriminator=torch_.compile(critic),
            features=look,
            content_weight=weight,
            adversarial_weight=config.adversarial_weight,
            generator_optimizer=optimizer,
            discriminator_optimizer=peers.adam(critic, rate=config.learning_rate),
            autocast=autocast,
        )
    done = 0

    def call():
        nonlocal done
        history = []
        for _ in range(case.count):
            torch.compiler.cudagraph_mark_step_begin()
            history.append(step(*batches[done % CHECKED]))
            done += 1
        return torch_.wait(torch.stack(history)).cpu().numpy()

    return call


def _torch_product(side, torch_):
    torch_.begin()
    import torch

    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[torch_.precision]
    a = torch.ones(side, side, dtype=dtype, device=torch_.device)
    return lambda: torch_.wait(a @ a)


def _onnxruntime_infer(*, model, x, threads):
    import export_onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    content = export_onnx.export(model).SerializeToString()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    return lambda: session.run(None, {"lr": x})[0]


def _openvino_infer(*, model, x, threads, precision):
    import export_onnx
    import openvino

    core = openvino.Core()
    network = core.read_model(export_onnx.export(model).SerializeToString())
    x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    network.reshape(list(x.shape))
    options = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision],
        "INFERENCE_NUM_THREADS": threads,
    }
    compiled = core.compile_model(network, "CPU", options)
    return lambda: compiled(x, share_inputs=True, share_outputs=True)[0]

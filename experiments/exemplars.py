"""The bundled exemplars: `python -m experiments.exemplars --scale 4` writes NAME_x4.safetensors to runs/exemplars.

`ne`, `sparse` and `aplus` learn from the same samples: windows of low-resolution luma, and the detail that a bicubic
enlargement of each lacks. Luma is in [0, 1]. Windows `[n, w]` and details `[n, p]`, which are patches of 3x3
low-resolution pixels at high resolution, are rows of pixels.
"""

import argparse
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Float
from tqdm import tqdm

from experiments import dictionaries, photographs
from jsr.data import patches
from jsr.data.patch_files import PatchSet
from jsr.models.classical.exemplars import BATCH, REACH, RULES
from jsr.ops import pixels, resize
from jsr.training.config import FACTORS
from jsr.weights import file as weights_file

SEED = 0
SIDE = 2 * REACH + 1  # of a window, in low-resolution pixels
PATCH = 3  # side of a patch, in low-resolution pixels
MINIMUM = 96  # pixels along each side of a photograph; smaller ones would have no window when they are halved
PICTURES = 120  # of the pieces that the photographs are cut into
SIZES = (1.0, 0.7, 0.5)  # at which each is sampled, as A+ does: what is reduced is sharper
POSITIONS = 12_000  # of each picture at each size, at most
LEAST = 1 / 16  # length of a feature that is kept; flat windows, the most frequent, have little to learn from
ENERGY = 0.999  # of the features, that their principal components hold (as in Timofte et al. 2013)
CODED = 250_000  # samples that dictionaries are learned from
ANSWERED = 40_000  # samples that the basis is fitted to
RANK = {2: 20, 3: 32, 4: 40}  # of the basis, by scale


class Method(NamedTuple):
    """What distinguishes the models."""

    rule: Literal["anchored", "neighbours", "sparse"]
    atoms: int
    chosen: int
    project: bool


METHODS = {
    "ne": Method("neighbours", atoms=2048, chosen=5, project=True),
    "sparse": Method("sparse", atoms=1024, chosen=3, project=True),
    "aplus": Method("anchored", atoms=512, chosen=1, project=False),
}


class Samples(NamedTuple):
    """What is learned from, and the kernel that made the features of it."""

    kernel: Float[np.ndarray, "d w"]
    features: Float[np.ndarray, "n d"]
    details: Float[np.ndarray, "n p"]


def feature_matrix(scale: int) -> Float[np.ndarray, "m w"]:
    """Returns the matrix from a window to the gradients and second derivatives of its bicubic enlargement.

    For each pixel of a patch at high resolution: differences of the enlargement one low-resolution pixel apart, and
    halves of second differences, along rows and along columns (Zeyde, Elad & Protter 2010). Divided by the
    scale, so that lengths of features do not depend on it.
    """
    border = 3  # low-resolution pixels, so that no edge is mirrored into the window
    start = scale * (border + REACH - PATCH // 2)

    def enlarged(shift: float) -> Float[np.ndarray, "q side"]:
        matrix = resize.matrix(SIDE + 2 * border, scale * (SIDE + 2 * border), shift=shift)
        return matrix[start : start + scale * PATCH, border:-border].astype(np.float64)

    values, gradients = enlarged(0.0), enlarged(0.5) - enlarged(-0.5)
    curvatures = (enlarged(1.0) - 2 * values + enlarged(-1.0)) / 2
    pairs = ((values, gradients), (gradients, values), (values, curvatures), (curvatures, values))
    return np.concatenate([np.kron(rows, columns) for rows, columns in pairs]) / scale


def sample(rng: np.random.Generator, pictures: PatchSet, *, scale: int) -> Samples:
    """Draws windows with their details from photographs, and the kernel of their principal components."""
    matrix = feature_matrix(scale)
    windows, details = [], []
    chosen = rng.choice(len(pictures.patches), min(PICTURES, len(pictures.patches)), replace=False)
    for index in tqdm(chosen, desc="samples", unit="picture", disable=None):
        rows, columns = pictures.sizes[index]
        for size in SIZES:
            drawn = _draw(rng, pictures.patches[index][:rows, :columns], size, scale=scale)
            is_kept = np.linalg.norm(drawn[0] @ matrix.T, axis=1) > LEAST
            windows.append(drawn[0][is_kept])
            details.append(drawn[1][is_kept])
    window = np.concatenate(windows)
    kernel = principal_components(window, matrix)
    return Samples(kernel, window @ kernel.T, np.concatenate(details))


def _draw(
    rng: np.random.Generator, picture: np.ndarray, size: float, *, scale: int
) -> tuple[Float[np.ndarray, "n w"], Float[np.ndarray, "n p"]]:
    """Draws windows of the luma of a picture reduced to a size and then by the scale, and their details."""
    height, width = (int(size * n) // scale * scale for n in picture.shape[:2])
    large = jnp.clip(resize.resize(pixels.to_unit(picture), height, width), 0, 1)
    small = np.asarray(resize.downscale(large, scale) @ pixels.GREY, np.float32)
    bicubic = resize.resize(small[..., None], height, width)[..., 0]
    residual = np.asarray(large @ pixels.GREY - bicubic, np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(small, (SIDE, SIDE))
    blocks = np.lib.stride_tricks.sliding_window_view(residual, (scale * PATCH, scale * PATCH))
    positions = rng.permutation(windows.shape[0] * windows.shape[1])[:POSITIONS]
    y, x = np.divmod(positions, windows.shape[1])
    offset = REACH - PATCH // 2  # of the patch in its window
    window = windows[y, x].reshape(len(positions), -1)
    detail = blocks[scale * (y + offset), scale * (x + offset)].reshape(len(positions), -1)
    return window - window.mean(axis=1, keepdims=True), detail


def principal_components(windows: Float[np.ndarray, "n w"], matrix: Float[np.ndarray, "m w"]) -> Any:
    """Returns the kernel from a window to the principal components of its features that hold `ENERGY` of them."""
    covariance = matrix @ (windows.T.astype(np.float64) @ windows) @ matrix.T
    energies, directions = np.linalg.eigh(covariance)
    shares = np.cumsum(energies[::-1]) / energies.sum()
    count = int(np.searchsorted(shares, ENERGY)) + 1
    return (directions[:, ::-1][:, :count].T @ matrix).astype(np.float32)


def learn(rng: np.random.Generator, samples: Samples, method: Method) -> tuple[np.ndarray, np.ndarray]:
    """Learns the atoms of a method and their answers, patches at full rank.

    Atoms of `anchored` and `neighbours` are directions around which features cluster, and those of `sparse` are for
    features as long as they are, so that strong edges count more.
    """
    subset = rng.permutation(len(samples.features))[:CODED]
    features, details = samples.features[subset], samples.details[subset]
    if method.rule == "sparse":
        atoms = dictionaries.ksvd(rng, features, atoms=method.atoms, nonzeros=method.chosen, rounds=10)
        return atoms, dictionaries.large_atoms(features, details, atoms, nonzeros=method.chosen)
    atoms = dictionaries.ksvd(rng, dictionaries.unit(features), atoms=method.atoms, nonzeros=1, rounds=6)
    if method.rule == "neighbours":
        return atoms, dictionaries.large_atoms(features, details, atoms, nonzeros=1)
    return atoms, dictionaries.regressions(samples.features, samples.details, atoms, neighbours=2048, ridge=0.1)


def basis(features: Float[np.ndarray, "n d"], atoms: Any, answers: Any, method: Method, *, rank: int) -> np.ndarray:
    """Returns the orthonormal basis `[p, rank]` that loses the least of what a method answers to features."""

    def answer(feature: jax.Array) -> jax.Array:
        return RULES[method.rule](feature, jnp.asarray(atoms), jnp.asarray(answers), chosen=method.chosen)

    detail = np.asarray(lax.map(answer, jnp.asarray(features), batch_size=BATCH), np.float64)
    return np.linalg.eigh(detail.T @ detail)[1][:, ::-1][:, :rank]


def overlap_kernel(patch_basis: Float[np.ndarray, "p r"], *, scale: int) -> Float[np.ndarray, "m m r c"]:
    """Returns the convolution from coefficients of a basis of patches to the mean of the patches that overlap.

    Its channels are those of `depth_to_space`. A pixel at the top of a patch belongs to the position below it, so rows
    and columns of the kernel are turned round.
    """
    blocks = patch_basis.reshape(PATCH, scale, PATCH, scale, -1)[::-1, :, ::-1]
    return blocks.transpose(0, 2, 4, 1, 3).reshape(PATCH, PATCH, -1, scale**2) / PATCH**2


def parameters(rng: np.random.Generator, samples: Samples, method: Method, *, scale: int) -> dict[str, np.ndarray]:
    """Learns a model, and returns its arrays as `Exemplars` names them."""
    atoms, answers = learn(rng, samples, method)
    subset = rng.permutation(len(samples.features))[:ANSWERED]
    patch_basis = basis(samples.features[subset], atoms, answers, method, rank=RANK[scale])
    kernel = samples.kernel.reshape(-1, SIDE, SIDE, 1).transpose(1, 2, 3, 0)
    return {
        "kernel": kernel,
        "atoms": atoms,
        "answers": answers @ patch_basis,
        "basis": overlap_kernel(patch_basis, scale=scale),
    }


def save(path: Path, arrays: dict[str, np.ndarray], method: Method, about: dict[str, Any], *, scale: int) -> None:
    """Writes a weights file in float16, as released files are."""
    sizes = {"features": arrays["kernel"].shape[-1], "rank": arrays["basis"].shape[2]}
    config = {"factors": FACTORS[scale], **method._asdict(), **sizes}
    weights_file.save(path, "exemplars", config, {"params": arrays}, about, dtype="float16")


def main() -> None:
    parser = argparse.ArgumentParser(description="Learns the exemplars of a scale.")
    parser.add_argument("--scale", type=int, choices=sorted(FACTORS), default=4)
    parser.add_argument("--workdir", type=Path, default=Path("runs/exemplars"))
    args = parser.parse_args()

    pictures = patches.load(photographs(), size=MINIMUM)
    print(pictures.description)
    samples = sample(np.random.default_rng(SEED), pictures, scale=args.scale)
    print(f"{len(samples.features):,} samples, {samples.features.shape[1]} features")
    args.workdir.mkdir(parents=True, exist_ok=True)
    for name, method in METHODS.items():
        arrays = parameters(np.random.default_rng(SEED), samples, method, scale=args.scale)
        about = {"experiment": "exemplars", "samples": len(samples.features), "seed": SEED}
        path = args.workdir / f"{name}_x{args.scale}.safetensors"
        save(path, arrays, method, about, scale=args.scale)
        print(path)


if __name__ == "__main__":
    main()

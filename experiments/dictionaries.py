"""Dictionaries of features and of what belongs to them at high resolution, which `experiments/exemplars.py` learns.

Features are rows `[n, d]` and details, the high-resolution patches less their bicubic enlargement, rows `[n, p]`, both
float32. Atoms are rows `[a, d]` of unit length.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int
from scipy import sparse
from tqdm import tqdm

BATCH = 4096  # features that are encoded at once
TINY = 1e-9  # added to lengths, against division by zero


def unit(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Scales each row to unit length."""
    return rows / (np.linalg.norm(rows, axis=1, keepdims=True) + TINY)


@functools.partial(jax.jit, static_argnames="nonzeros")
def encode(
    features: Float[Array | np.ndarray, "n d"], atoms: Float[Array | np.ndarray, "a d"], *, nonzeros: int
) -> tuple[Int[Array, "n k"], Float[Array, "n k"]]:
    """Returns the atoms of each feature and their coefficients, by orthogonal matching pursuit.

    Pati, Rezaiifar & Krishnaprasad 1993, "Orthogonal matching pursuit".
    """
    atoms = jnp.asarray(atoms)

    def pursue(feature: Float[Array, " d"]) -> tuple[Int[Array, " k"], Float[Array, " k"]]:
        rest, indices, coefficients = feature, [], jnp.zeros(0)
        for _ in range(nonzeros):
            indices.append(jnp.argmax(jnp.abs(atoms @ rest)))
            chosen = atoms[jnp.stack(indices)]
            gram = chosen @ chosen.T + 1e-6 * jnp.eye(len(indices))  # one atom may come twice
            coefficients = jnp.linalg.solve(gram, chosen @ feature)
            rest = feature - coefficients @ chosen
        return jnp.stack(indices), coefficients

    return lax.map(pursue, jnp.asarray(features), batch_size=BATCH)


def ksvd(
    rng: np.random.Generator, features: Float[np.ndarray, "n d"], *, atoms: int, nonzeros: int, rounds: int
) -> Float[np.ndarray, "a d"]:
    """Learns atoms of which few represent a feature each, by the approximate K-SVD.

    Aharon, Elad & Bruckstein 2006, "K-SVD: An algorithm for designing overcomplete dictionaries for sparse
    representation"; the approximation is that of Rubinstein, Zibulevsky & Elad 2008, "Efficient implementation of the
    K-SVD algorithm using batch orthogonal matching pursuit": one step of the power method an atom. With one
    coefficient that is not zero, and features of unit length, it finds clusters of directions.

    Args:
      atoms: how many; features are drawn to start from, and replace atoms that no feature uses.
    """
    dictionary = unit(features[rng.choice(len(features), atoms, replace=False)])
    for _ in tqdm(range(rounds), desc=f"{atoms} atoms", unit="round", disable=None):
        indices, coefficients = map(np.array, encode(features, dictionary, nonzeros=nonzeros))
        rest = features - np.einsum("nk,nkd->nd", coefficients, dictionary[indices])
        worst = iter(np.argsort(-np.square(rest).sum(axis=1), kind="stable"))
        order = np.argsort(indices, axis=None, kind="stable")
        bounds = np.searchsorted(indices.ravel()[order], np.arange(atoms + 1))
        for atom in range(atoms):
            users, places = np.divmod(order[bounds[atom] : bounds[atom + 1]], nonzeros)
            if not len(users):
                dictionary[atom] = unit(features[None, next(worst)])[0]
                continue
            without = rest[users] + coefficients[users, places][:, None] * dictionary[atom]
            dictionary[atom] = unit((coefficients[users, places] @ without)[None])[0]
            coefficients[users, places] = without @ dictionary[atom]
            rest[users] = without - coefficients[users, places][:, None] * dictionary[atom]
    return dictionary


def large_atoms(
    features: Float[np.ndarray, "n d"],
    details: Float[np.ndarray, "n p"],
    dictionary: Float[np.ndarray, "a d"],
    *,
    nonzeros: int,
) -> Float[np.ndarray, "a p"]:
    """Returns the large atom of each atom: with them, the codes of the features represent the details best.

        H = argmin |X - C H|^2 = (C^T C)^-1 C^T X

    Zeyde, Elad & Protter 2010, "On single image scale-up using sparse-representations".
    """
    indices, coefficients = map(np.asarray, encode(features, dictionary, nonzeros=nonzeros))
    rows = np.repeat(np.arange(len(features)), nonzeros)
    codes = sparse.csr_matrix((coefficients.ravel(), (rows, indices.ravel())), (len(features), len(dictionary)))
    gram = (codes.T @ codes).toarray()
    gram += (1e-6 * np.trace(gram) / len(gram) + TINY) * np.eye(len(gram))  # for atoms that are hardly used
    return np.linalg.solve(gram, codes.T @ details).astype(np.float32)


def regressions(
    features: Float[np.ndarray, "n d"],
    details: Float[np.ndarray, "n p"],
    anchors: Float[np.ndarray, "a d"],
    *,
    neighbours: int,
    ridge: float,
) -> Float[np.ndarray, "a d p"]:
    """Returns each anchor's ridge regression of details from features, over the features nearest to it.

        P = (F^T F + ridge)^-1 F^T X

    Timofte, De Smet & Van Gool 2014, "A+: Adjusted anchored neighborhood regression for fast super-resolution".
    Features and details are divided by the length of the feature. Nearest are those with the greatest correlation
    of either sign, because a regression is linear.
    """
    lengths = np.linalg.norm(features, axis=1) + TINY
    directions = features / lengths[:, None]
    neighbours = min(neighbours, len(features))
    matrices = []
    for anchor in tqdm(anchors, desc="regressions", unit="anchor", disable=None):
        nearest = np.argpartition(-np.abs(directions @ anchor), neighbours - 1)[:neighbours]
        x = directions[nearest].astype(np.float64)
        y = details[nearest] / lengths[nearest, None]
        matrices.append(np.linalg.solve(x.T @ x + ridge * np.eye(x.shape[1]), x.T @ y))
    return np.stack(matrices).astype(np.float32)

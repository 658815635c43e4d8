"""Super-resolution from exemplars: neighbour embedding, sparse coding and anchored regression.

All three look at a window of the luma around each low-resolution pixel, find the exemplars that resemble it, and answer
with the detail that these had at high resolution. `experiments/exemplars.py` learns the exemplars from photographs.
"""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import lax
from jaxtyping import Array, Float

from jsr.devices.compilation import Precision
from jsr.models.upscaler import Network
from jsr.ops import observation, padding, pixels, resize, subpixel
from jsr.ops.convolution import LAYOUT
from jsr.ops.padding import Size

REACH = 4  # low-resolution pixels on each side of a pixel that its feature depends on
BATCH = 1024  # positions that are looked up at once, because the likenesses of all to all atoms would not fit in memory
RIDGE = 1e-3  # of the weights of neighbours, as a share of the trace


class Exemplars(Network):
    """Low-resolution pictures `[b, h, w, 3]` in [0, 1] to `[b, s h, s w, 3]` in [-1, 1].

        y = B x + O q(F g)

    g is the luma and B enlarges bicubically. F, a convolution, gives each position a feature: gradients and second
    derivatives of the bicubic enlargement in a patch of 3x3 pixels, reduced to their principal components. The rule q
    answers each feature with coefficients of a basis of large patches, and O, a convolution too, takes the mean of the
    patches where they overlap. The detail is added to all three channels, which leaves chroma bicubic. Only the product
    of `factors` matters.
    """

    rule: Literal["anchored", "neighbours", "sparse"] = "anchored"
    atoms: int = 512
    features: int = 31  # numbers in a feature
    rank: int = 40  # of the basis
    chosen: int = 1  # atoms that answer a feature together; `anchored` takes one
    project: bool = False  # onto the pictures whose bicubic reduction is x

    @property
    def halo(self) -> int:
        """Low-resolution pixels that an output pixel depends on: the reach of a feature, and 1 for overlapping patches.

        The influence of the projection falls with the distance, and is below rounding beyond 8 more.
        """
        return REACH + 1 + 8 * self.project

    @nn.nowrap
    def with_precision(self, precision: Precision) -> "Exemplars":
        """Returns itself: it always computes in float32, because rounding would choose other atoms."""
        return self

    @nn.compact
    def __call__(
        self, x: Float[Array | np.ndarray, "b h w 3"], *, size: Size | None = None, train: bool = False
    ) -> Float[Array, "b sh sw 3"]:
        x = jnp.asarray(x)
        side = 2 * REACH + 1
        numbers = (self.features, self.rank) if self.rule == "anchored" else (self.rank,)
        kernel = self._array("kernel", side, side, 1, self.features)
        atoms = self._array("atoms", self.atoms, self.features)
        answers = self._array("answers", self.atoms, *numbers)
        basis = self._array("basis", 3, 3, self.rank, self.scale**2)

        def answer(feature: Float[Array, " d"]) -> Float[Array, " r"]:
            return RULES[self.rule](feature, atoms, answers, chosen=self.chosen)

        # Without this, an accelerator would round the products, and choose other atoms.
        with jax.default_matmul_precision("highest"):
            border = REACH + 1
            luma = jnp.pad(x @ pixels.GREY, ((0, 0), (border, border), (border, border)), mode="symmetric")
            features = _convolve(luma[..., None], kernel)
            flat = lax.map(answer, features.reshape(-1, self.features), batch_size=BATCH)
            detail = _convolve(flat.reshape(*features.shape[:3], self.rank), basis)
        y = resize.resize(x, *(self.scale * n for n in x.shape[1:3])) + subpixel.depth_to_space(detail, self.scale)
        if self.project:
            if size is not None:  # the detail, unlike luma, is not that of a mirror image
                y = padding.mirror(y, self.scale * size)
            y = observation.consistent(y, x, self.scale)
        return jnp.clip(2 * y - 1, -1, 1)

    def _array(self, name: str, *shape: int) -> Float[Array, "..."]:
        return jnp.asarray(self.param(name, nn.initializers.zeros, shape))


def anchored(
    feature: Float[Array, " d"], atoms: Float[Array, "a d"], answers: Float[Array, "a d r"], *, chosen: int = 1
) -> Float[Array, " r"]:
    """Answers by the linear regression of the atom, or anchor, with the greatest correlation.

        q = P_i f,    i = argmax |D f|

    Timofte, De Smet & Van Gool 2013, "Anchored neighborhood regression for fast example-based super-resolution"; 2014,
    "A+: Adjusted anchored neighborhood regression for fast super-resolution".

    Args:
      atoms: D, of unit length.
      chosen: 1, because regressions of several anchors are not defined.
    """
    return feature @ answers[jnp.argmax(jnp.abs(atoms @ feature))]


def sparse(
    feature: Float[Array, " d"], atoms: Float[Array, "a d"], answers: Float[Array, "a r"], *, chosen: int
) -> Float[Array, " r"]:
    """Answers by the sparse code of a feature: the same combination of large atoms as of small ones.

        q = H c,    c = argmin |f - D^T c|  with at most `chosen` numbers that are not zero

    Zeyde, Elad & Protter 2010, "On single image scale-up using sparse-representations". The code is that
    of orthogonal matching pursuit (Pati, Rezaiifar & Krishnaprasad 1993): the atom most like what remains is made
    orthogonal to those before it, and so are the large atoms, by the same combination; then its part is subtracted.

    Args:
      atoms: D, of unit length.
      answers: H, a large atom for each.
    """
    rest, answer = feature, jnp.zeros(answers.shape[1])
    earlier: list[tuple[Float[Array, " d"], Float[Array, " r"]]] = []
    for _ in range(chosen):
        index = jnp.argmax(jnp.abs(atoms @ rest))
        small, large = atoms[index], answers[index]
        for other_small, other_large in earlier:
            share = other_small @ small
            small, large = small - share * other_small, large - share * other_large
        length = jnp.maximum(jnp.linalg.norm(small), 1e-6)  # nearly zero where an atom comes twice
        small, large = small / length, large / length
        share = small @ rest
        rest, answer = rest - share * small, answer + share * large
        earlier.append((small, large))
    return answer


def neighbours(
    feature: Float[Array, " d"], atoms: Float[Array, "a d"], answers: Float[Array, "a r"], *, chosen: int
) -> Float[Array, " r"]:
    """Answers by the neighbours of a feature, combined as they are combined to resemble it.

        q = |f| sum_k w_k h_k,    w = argmin |f / |f| - sum_k w_k d_k|  with  sum_k w_k = 1

    Chang, Yeung & Xiong 2004, "Super-resolution through neighbor embedding"; the weights are those of
    locally linear embedding (Roweis & Saul 2000). Unlike theirs, features have unit length here, and an atom stands for
    its negative too, so that fewer atoms are enough.

    Args:
      atoms: d, of unit length.
      answers: h, the detail of each.
    """
    length = jnp.linalg.norm(feature) + 1e-9
    likeness = atoms @ feature / length
    _, indices = lax.top_k(jnp.abs(likeness), chosen)
    signs = jnp.sign(likeness[indices])
    differences = signs[:, None] * atoms[indices] - (feature / length)[None]
    gram = differences @ differences.T
    gram += RIDGE * (jnp.trace(gram) + 1e-9) * jnp.eye(chosen)
    weights = jax.scipy.linalg.cho_solve((jnp.linalg.cholesky(gram), True), jnp.ones(chosen))
    return length * (weights / weights.sum() * signs) @ answers[indices]


RULES = {"anchored": anchored, "neighbours": neighbours, "sparse": sparse}


def _convolve(x: Float[Array, "b h w i"], kernel: Float[Array, "kh kw i o"]) -> Float[Array, "b h_out w_out o"]:
    """Convolves where the kernel fits, without a border."""
    return lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=LAYOUT)

"""The balance of generator and discriminator: each can win so far that the other learns nothing more.

The discriminator's loss, -log D(hr) - log(1 - D(G(lr))), tells: 2 log 2 = 1.386 where it cannot tell the two apart, 0
where it always can.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

STEPS = 1_000  # in a row, of which the last of many is a verdict and one alone is chance
WON = 0.02  # -2 log 0.99: it is right with a certainty of 99 in 100
LOST = 1.3  # -2 log 0.52: it hardly guesses better than a coin

WHY = {
    "discriminator has won": f"its loss has been below {WON} for {STEPS} steps",
    "discriminator has lost": f"its loss has been above {LOST} for {STEPS} steps",
    "": f"the discriminator's loss is between {WON} and {LOST} again",
}


class Balance(NamedTuple):
    """How many steps in a row, up to the last, the discriminator's loss has been too low, and too high."""

    below: int = 0
    above: int = 0

    @property
    def verdict(self) -> str:
        """`discriminator has won` or `has lost`; empty where neither."""
        tried = zip((self.below, self.above, STEPS), WHY, strict=True)
        return next(verdict for steps, verdict in tried if steps >= STEPS)


def follow(balance: Balance, metrics: Mapping[str, Float[np.ndarray, " n"]]) -> tuple[Balance, str | None]:
    """Returns the balance after some steps, and what is to be said where the verdict has changed.

    Args:
      metrics: of these steps; without `discriminator` nothing changes.
    """
    loss = metrics.get("discriminator")
    if loss is None:
        return balance, None
    new = Balance(_in_a_row(balance.below, loss < WON), _in_a_row(balance.above, loss > LOST))
    if new.verdict == balance.verdict:
        return new, None
    return new, ": ".join(filter(None, (new.verdict, WHY[new.verdict])))


def _in_a_row(before, met):
    others = np.flatnonzero(~met)
    return int(len(met) - 1 - others[-1]) if others.size else before + len(met)

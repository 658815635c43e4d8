"""The balance of generator and discriminator: either can win so clearly that the other learns nothing more.

The discriminator's loss, -log D(hr) - log(1 - D(G(lr))), shows it: it is 2 log 2 = 1.386 where the discriminator cannot
tell the two apart, and 0 where it always can.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

STEPS = 1_000  # consecutive steps beyond a threshold that make a verdict; fewer may be noise
WON = 0.02  # -2 log 0.99: the discriminator is right with a probability of 99 %
LOST = 1.3  # -2 log 0.52: it guesses hardly better than a coin

Verdict = Literal["discriminator has won", "discriminator has lost", ""]


class Balance(NamedTuple):
    """The number of consecutive steps, up to the last, with a discriminator loss beyond each threshold."""

    below: int = 0
    above: int = 0

    @property
    def verdict(self) -> Verdict:
        """The winner, if there is one."""
        if self.below >= STEPS:
            return "discriminator has won"
        if self.above >= STEPS:
            return "discriminator has lost"
        return ""


def follow(balance: Balance, metrics: Mapping[str, Float[np.ndarray, " n"]]) -> tuple[Balance, str | None]:
    """Returns the balance after further steps, and a sentence for the user if the verdict has changed.

    Args:
      metrics: of these steps; without `discriminator`, as in the SRResNet phase, nothing changes.
    """
    loss = metrics.get("discriminator")
    if loss is None:
        return balance, None
    new = Balance(_run_length(balance.below, loss < WON), _run_length(balance.above, loss > LOST))
    if new.verdict == balance.verdict:
        return new, None
    return new, _sentence(new.verdict)


def _run_length(before: int, is_beyond: Bool[np.ndarray, " n"]) -> int:
    """Returns the length of the run of true values that ends at the last one, given its length before the first."""
    others = np.flatnonzero(~is_beyond)
    return int(len(is_beyond) - 1 - others[-1]) if others.size else before + len(is_beyond)


def _sentence(verdict: Verdict) -> str:
    if verdict == "discriminator has won":
        return f"{verdict}: its loss has been below {WON} for {STEPS} steps"
    if verdict == "discriminator has lost":
        return f"{verdict}: its loss has been above {LOST} for {STEPS} steps"
    return f"the discriminator's loss is between {WON} and {LOST} again"

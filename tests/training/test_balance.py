"""Tests ../../jsr/training/balance.py."""

import itertools

import numpy as np
import pytest

from jsr.training import balance
from jsr.training.balance import Balance


def sentences(losses, chunk):
    """Lists what a user reads over a run whose steps are followed in chunks: `(steps, sentence)`."""
    state, found = Balance(), []
    for start in range(0, len(losses), chunk):
        part = np.array(losses[start : start + chunk], np.float32)
        state, text = balance.follow(state, {"discriminator": part})
        if text:
            found.append((start + len(part), text))
    return found


def test_follow_counts_consecutive_steps(rng):
    losses = rng.choice([0.01, 0.5, 1.35], 300, p=[0.6, 0.1, 0.3])
    state = Balance()
    for start in range(0, 300, 7):
        state, _ = balance.follow(state, {"discriminator": losses[start : start + 7]})
        past = losses[: start + 7][::-1]
        below = len(list(itertools.takewhile(lambda loss: loss < balance.WON, past)))
        above = len(list(itertools.takewhile(lambda loss: loss > balance.LOST, past)))
        assert state == Balance(below, above)


@pytest.mark.parametrize("chunk", [1, 50, 500])
@pytest.mark.parametrize(
    ("loss", "sentence"),
    [
        (0.001, "discriminator has won: its loss has been below 0.02 for 1000 steps"),
        (2 * np.log(2), "discriminator has lost: its loss has been above 1.3 for 1000 steps"),
    ],
)
def test_follow_reports_a_verdict_once_after_a_thousand_steps_and_its_end(loss, sentence, chunk):
    assert sentences([0.4] * 500 + [loss] * 1500 + [0.4] * 500, chunk) == [
        (1500, sentence),
        (2000 + chunk, "the discriminator's loss is between 0.02 and 1.3 again"),
    ]


def test_follow_reports_nothing_if_a_single_step_is_in_between():
    assert sentences(([0.001] * 999 + [0.4]) * 3, 100) == []


def test_follow_has_no_verdict_without_a_discriminator():
    assert balance.follow(Balance(), {"loss": np.zeros(2000)}) == (Balance(), None)

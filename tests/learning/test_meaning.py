"""What each thing that a user does says of a request, held against the table a person would write."""

from __future__ import annotations

import pytest

from gateway_core.kinds import Tier
from gateway_core.learning.meaning import (
    ASKED_AGAIN,
    BAD,
    CHOSEN,
    GOOD,
    OVERRIDDEN,
    RANKS,
    RUN_AGAIN,
    UNUSABLE,
    Meaning,
)
from gateway_core.learning_values import Source, tier_wanted

L, C, P = Tier.LOCAL, Tier.CHEAP, Tier.PREMIUM


@pytest.mark.parametrize(
    ("meaning", "wanted", "weight"),
    [
        (GOOD[L], 0.0, 1.0),
        (GOOD[C], 0.25, 0.5),
        (GOOD[P], 0.5, 0.0),
        (BAD[L], 0.5, 1.0),
        (BAD[C], 1.0, 1.0),
        (BAD[P], 1.0, 0.25),
        (CHOSEN[L], 0.0, 1.0),
        (CHOSEN[P], 1.0, 1.0),
        (OVERRIDDEN[P], 1.0, 0.8),
        (RUN_AGAIN[C], 0.5, 0.25),
        (UNUSABLE[L], 0.5, 0.5),
        (ASKED_AGAIN[L], 0.5, 0.3),
        (ASKED_AGAIN[P], 1.0, 0.1),
    ],
)
def test_what_was_done_means(meaning: Meaning, wanted: float, weight: float) -> None:
    assert (meaning.wanted, meaning.weight) == (wanted, weight) and meaning.why


def test_a_guess_weighs_less_than_a_word() -> None:
    guesses = [*OVERRIDDEN.values(), *RUN_AGAIN.values(), *UNUSABLE.values(), *ASKED_AGAIN.values()]
    assert all(0 < one.weight < CHOSEN[L].weight for one in guesses)
    assert all(0 <= one.wanted <= 1 for one in (*guesses, *GOOD.values(), *BAD.values(), *CHOSEN.values()))


def test_every_source_has_a_rank_and_the_users_word_has_the_highest() -> None:
    assert set(RANKS) == set(Source)
    assert {one for one in Source if RANKS[one] == max(RANKS.values())} == {
        *(Source.THUMB, Source.SAMPLE, Source.CHOICE, Source.IMPORT)
    }


def test_the_cheapest_tier_that_is_known_to_be_enough() -> None:
    assert [tier_wanted(wanted) for wanted in (0.0, 0.25, 0.5, 0.75, 1.0)] == [L, C, C, P, P]

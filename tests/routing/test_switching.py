"""What a switch of models saves and loses, in micro-dollars."""

from __future__ import annotations

import pytest

from gateway_core.routing.switching import FREE, Balance, Prices, Turn, balance, chance_to_go_on

CLAUDE = Prices(input=2_000_000, output=10_000_000, cache_read=200_000, cache_write=2_500_000, cache_write_1h=4_000_000)
GROQ = Prices(input=150_000, output=600_000, cache_read=75_000, cache_write=150_000)
DEAR = Prices(input=15_000_000, output=75_000_000, cache_read=1_500_000, cache_write=18_750_000)
LONG = Turn(41_500, 400, 41_200, warm_s=212.0, life_s=300.0)


@pytest.mark.parametrize(
    ("turn", "other", "saves", "loses"),
    [
        # 41,200 read at 0.2, 300 at 2, 400 out at 10: all of it is saved. 41,200 x 2.3 x 0.7 x 212/300 is lost.
        (LONG, FREE, 8_240 + 600 + 4_000, 46_875),
        # to a model that is paid too: 41,500 at 0.15 and 400 at 0.6
        (LONG, GROQ, 12_840 - 6_225 - 240, 46_875),
        # dearer: nothing is saved
        (LONG, DEAR, 12_840 - 622_500 - 30_000, 46_875),
        # the cache has gone: all is input again, and nothing is lost
        (Turn(41_500, 400, 41_200, 0.0, 300.0), FREE, 83_000 + 4_000, 0),
        # nearly gone
        (Turn(41_500, 400, 41_200, 3.0, 300.0), FREE, 12_840, 664),
        # nothing was cached
        (Turn(500, 400, 0, 300.0, 300.0), FREE, 5_000, 0),
        # a conversation that has gone on five times goes on: nine times of ten at least
        (Turn(41_500, 400, 41_200, 300.0, 300.0, turns=6), FREE, 12_840, 86_638),
        # an hour's cache, half of it left
        (Turn(41_500, 400, 41_200, 1_800.0, 3_600.0), FREE, 12_840, 54_796),
        # less was sent than is in the cache
        (Turn(1_000, 0, 41_200, 300.0, 300.0), FREE, 200, 1_610),
        (Turn(0, 0, 0, 0.0, 0.0), FREE, 0, 0),
    ],
)
def test_a_switch_saves_this_turn_and_loses_the_cache(turn: Turn, other: Prices, saves: int, loses: int) -> None:
    assert balance(turn, CLAUDE, other) == Balance(saves, loses)


def test_what_costs_nothing_loses_nothing() -> None:
    assert balance(LONG, FREE, GROQ).loses_microusd == 0
    assert balance(LONG, FREE, GROQ).saves_microusd < 0


def test_a_switch_must_save_more_than_it_loses() -> None:
    assert Balance(3, 2).pays
    assert not Balance(2, 2).pays
    assert not Balance(-1, 0).pays


def test_a_conversation_goes_on_the_more_likely_the_longer_it_is() -> None:
    chances = [up / of for up, of in map(chance_to_go_on, range(1, 12))]
    assert chances[0] == 0.7
    assert chances == sorted(chances)
    assert chances[-1] < 1
    assert chance_to_go_on(0) == chance_to_go_on(1)


def test_fractions_of_a_micro_dollar_are_for_staying() -> None:
    found = balance(Turn(1, 0, 1, 1.0, 300.0), CLAUDE, FREE)
    assert found == Balance(0, 1)

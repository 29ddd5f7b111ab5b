"""How much a screen sends to its terminal, by a script that is the same each time."""

from __future__ import annotations

import pytest

from tests.tui.tty_bytes import count


@pytest.mark.parametrize("place", ["", "cache"])
async def test_a_screen_that_nothing_happens_on_is_next_to_silent(place: str) -> None:
    found = await count(0.0, place=place, low_bandwidth=True, seconds=5)
    assert found.per_second < 1_000, "the limit is 5,000"


async def test_twenty_requests_a_second_over_a_slow_link() -> None:
    found = await count(20.0, low_bandwidth=True, seconds=5)
    assert 300 < found.per_second < 12_000, "the limit is 30,000"


async def test_three_hundred_requests_a_second() -> None:
    found = await count(300.0, seconds=3)
    assert 300 < found.per_second < 25_000, "the limit is 40,000"
    assert found.by_textual > 2 * found.per_second

"""The newest few results are in the corner, and one that comes again is counted."""

from __future__ import annotations

from textual.notifications import Notifications

from llmgw_tui import toasts
from tests.tui.everywhere import shown
from tests.tui.seen import rows_of


def said(*texts: str, height: int = 40) -> list[str]:
    shown_now = Notifications()
    for text in texts:
        toasts.add(shown_now, text, "information", 60.0, height)
    return [one.message for one in shown_now]


def test_the_oldest_give_way() -> None:
    assert said("one", "two", "three", "four", "five") == ["three", "four", "five"]
    assert said("one", "two", height=12) == ["two"]


def test_what_is_said_again_is_counted_and_is_the_newest() -> None:
    assert said("one", "two", "one") == ["two", "one (x2)"]
    assert said(*["one"] * 12) == ["one (x12)"]
    assert said("a (x2)", "a (x2)") == ["a (x2) (x2)"]


async def test_they_leave_the_footer_in_sight() -> None:
    async with shown("toasts") as (app, _):
        *_, last = rows_of(app)
        assert len(app._notifications) == toasts.MOST and "(x2)" in "\n".join(rows_of(app))
        assert "k kill" in last and "? help" in last

"""The requests screen: thousands of rows, filtered, in any order, while new ones come in."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from gateway_core.model import RequestRow, Snapshot, Tier
from gateway_core.request_pages import PAGE_ROWS, RequestsPage
from llmgw_tui.screens.requests import RequestsScreen
from tests.fakes import details, snapshots
from tests.tui.conftest import Stage, Staging

_ANY = snapshots.busy().requests[-1]


def _row(number: int) -> RequestRow:
    """The higher the number, the newer; every tenth is premium and cost something."""
    paid = number % 10 == 0
    return replace(
        _ANY,
        id=f"req_{number:06}",
        at=snapshots.NOW - 100_000 + number,
        preview=f"question {number}",
        tier=Tier.PREMIUM if paid else Tier.LOCAL,
        cost_microusd=number * 10 if paid else 0,
    )


def _many(count: int) -> tuple[RequestRow, ...]:
    return tuple(_row(number) for number in range(count))


def _showing(rows: tuple[RequestRow, ...]) -> Snapshot:
    return replace(snapshots.busy(), requests=tuple(reversed(rows[-PAGE_ROWS:])))


def _place(stage: Stage) -> RequestsScreen:
    place = stage.app.place_in_sight
    assert isinstance(place, RequestsScreen)
    return place


async def _type(stage: Stage, text: str) -> None:
    """Types, and waits for the pause after which the log is asked."""
    await stage.press("slash")
    for character in text:
        await stage.pilot.press({" ": "space", ":": "colon", ">": "greater_than_sign"}.get(character, character))
    await _read(stage)


async def _read(stage: Stage) -> None:
    """Until the log was read."""
    if reading := [worker for worker in stage.app.workers if worker.group in ("read", "read on")]:
        await stage.app.workers.wait_for_complete(reading)
    await stage.settle()


async def test_r_shows_the_whole_log_and_r_again_leaves(staging: Staging) -> None:
    rows = _many(1_000)
    async with staging(_showing(rows)) as stage:
        stage.source.request_log = rows
        await stage.press("r")
        assert "Requests 1,000 " in stage.text and "following" in stage.text and "question 999" in stage.text
        await stage.press("r")
        assert stage.app.here == "dashboard"


async def test_pages_are_read_as_the_cursor_comes_near_their_end(staging: Staging) -> None:
    rows = _many(1_000)
    async with staging(_showing(rows)) as stage:
        stage.source.request_log = rows
        await stage.press("r")
        assert len(_place(stage).rows) == PAGE_ROWS
        for _ in range(12):
            await stage.press("end")
            await _read(stage)
        assert len(_place(stage).rows) == 1_000
        assert "question 0" in stage.text
        assert [search[2] for search in stage.source.searches] == ["", "200", "400", "600", "800"]


async def test_a_filter_is_asked_of_the_log_and_says_how_many_match(staging: Staging) -> None:
    rows = _many(1_000)
    async with staging(_showing(rows)) as stage:
        stage.source.request_log = rows
        await stage.press("r")
        await _type(stage, "tier:premium cost>0.005")
        assert "49 of 1,000 match" in stage.text
        assert all(row.cost_microusd > 5_000 for row in (_place(stage).rows[index] for index in range(49)))
        await stage.press("enter", "escape")
        await _read(stage)
        assert "Requests 1,000 " in stage.text


async def test_a_filter_that_is_none_keeps_the_rows_and_says_what_is_known(staging: Staging) -> None:
    rows = _many(300)
    async with staging(_showing(rows)) as stage:
        stage.source.request_log = rows
        await stage.press("r")
        await _type(stage, "cst>1")
        assert "no number is called cst; choose cost, saved" in stage.text and "question 299" in stage.text


async def test_a_name_that_is_being_typed_does_not_empty_the_list(staging: Staging) -> None:
    rows = _many(300)
    async with staging(_showing(rows)) as stage:
        stage.source.request_log = rows
        await stage.press("r")
        await _type(stage, "tier")
        assert "question 299" in stage.text and "tier:" in stage.text
        await stage.press("enter")
        await _read(stage)
        assert "No request matches" in stage.text


async def test_new_requests_come_in_on_top_and_the_row_that_is_read_stays(staging: Staging) -> None:
    rows = _many(300)
    async with staging(_showing(rows)) as stage:
        stage.source.request_log = rows
        await stage.press("r")
        stage.source.current = _showing(_many(302))
        await stage.settle()
        assert _place(stage).list.cursor == 0 and "question 301" in stage.text
        await stage.press("down", "down")
        chosen = _place(stage).request
        line = next(index for index, text in enumerate(stage.text.split("\n")) if "question 299" in text)
        stage.source.current = _showing(_many(310))
        await stage.settle()
        assert _place(stage).request == chosen and chosen is not None and chosen.preview == "question 299"
        assert "question 299" in stage.text.split("\n")[line] and "Requests 310 " in stage.text


async def test_paused_nothing_comes_in_until_it_follows_again(staging: Staging) -> None:
    rows = _many(300)
    async with staging(_showing(rows)) as stage:
        stage.source.request_log = rows
        await stage.press("r", "space")
        stage.source.current = _showing(_many(305))
        await stage.settle()
        assert "paused, 5 new" in stage.text and "question 304" not in stage.text
        await stage.press("space")
        assert "following" in stage.text and "question 304" in stage.text


async def test_only_what_matches_comes_in(staging: Staging) -> None:
    rows = _many(301)
    async with staging(_showing(rows)) as stage:
        stage.source.request_log = rows
        await stage.press("r")
        await _type(stage, "tier:premium")
        await stage.press("enter")
        stage.source.current = _showing(_many(311))
        await stage.settle()
        assert "question 310" in stage.text and "question 309" not in stage.text


async def test_more_than_a_snapshot_tells_of_is_read_from_the_log(staging: Staging) -> None:
    async with staging(_showing(_many(300))) as stage:
        stage.source.request_log = _many(300)
        await stage.press("r")
        stage.source.request_log = _many(2_000)
        stage.source.current = _showing(_many(2_000))
        await stage.settle()
        await _read(stage)
        listed = _place(stage).rows
        assert [listed[index].preview for index in (0, PAGE_ROWS - 1)] == ["question 1999", "question 1800"]


async def test_a_request_that_moves_on_is_drawn_where_it_is(staging: Staging) -> None:
    rows = _many(300)
    async with staging(_showing(rows)) as stage:
        stage.source.request_log = rows
        await stage.press("r")
        moved = replace(rows[-1], preview="has moved on")
        stage.source.current = _showing((*rows[:-1], moved))
        await stage.settle()
        assert "has moved on" in stage.text and "question 299" not in stage.text


async def test_orders_go_round_and_turn(staging: Staging) -> None:
    rows = _many(300)
    async with staging(_showing(rows)) as stage:
        stage.source.request_log = rows
        await stage.press("r", "o")
        await _read(stage)
        assert "highest cost first" in stage.text and _place(stage).rows[0].preview == "question 290"
        await stage.press("O")
        await _read(stage)
        assert "lowest cost first" in stage.text and _place(stage).rows[0].preview == "question 0"
        stage.source.current = _showing(_many(310))
        await stage.settle()
        assert len(_place(stage).rows) == PAGE_ROWS


async def test_enter_opens_the_detail_and_y_copies_the_id(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("r", "down", "y")
        chosen = _place(stage).request
        assert chosen is not None and stage.app.clipboard == chosen.id
        await stage.press("enter")
        assert chosen.id in stage.text


async def test_a_click_chooses_a_double_click_opens_and_the_wheel_scrolls(staging: Staging) -> None:
    rows = _many(300)
    async with staging(_showing(rows)) as stage:
        stage.source.request_log = rows
        stage.source.details = {row.id: details.detail(row) for row in rows}
        await stage.press("r")
        await stage.pilot.click("#rows", offset=(10, 6))
        await stage.settle()
        assert _place(stage).list.cursor == 5
        await stage.pilot.click("#rows", offset=(10, 8), times=2)
        await stage.settle()
        assert stage.app.here == "request" and "req_000292" in stage.text


async def test_earlier_filters_come_back_with_the_arrows(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("r")
        for text in ("capital", "tier:local"):
            await _type(stage, text)
            await stage.press("enter", "escape")
        await stage.press("slash", "up")
        assert _place(stage).filter_field.value == "tier:local"
        await stage.press("up", "up")
        assert _place(stage).filter_field.value == "capital"
        await stage.press("down", "down")
        assert _place(stage).filter_field.value == ""


async def test_the_log_of_a_gateway_that_is_back_is_read(staging: Staging) -> None:
    rows = _many(300)
    async with staging(_showing(rows), attached=True) as stage:
        stage.source.request_log, stage.source.problem = rows, "nothing listens at 127.0.0.1:8000"
        await stage.press("r")
        await _read(stage)
        assert "nothing listens" in stage.text and "question 299" not in stage.text
        stage.source.connected = False
        await stage.settle()
        stage.source.connected, stage.source.problem = True, ""
        await stage.settle()
        await _read(stage)
        assert "nothing listens" not in stage.text and "question 299" in stage.text


async def test_what_is_typed_goes_after_a_filter_that_another_screen_has_set(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.app.go("requests", filtered_by='lane:"interactive"')
        await stage.press("slash", "space", "h", "i")
        assert _place(stage).filter_field.value == 'lane:"interactive" hi'
        await stage.press("ctrl+u")
        assert _place(stage).filter_field.value == ""


async def test_a_log_that_cannot_be_read_is_said_and_the_rows_stay(staging: Staging) -> None:
    rows = _many(300)
    async with staging(_showing(rows)) as stage:
        stage.source.request_log = rows
        await stage.press("r")
        stage.source.problem = "nothing listens at 127.0.0.1:8000"
        await stage.press("ctrl+r")
        await _read(stage)
        assert "nothing listens" in stage.text and "question 299" in stage.text


async def test_a_hundred_thousand_rows_are_drawn_as_quickly_as_a_hundred(staging: Staging) -> None:
    """What a key costs must not grow with the list: compared with a short list on the same machine."""
    rows = _many(100_000)
    async with staging(_showing(rows)) as stage:
        stage.source.request_log = rows
        await stage.press("r")
        place = _place(stage)
        short = _cost_of_a_page(place)
        page = await stage.source.requests()
        place.rows.extend(replace(page, requests=tuple(reversed(rows)), next=""))
        place.list.cursor = 90_000
        place.redraw()
        assert len(place.rows) == 100_000
        assert _cost_of_a_page(place) < 5 * short + 0.005


def _cost_of_a_page(place: RequestsScreen) -> float:
    """The least time of drawing after a page up or down, in seconds."""
    costs = []
    for number in range(20):
        began = time.perf_counter()
        place.list.action_page(-1 if number % 2 else 1)
        place.redraw()
        costs.append(time.perf_counter() - began)
    return min(costs)


async def test_it_can_be_shown_at_any_size(staging: Staging) -> None:
    for size in ((24, 6), (40, 10), (80, 24), (200, 60)):
        async with staging(snapshots.busy(), size=size) as stage:
            await stage.press("r", "end", "home", "o")
        async with staging(None, size=size) as stage:
            await stage.press("r")


async def test_the_title_counts_nothing_until_the_rows_of_a_new_filter_are_there(staging: Staging) -> None:
    rows = _many(300)
    async with staging(_showing(rows)) as stage:
        stage.source.request_log = rows
        await stage.press("r")
        read, may = stage.source.requests, asyncio.Event()

        async def slow(query: str = "", sort: str = "newest", cursor: str = "") -> RequestsPage:
            await may.wait()
            return await read(query, sort, cursor)

        stage.source.requests = slow  # type: ignore[method-assign]
        place = _place(stage)
        place.set_filter("tier:premium")
        await stage.settle()
        title = stage.text.split("\n")[1]
        assert "reading" in title and "/tier:premium" in title and "match" not in title and "300" not in title
        may.set()
        await _read(stage)
        assert "30 of 300 match" in stage.text and "reading" not in stage.text

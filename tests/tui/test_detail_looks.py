"""Pictures of a request's screens. After a wanted change: pytest with ``--snapshot-update``, and look."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from gateway_core.model import CommandResult, Tier
from llmgw_tui import ink
from llmgw_tui.app import ControlCentre
from llmgw_tui.clock import FrozenClock
from llmgw_tui.setup import Setup
from llmgw_tui.widgets import chart
from tests.fakes import details, snapshots
from tests.fakes.source import FakeSource
from tests.tui.looks import SIZES, typed

Compare = Callable[..., bool]
OPENED = ("down", "down", "down", "down", "down", "enter")
CODE = "Two tables:\n```sql\nselect id -- all\nfrom tenant where n = 1\n```\nThat is all."


def _looks_as_before(
    compare: Compare,
    size: str,
    press: Iterable[str],
    *,
    source: FakeSource | None = None,
    ascii_only: bool = False,
) -> bool:
    chart.load()
    ink.load("json", "python", "sql")
    source = source or FakeSource(snapshots.busy())
    app = ControlCentre(source, Setup(ascii_only=ascii_only), clock=FrozenClock(snapshots.NOW))
    return compare(app, terminal_size=SIZES[size], run_before=lambda pilot: typed(pilot, (*OPENED, *press)))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("keys", ["", "h", "u", "slash t e n a n t enter n", "tab tab tab"])
def test_a_request(snap_compare: Compare, keys: str, size: str) -> None:
    assert _looks_as_before(snap_compare, size, keys.split())


def test_a_request_in_ascii(snap_compare: Compare) -> None:
    assert _looks_as_before(snap_compare, "80x24", ["tab", "tab"], ascii_only=True)


@pytest.mark.parametrize("size", SIZES)
def test_two_answers(snap_compare: Compare, size: str) -> None:
    first = details.detail()
    second = replace(first.row, id="req_again", tier=Tier.LOCAL, cost_microusd=0, replay_of=first.row.id)
    source = FakeSource(snapshots.busy())
    source.answer = CommandResult(True, "", "req_again")
    source.details["req_again"] = replace(first, row=second, answer={"content": CODE})
    assert _looks_as_before(snap_compare, size, ["e", "enter"], source=source)

"""Pictures of the screens. After a wanted change: ``pytest tests/tui/test_looks.py --snapshot-update``, and look."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from gateway_core.model import Snapshot
from llmgw_tui.app import ControlCentre
from llmgw_tui.clock import FrozenClock
from llmgw_tui.setup import Setup
from llmgw_tui.widgets import chart
from tests.fakes import snapshots
from tests.fakes.source import FakeSource
from tests.tui.looks import SIZES, typed

Compare = Callable[..., bool]


def _looks_as_before(
    compare: Compare, snapshot: Snapshot, size: tuple[int, int], press: Iterable[str] = (), *, ascii_only: bool = False
) -> bool:
    chart.load()
    app = ControlCentre(FakeSource(snapshot), Setup(ascii_only=ascii_only), clock=FrozenClock(snapshots.NOW))
    return compare(app, terminal_size=size, run_before=lambda pilot: typed(pilot, press))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("moment", ["busy", "empty", "killed", "demo"])
def test_dashboard(snap_compare: Compare, moment: str, size: str) -> None:
    assert _looks_as_before(snap_compare, getattr(snapshots, moment)(), SIZES[size])


def test_dashboard_in_ascii(snap_compare: Compare) -> None:
    assert _looks_as_before(snap_compare, snapshots.busy(), (80, 24), ascii_only=True)


def test_dashboard_with_one_pane(snap_compare: Compare) -> None:
    assert _looks_as_before(snap_compare, snapshots.busy(), (40, 10))


@pytest.mark.parametrize("size", SIZES)
def test_detail(snap_compare: Compare, size: str) -> None:
    assert _looks_as_before(
        snap_compare, snapshots.busy(), SIZES[size], ["down", "down", "down", "down", "down", "enter"]
    )


@pytest.mark.parametrize("size", SIZES)
def test_help(snap_compare: Compare, size: str) -> None:
    assert _looks_as_before(snap_compare, snapshots.busy(), SIZES[size], ["question_mark"])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("keys", ["c", "c tab", "c down enter"])
def test_cache(snap_compare: Compare, keys: str, size: str) -> None:
    assert _looks_as_before(snap_compare, snapshots.busy(), SIZES[size], keys.split())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("keys", ["dollar_sign", "dollar_sign tab o o down"])
def test_spend(snap_compare: Compare, keys: str, size: str) -> None:
    assert _looks_as_before(snap_compare, snapshots.busy(), SIZES[size], keys.split())


@pytest.mark.parametrize("size", SIZES)
def test_question(snap_compare: Compare, size: str) -> None:
    assert _looks_as_before(snap_compare, snapshots.killed(), SIZES[size], ["k"])


@pytest.mark.parametrize("size", SIZES)
def test_choice(snap_compare: Compare, size: str) -> None:
    assert _looks_as_before(snap_compare, snapshots.busy(), SIZES[size], ["l"])


@pytest.mark.parametrize("size", SIZES)
def test_asking_for_a_name(snap_compare: Compare, size: str) -> None:
    assert _looks_as_before(snap_compare, snapshots.busy(), SIZES[size], ["p", *"qwen3"])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("keys", ["ctrl+p", "ctrl+p t h e m e"])
def test_palette(snap_compare: Compare, keys: str, size: str) -> None:
    assert _looks_as_before(snap_compare, snapshots.busy(), SIZES[size], keys.split())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("keys", ["r", "r slash c s t greater_than_sign 1"])
def test_requests(snap_compare: Compare, keys: str, size: str) -> None:
    assert _looks_as_before(snap_compare, snapshots.busy(), SIZES[size], keys.split())

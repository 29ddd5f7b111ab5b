"""Pictures of the routing, log and settings screens."""

from __future__ import annotations

import pytest

from gateway_core.model import Snapshot
from llmgw_tui.app import ControlCentre
from llmgw_tui.clock import FrozenClock
from llmgw_tui.setup import Setup
from llmgw_tui.widgets import chart
from tests.fakes import snapshots
from tests.fakes.source import FakeSource
from tests.tui.looks import SIZES, typed
from tests.tui.test_looks import Compare


def _looks_as_before(
    compare: Compare, snapshot: Snapshot, size: tuple[int, int], keys: str, *, ascii_only: bool = False
) -> bool:
    chart.load()
    app = ControlCentre(FakeSource(snapshot), Setup(ascii_only=ascii_only), clock=FrozenClock(snapshots.NOW))
    return compare(app, terminal_size=size, run_before=lambda pilot: typed(pilot, keys.split()))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "keys",
    [
        "t",
        "t tab tab",
        "t down enter",
        "t shift+tab",
        "t shift+tab down enter",
        "g",
        "g down down down down enter",
        "comma",
    ],
)
def test_inside(snap_compare: Compare, keys: str, size: str) -> None:
    assert _looks_as_before(snap_compare, snapshots.busy(), SIZES[size], keys)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("keys", ["W", "W shift+right shift+right o", "W a n"])
def test_what_if(snap_compare: Compare, keys: str, size: str) -> None:
    assert _looks_as_before(snap_compare, snapshots.busy(), SIZES[size], keys)


@pytest.mark.parametrize("size", SIZES)
def test_a_setting(snap_compare: Compare, size: str) -> None:
    keys = "comma slash b u d g e t _ h enter down enter"
    assert _looks_as_before(snap_compare, snapshots.busy(), SIZES[size], keys)


@pytest.mark.parametrize("size", SIZES)
def test_a_trial(snap_compare: Compare, size: str) -> None:
    assert _looks_as_before(snap_compare, snapshots.busy(), SIZES[size], "t i P r o v e enter")


@pytest.mark.parametrize("keys", ["t", "g", "comma", "W"])
def test_inside_in_ascii(snap_compare: Compare, keys: str) -> None:
    assert _looks_as_before(snap_compare, snapshots.busy(), (80, 24), keys, ascii_only=True)

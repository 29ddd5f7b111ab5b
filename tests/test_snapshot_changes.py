"""What a screen far away is told: changes that lead to the very snapshot."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway_core.model import Snapshot, Status
from gateway_core.snapshot_changes import Follower, changes
from tests.fakes import snapshots


def sent(before: Snapshot | None, now: Snapshot, base: str, token: str) -> bytes:
    return orjson.dumps(changes(before, now, base, token), option=orjson.OPT_NON_STR_KEYS)


def numbered(numbers: list[int], moved: int) -> Snapshot:
    rows = tuple(
        snapshots.row(number, f"row {number}", latency_ms=float(moved if number == moved else 0)) for number in numbers
    )
    return replace(snapshots.busy(), requests=rows, in_flight=moved)


sequences = some.lists(
    some.tuples(some.lists(some.integers(0, 9), unique=True), some.integers(0, 9)), min_size=1, max_size=6
)


@given(sequences)
def test_following_leads_to_the_same_snapshot(moments: list[tuple[list[int], int]]) -> None:
    follower, before = Follower(), None
    for number, (rows, moved) in enumerate(moments):
        now = numbered(rows, moved)
        assert follower.follow(sent(before, now, follower.token, f"t{number}")) == now
        before = now


def test_what_half_a_second_changes_is_a_hundredth_of_the_whole() -> None:
    rows = tuple(snapshots.row(number, f"Question {number}") for number in range(200))
    before = replace(snapshots.busy(), requests=rows)
    new = snapshots.row(500, "A new one", status=Status.RUNNING)
    now = replace(before, at=before.at + 0.5, requests=(new, *rows[:-1]), in_flight=2)
    whole, part = sent(None, now, "", "b"), sent(before, now, "a", "b")
    assert len(whole) > 100_000 and len(part) < 1_200
    follower = Follower()
    follower.follow(sent(None, before, "", "a"))
    assert follower.follow(part) == now


def test_changes_of_another_snapshot_are_refused_and_all_is_asked_for_again() -> None:
    follower = Follower()
    follower.follow(sent(None, snapshots.busy(), "", "a"))
    with pytest.raises(ValueError):
        follower.follow(sent(snapshots.busy(), snapshots.killed(), "x", "y"))
    assert follower.token == ""
    assert follower.follow(sent(None, snapshots.killed(), "", "z")) == snapshots.killed()


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"token": "a", "base": "", "fields": {}}'])
def test_what_is_no_change_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        Follower().follow(body)

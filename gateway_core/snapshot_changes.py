"""What has changed between two snapshots, for a screen at the other end of a slow link.

A snapshot of 200 requests is 150 kB of JSON; what half a second changes of it is a few hundred bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, fields, replace
from functools import cache
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from gateway_core.frozen import frozen
from gateway_core.model import RequestRow, Snapshot

FIELDS = tuple(one.name for one in fields(Snapshot) if one.name != "requests")
_HINTS = get_type_hints(Snapshot)


@frozen
class Changes:
    """From the snapshot ``base`` to the snapshot ``token``. An empty ``base`` means that all is here."""

    token: str
    base: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    """The fields of :class:`Snapshot`, except ``requests``, that differ."""
    rows: tuple[RequestRow, ...] = ()
    """New requests, newest first, and those that moved."""
    count: int = 0
    """How many rows there are in all: the new ones, then those of before, as many as that."""


def changes(before: Snapshot | None, now: Snapshot, base: str, token: str) -> Changes:
    """How to come from ``before`` to ``now``; all of ``now`` where that cannot be told in short."""
    if before is not None:
        known = {row.id: row for row in before.requests}
        rows = tuple(row for row in now.requests if (old := known.get(row.id)) is not row and old != row)
        if [row.id for row in _merged(before.requests, rows, len(now.requests))] == [row.id for row in now.requests]:
            moved = {name: value for name in FIELDS if (value := getattr(now, name)) != getattr(before, name)}
            return Changes(token, base, moved, rows, len(now.requests))
    return Changes(token, "", {name: getattr(now, name) for name in FIELDS}, now.requests, len(now.requests))


class Follower:
    """The other end: a snapshot that is kept up to date by :class:`Changes`."""

    def __init__(self) -> None:
        self.snapshot: Snapshot | None = None
        self.token = ""

    def follow(self, body: bytes) -> Snapshot:
        """The snapshot after ``body``. Raises ``ValueError`` when it is of another version or for another base."""
        found = _adapter(Changes).validate_json(body)
        if found.base != (self.token if found.base else ""):
            self.token = ""
            raise ValueError("the changes are of a snapshot that is not here")
        moved = {
            name: _adapter(_HINTS[name]).validate_python(value)
            for name, value in found.fields.items()
            if name in FIELDS
        }
        if self.snapshot is not None and found.base:
            rows = _merged(self.snapshot.requests, found.rows, found.count)
            self.snapshot = replace(self.snapshot, requests=tuple(rows), **moved)
        else:
            self.snapshot = _adapter(Snapshot).validate_python({**moved, "requests": found.rows})
        self.token = found.token
        return self.snapshot


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Made once, and when it is needed: making all of them takes a tenth of a second."""
    return TypeAdapter(kind)


def _merged(before: Sequence[RequestRow], rows: Sequence[RequestRow], count: int) -> list[RequestRow]:
    changed = {row.id: row for row in rows}
    known = {row.id for row in before}
    new = [row for row in rows if row.id not in known]
    return [*new, *(changed.get(row.id, row) for row in before)][:count]

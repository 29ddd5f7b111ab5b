"""Money set aside at once for many small calls, so that none of them waits for the disk.

A call must be on the disk before it is made, or what it costs could be forgotten, and to wait for that takes longer
than all else that llmgw does. So the ledger sets an advance aside, on the disk, and calls whose own entries are not on
it yet may together cost no more than that. Their entries are noted in a :class:`~gateway_core.store.spool.Spool`, which
a process that is killed leaves behind: then each call is charged what it cost. Only a power loss takes the notes with
it, and there what was not found again of the advance is charged. The boot id tells the one from the other; where the
spool is gone although the computer went on, it is charged as well.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from gateway_core.store.boot import boot_id
from gateway_core.store.errors import StoreError
from gateway_core.store.spool import Spool

IDLE_S = 60.0
"""After so long without a paid call the advance is given back: most power losses then cost nothing."""
OURS = "llmgw"
"""The provider that an advance which was lost is charged under."""
_ID = "advance/"
IS_ADVANCE = f"id LIKE '{_ID}%'"
_OF_CALL = (
    "id",
    "request_id",
    "attempt",
    "day",
    "tier",
    "provider",
    "model",
    "reserved_microusd",
    "created_at",
    "lane",
)
_OF_END = ("state", "cost_microusd", "usage", "closed_at", "id")
RESERVED, _DAY = _OF_CALL.index("reserved_microusd"), _OF_CALL.index("day")


def _row(names: Sequence[str]) -> str:
    return f"INTO reservations ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"


_CALL_ROW = _row(_OF_CALL)
"""A call that is about to be made; see :class:`~gateway_core.store.ledger.LedgerEntry`."""
_ENDED_ROW = _row((*_OF_CALL, *_OF_END[:-1]))
"""One that has ended since."""
END = (
    "UPDATE reservations SET state = ?, cost_microusd = ?, usage = ?, closed_at = ? WHERE id = ? AND state = 'reserved'"
)
_BEGIN = (
    "INSERT OR REPLACE INTO begun (id, value) SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM requests WHERE id = ?1)"
)
CallRow = tuple[tuple[Any, ...], tuple[str, str] | None, tuple[Any, ...] | None]
"""The values of a call's row, the announcement, and the values of END where it has ended."""
CALL, ENDED = "call", "end"
"""What an entry of the spool is: the values of a call's row and the announcement, or those of END."""


class Advance:
    """What is set aside now, and how much of it the calls need whose entries are not on the disk.

    Without a ``spool``, or where the ``boot`` is not known, nothing is: every call waits for the disk then.
    """

    def __init__(self, spool: Spool | None = None, boot: str | None = None) -> None:
        self._spool = spool
        self._boot = (boot_id() if boot is None else boot) if spool else ""
        self.most_microusd = 0
        """How much to set aside from the next time on."""
        self._day = ""
        self._microusd = 0
        self._exposed_microusd = 0
        self._is_opening = self._may_be_there = False
        """The entry is being written; there may be one on the disk, whoever waited for it."""

    @property
    def is_half_used(self) -> bool:
        return self._exposed_microusd * 2 > self._microusd

    @property
    def is_needed(self) -> bool:
        """Calls are noted that are not on the disk."""
        return self._exposed_microusd > 0

    def opening(self, day: str, at: float) -> tuple[Any, ...] | None:
        """The entry to write where the day has no advance and could have one; nothing is covered until
        :meth:`opened`."""
        if not self._boot or not self.most_microusd or self.is_needed or self._is_opening or self._day == day:
            return None
        if self._spool is None or not self._spool.make():
            return None
        self._day, self._is_opening, self._may_be_there = "", True, True
        name = f"{_ID}{self._boot}"
        return (name, "", 0, day, "cheap", OURS, "power loss", self.most_microusd, at, "interactive")

    def opened(self, entry: tuple[Any, ...]) -> None:
        """The entry is on the disk."""
        self._day, self._microusd = entry[_DAY], entry[RESERVED]

    def tried(self) -> None:
        """Nobody waits any more for the entry to be written."""
        self._is_opening = False

    def kept(self) -> None:
        """The entry could not be removed."""
        self._may_be_there = True

    def closing(self) -> str | None:
        """The id of the entry to remove, where nothing needs the advance; nothing is covered from now on."""
        if not self._may_be_there or self._is_opening or self.is_needed:
            return None
        self._day, self._may_be_there = "", False
        return f"{_ID}{self._boot}"

    def covers(self, values: tuple[Any, ...], announcement: tuple[str, str] | None) -> bool:
        """Notes a call where the advance has room for it."""
        day, microusd = values[_DAY], values[RESERVED]
        if day != self._day or self._exposed_microusd + microusd > self._microusd:
            return False
        if self._spool is None or not self._spool.add((CALL, values, announcement)):
            return False
        self._exposed_microusd += microusd
        return True

    def notes_end(self, values: tuple[Any, ...]) -> bool:
        """Notes how a call ended that is on the disk, or is covered."""
        return self._spool is not None and self._spool.add((ENDED, values))

    def turn(self) -> None:
        """What is noted from now on is not among what is written now."""
        if self._spool is not None:
            self._spool.turn()

    def written(self, microusd: int) -> None:
        """All that was noted before the last turn is on the disk; the calls of it were reserved with so much."""
        self._exposed_microusd -= microusd
        if self._spool is not None:
            self._spool.drop()

    def clear(self) -> None:
        """Everything that was ever noted is on the disk. A file that stays is read again, and changes nothing."""
        self._exposed_microusd = 0
        if self._spool is not None:
            with suppress(OSError):
                self._spool.remove()

    def restore(self, connection: sqlite3.Connection) -> int:
        """Writes what an earlier process has noted and not written, and turns what a power loss may have taken into a
        call that was cut off. Returns how much that is, in micro-dollars. Raises :class:`StoreError`."""
        noted, is_lost = _entries(self._spool), f"{IS_ADVANCE} AND state = 'reserved'"
        found = sum(_restored(connection, *rest) for kind, *rest in noted if kind == CALL)
        for kind, *rest in noted:
            if kind == ENDED:
                _tried(connection, END, *rest)
        if self._boot and self._spool is not None and self._spool.is_there:
            connection.execute("DELETE FROM reservations WHERE id = ?", (f"{_ID}{self._boot}",))
        connection.execute(
            f"UPDATE reservations SET reserved_microusd = max(0, reserved_microusd - ?) WHERE {is_lost}", (found,)
        )
        query = f"SELECT coalesce(sum(reserved_microusd), 0) FROM reservations WHERE {is_lost}"
        lost: int = connection.execute(query).fetchone()[0]
        return lost


def cut_off(connection: sqlite3.Connection, spool: Spool, boot: str) -> tuple[int, int, int]:
    """What the next start will charge: for how many calls that were cut off, how much for these, and how much for what
    a power loss may have taken. Changes nothing. Raises :class:`StoreError`."""
    reserved = dict(connection.execute("SELECT id, reserved_microusd FROM reservations WHERE state = 'reserved'"))
    mine = f"{_ID}{boot}" if boot and spool.is_there else ""
    lost = sum(cost for name, cost in reserved.items() if name.startswith(_ID) and name != mine)
    calls = {name: cost for name, cost in reserved.items() if not name.startswith(_ID)}
    for kind, values, *_ in sorted(_entries(spool), key=lambda entry: entry[0] == ENDED):
        if kind == ENDED:
            calls.pop(values[-1], None)
        elif connection.execute("SELECT 1 FROM reservations WHERE id = ?", values[:1]).fetchone() is None:
            calls[values[0]] = values[RESERVED]
            lost = max(0, lost - values[RESERVED])
    return len(calls), sum(calls.values()), lost


def _entries(spool: Spool | None) -> list[list[Any]]:
    """What is noted in a spool and makes sense."""
    try:
        noted = spool.read() if spool is not None else []
    except OSError as error:
        raise StoreError(f"What was noted for the ledger cannot be read: {error}. Make it yours.") from None
    return [entry for entry in noted if _makes_sense(entry)]


def _makes_sense(entry: list[Any]) -> bool:
    kind, *rest = entry
    if kind == ENDED:
        return len(rest) == 1 and _are_values(rest[0], len(_OF_END)) and isinstance(rest[0][-1], str)
    if kind != CALL or len(rest) != 2 or not _are_values(rest[0], len(_OF_CALL)):
        return False
    values, announced = rest
    return (
        isinstance(values[0], str)
        and type(values[RESERVED]) is int
        and (announced is None or _are_values(announced, 2))
    )


def _are_values(values: object, number: int) -> bool:
    """Whether SQLite could take them: so many, and none of them a list or an object."""
    return isinstance(values, list) and len(values) == number and not any(isinstance(v, list | dict) for v in values)


def write_calls(connection: sqlite3.Connection, calls: Sequence[CallRow]) -> None:
    """Writes calls as they stand, and that there are their requests, where these are not logged yet."""
    connection.executemany(_BEGIN, [announcement for _, announcement, _ in calls if announcement is not None])
    connection.executemany(f"INSERT {_CALL_ROW}", [values for values, _, end in calls if end is None])
    ended = [(*values, *end[:-1]) for values, _, end in calls if end is not None]
    connection.executemany(f"INSERT {_ENDED_ROW}", ended)


def _restored(connection: sqlite3.Connection, values: list[Any], announcement: list[Any] | None) -> int:
    """What was reserved for a call that was noted and not written."""
    if not _tried(connection, f"INSERT OR IGNORE {_CALL_ROW}", values):
        return 0
    if announcement is not None:
        _tried(connection, _BEGIN, announcement)
    return int(values[RESERVED])


def _tried(connection: sqlite3.Connection, statement: str, values: list[Any]) -> bool:
    """Whether it changed something. A note that makes no sense is passed over: the others count."""
    try:
        return connection.execute(statement, values).rowcount > 0
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, OverflowError):
        return False

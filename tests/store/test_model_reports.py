"""What models reported survives, and what cannot be read costs nothing else."""

from __future__ import annotations

import sqlite3

import pytest

from gateway_core.store.database import Database
from gateway_core.store.model_reports import Average, ModelReport, ModelReportStore

KNOWN = ModelReport(Average(1.2, 7), Average(310.5, 4), Average(20.0, 90))


async def test_reports_survive_a_restart(database: Database) -> None:
    store = ModelReportStore(database)
    await store.save({("local", "m:1b"): ModelReport(), ("groq", "a/b"): KNOWN})
    await store.save({("local", "m:1b"): KNOWN})
    await database.close()
    again = await Database.open(database.path)
    assert await ModelReportStore(again).load() == {("local", "m:1b"): KNOWN, ("groq", "a/b"): KNOWN}
    await again.close()


@pytest.mark.parametrize(
    "value",
    [
        "x",
        '{"ratio": {"value": NaN, "samples": 4}}',
        '{"ratio": {"value": 1.2, "samples": -4}}',
        '{"answer": {"value": 1e400, "samples": 9}}',
    ],
)
async def test_a_value_that_cannot_be_read_or_counted_with_is_left_out(database: Database, value: str) -> None:
    store = ModelReportStore(database)
    await store.save({("local", "m:1b"): KNOWN, ("local", "n:1b"): KNOWN})

    def spoil(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE model_reports SET value = ? WHERE model = 'n:1b'", (value,))

    await database.run(spoil)
    assert await store.load() == {("local", "m:1b"): KNOWN}

"""What is remembered of local models survives, by server, and what cannot be read costs nothing else."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from gateway_core.local_values import ModelSpeed, UpdateCheck
from gateway_core.ollama.notebook import Notebook
from gateway_core.store import local_models
from gateway_core.store.database import Database
from gateway_core.store.errors import StoreError
from gateway_core.store.local_models import NOTHING, LocalModelStore, Remembered

HERE, THERE = "http://127.0.0.1:11434", "http://box:11434"
KNOWN = Remembered(True, 8192, True, True, ModelSpeed(42.5, 7), UpdateCheck(1.0, True), "abc")


async def test_what_is_known_survives_by_server_and_what_is_nothing_goes(database: Database) -> None:
    store = LocalModelStore(database)
    await store.save(HERE, {"m:1b": KNOWN, "n:1b": Remembered(pinned=True)})
    await store.save(THERE, {"m:1b": Remembered(num_ctx=4096)})
    await store.save(HERE, {"n:1b": NOTHING})
    await database.close()
    again = await Database.open(database.path)
    store = LocalModelStore(again)
    assert await store.load(HERE) == {"m:1b": KNOWN}
    assert await store.load(THERE) == {"m:1b": Remembered(num_ctx=4096)}
    await again.close()


async def test_a_value_that_cannot_be_read_is_left_out(database: Database) -> None:
    store = LocalModelStore(database)
    await store.save(HERE, {"m:1b": KNOWN, "n:1b": KNOWN})

    def spoil(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE local_models SET value = 'x' WHERE name = 'n:1b'")

    await database.run(spoil)
    assert await store.load(HERE) == {"m:1b": KNOWN}


class Slow(LocalModelStore):
    """Writes when it may."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.may = asyncio.Event()
        self.fails = False

    async def save(self, server: str, changed: object) -> None:
        await self.may.wait()
        if self.fails:
            raise StoreError("The disk is full.")
        await super().save(server, changed)  # type: ignore[arg-type]


async def test_a_change_made_while_another_is_written_is_written_too(database: Database) -> None:
    store = Slow(database)
    notebook = Notebook(store)
    await notebook.open(HERE)
    notebook.note("m:1b", pinned=True)
    await asyncio.sleep(0)
    notebook.note("m:1b", num_ctx=2048)
    store.may.set()
    await notebook.saved()
    assert await store.load(HERE) == {"m:1b": Remembered(pinned=True, num_ctx=2048)}
    assert notebook.names(pinned=True) == ("m:1b",) and notebook.names(pulling=True) == ()


async def test_what_could_not_be_written_is_said_and_tried_again(database: Database) -> None:
    store = Slow(database)
    store.may.set()
    store.fails = True
    notebook = Notebook(store)
    await notebook.open(HERE)
    notebook.note("m:1b", pinned=True)
    with pytest.raises(StoreError, match="full"):
        await notebook.saved()
    assert notebook.of("m:1b").pinned
    store.fails = False
    await notebook.saved()
    assert (await store.load(HERE))["m:1b"].pinned


async def test_another_server_has_its_own_models(database: Database) -> None:
    notebook = Notebook(LocalModelStore(database))
    await notebook.open(HERE)
    notebook.note("m:1b", pinned=True)
    await notebook.open(THERE)
    assert not notebook.of("m:1b").pinned
    await notebook.open(HERE)
    assert notebook.of("m:1b").pinned


async def test_a_last_use_is_looked_for_in_the_newest_requests(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(connection: sqlite3.Connection) -> None:
        connection.executemany(
            "INSERT INTO requests (id, at, status, client, lane, purpose, asked_model, preview, input_tokens,"
            " output_tokens, tools, stream, tier, provider, model, cache, route, cost_microusd, saved_microusd,"
            " latency_ms, search) VALUES (?, ?, 'ok', '', 'interactive', 'chat', '', '', 9, 9, 0, 0, 'local',"
            " 'local', ?, ?, '', 0, 0, 1000, '')",
            [("a", 1.0, "old:1b", "miss"), ("b", 2.0, "m:1b", "miss"), ("c", 3.0, "m:1b", "exact")],
        )

    await database.run(fill)
    store = LocalModelStore(database)
    assert await store.last_uses() == {"old:1b": 1.0, "m:1b": 2.0}
    monkeypatch.setattr(local_models, "NEWEST_LOOKED_AT", 2)
    assert await store.last_uses() == {"m:1b": 2.0}

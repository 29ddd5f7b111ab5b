"""Several gateways on one table: real child processes with a small encoder, real LanceDB between them."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from gateway_core.cache.encoder.choice import Choice
from gateway_core.cache.encoder.worker import Worker
from gateway_core.cache.table.handle import Away
from gateway_core.cache.table.options import TableOptions
from gateway_core.cache.table.place import Place
from gateway_core.cache.table.upkeep import Upkeep
from gateway_core.cache.table.vectors import Vectors
from gateway_core.cache.table.worth import Limits
from tests.cache.fakes import FakeEncoder
from tests.cache.support import NOON
from tests.cache.table.support import SCOPE, add, entry, found, many

ROOT = str(Path(__file__).parents[3])
CHILD = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from gateway_core.cache.encoder import child
from gateway_core.cache.encoder.opening import Opened
from tests.cache.fakes import FakeEncoder
child.open_encoder = lambda choice: Opened(FakeEncoder(), FakeEncoder(), "fake", "test")
child.main()
"""

Start = Callable[[str], Awaitable[Worker]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    workers: list[Worker] = []

    async def make(uri: str) -> Worker:
        table = TableOptions(Place.of(uri, tmp_path))
        command = [sys.executable, "-c", CHILD, ROOT, str(table.argument), Choice().pack()]
        worker = Worker(command, environment=table.environment({}))
        workers.append(worker)
        worker.start()
        assert await worker.ready(), worker.detail
        return worker

    yield make
    for worker in workers:
        await worker.stop()


async def ask(worker: Worker, **message: Any) -> Any:
    reply = await worker.ask(message, 30.0)
    assert reply is not None
    return reply


async def find(worker: Worker, text: str = "What is a tree") -> list[str]:
    reply = await ask(worker, op="find", text=text, scope_key=SCOPE, now=NOON)
    return [hit["entry"]["user_text"] for hit in reply["hits"]]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110  another process is waited for
            await asyncio.sleep(0.1)


async def test_two_gateways_find_each_others_answers(start: Start, tmp_path: Path) -> None:
    one, two = await asyncio.gather(*(start(f"{scheme}{tmp_path / 'team'}") for scheme in ("", "file://")))
    one.tell({"op": "add", "entry": asdict(entry(1))})
    assert await find(one) == ["What is a tree?"]

    async def is_there() -> bool:
        return await find(two) == ["What is a tree?"]

    await until(is_there)
    two.tell({"op": "hit", "id": entry(1).id, "at": NOON, "saved_microusd": 7, "saved_ms": 1.0})
    assert (await ask(two, op="drop", ids=[entry(1).id]))["dropped"] == 1

    async def is_gone() -> bool:
        return await find(one) == []

    await until(is_gone)
    assert not (tmp_path / "semantic.lance").exists()


async def test_a_place_in_memory_goes_the_same_way(start: Start) -> None:
    worker = await start("memory://")
    worker.tell({"op": "add", "entry": asdict(entry(1))})
    assert await find(worker) == ["What is a tree?"]
    assert (await ask(worker, op="entry", id=entry(1).id))["entry"]["completion"] == entry(1).completion


async def test_a_child_of_our_own_keeps_its_answers(start: Start, tmp_path: Path) -> None:
    worker = await start("")
    worker.tell({"op": "add", "entry": asdict(entry(1))})
    assert await find(worker) == ["What is a tree?"]
    await worker.stop()
    again = await start("")
    assert again.entries == 1
    assert await find(again) == ["What is a tree?"]
    assert (tmp_path / "semantic.lance").stat().st_mode & 0o777 == 0o700


async def test_writers_and_keepers_at_once_lose_nothing(tmp_path: Path) -> None:
    place = Place.of(str(tmp_path / "team"), tmp_path)
    tables = [await Vectors.open(place, FakeEncoder(), lambda: NOON) for _ in range(2)]

    async def work(number: int, table: Vectors) -> None:
        keep = Upkeep(table, Limits(1000, 10**9), lambda: NOON)
        for turn in range(3):
            add(table, *many(range(number * 100 + turn * 10, number * 100 + turn * 10 + 10)), entry(9999))
            while not await table.flush():
                table._write_at = 0.0
            await keep.settled()
            keep.nudge(idle=True)
        await keep.settled()
        with contextlib.suppress(Away):
            await keep.tidy()

    await asyncio.gather(*(work(number, table) for number, table in enumerate(tables)))
    last = await Vectors.open(place, FakeEncoder(), lambda: NOON)
    rows = await last.handle.run(lambda lance: lance.query().select(["id"]).to_list())
    ids = [row["id"] for row in rows]
    assert len(set(ids)) == 2 * 30 + 1
    assert len(await found(last)) == len(set(await found(last)))
    await Upkeep(last, Limits(1000, 10**9), lambda: NOON).tidy()
    assert await last.count() == 2 * 30 + 1
    assert "What is tree 105?" in await found(last, "What is tree 105?")

"""Clients that do not read their answers, or read them slowly, streamed and whole."""

from __future__ import annotations

import asyncio
import itertools
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from yarl import URL

from gateway_core.events import RequestFinished
from gateway_core.http.connections import Connection
from gateway_core.model import Status
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Reply
from tests.faults.asked import PATHS, PROTOCOLS, asked
from tests.faults.sockets import CLOSED_WITHIN_S, head, post
from tests.http.inside import KEY, Client, client

pytestmark = pytest.mark.asyncio(loop_scope="module")

LARGE = ("x" * 2_000 + " ") * 6_000
"""More than the system keeps of an answer on its way: 12 MB."""
MODEL, TOKENS = "free-model", 10_000_000
_NUMBERS = itertools.count(1)


@asynccontextmanager
async def gateway(folder: Path, client_write_s: float) -> AsyncIterator[Client]:
    """With a free provider that gives the large answer."""
    async with (
        FakeOpenAI(default=Reply(text=LARGE), key="sk-lan", models=(MODEL,)) as fake,
        client(
            folder,
            client_write_s=client_write_s,
            max_output_tokens=TOKENS,
            rate_limit_tpm=0,
            providers=[{"name": "lan", "base_url": fake.base_url, "api_key": "sk-lan", "model": MODEL, "free": True}],
        ) as made,
    ):
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def llmgw(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    async with gateway(tmp_path_factory.mktemp("readers"), client_write_s=0.2) as made:
        yield made


def much(protocol: str, *, stream: bool = False) -> dict[str, Any]:
    """A request for the large answer, with nothing of it in a cache."""
    limit = "max_output_tokens" if protocol == "responses" else "max_tokens"
    return asked(protocol, f"Much, {next(_NUMBERS)}.", stream=stream, model=f"lan/{MODEL}", **{limit: TOKENS})


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set when the gateway has a connection less."""
    seen, through = asyncio.Event(), Connection.connection_lost

    def connection_lost(self: Connection, error: BaseException | None) -> None:
        through(self, error)
        seen.set()

    monkeypatch.setattr(Connection, "connection_lost", connection_lost)
    return seen


@asynccontextmanager
async def connected(llmgw: Client, request: bytes) -> AsyncIterator[socket.socket]:
    """A connection on which that was asked, and nothing is read but by the block."""
    url, loop = URL(llmgw.gateway.address), asyncio.get_running_loop()
    with socket.socket() as made:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        await loop.sock_connect(made, (url.host, url.port))
        await loop.sock_sendall(made, request)
        yield made


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_client_that_does_not_read_its_answer_is_hung_up_on(
    llmgw: Client, lost: asyncio.Event, protocol: str, stream: bool
) -> None:
    request = post(KEY, much(protocol, stream=stream), PATHS[protocol])
    with llmgw.gateway.bus.subscribe() as events:
        async with connected(llmgw, request), asyncio.timeout(CLOSED_WITHIN_S):
            await lost.wait()
            async for event in events:
                if isinstance(event, RequestFinished):
                    break
    (row,) = await llmgw.gateway.requests(1)
    assert row.status == (Status.CANCELLED if stream else Status.OK)


async def test_a_client_that_does_not_read_what_was_kept_is_hung_up_on(llmgw: Client, lost: asyncio.Event) -> None:
    async with connected(llmgw, post(KEY, much("responses"), PATHS["responses"])) as first:
        began = await asyncio.get_running_loop().sock_recv(first, 2_000)
        await lost.wait()
    lost.clear()
    kept = re.search(rb'"id":"(resp_[^"]+)"', began)
    assert kept
    path = f"/v1/responses/{kept[1].decode()}"
    async with connected(llmgw, head(KEY, path, method="GET")), asyncio.timeout(CLOSED_WITHIN_S):
        await lost.wait()


async def test_a_client_that_reads_slowly_gets_all_of_its_answer(tmp_path: Path) -> None:
    """Several times as long as one may read nothing."""
    loop, patience_s = asyncio.get_running_loop(), 1.0
    read = bytearray()
    async with (
        gateway(tmp_path, patience_s) as llmgw,
        connected(llmgw, post(KEY, much("chat"))) as slow,
    ):
        began = loop.time()
        while b'"usage":' not in read[-2_000:] and (part := await loop.sock_recv(slow, 1_000_000)):
            read += part
            if len(read) // 1_000_000 > (len(read) - len(part)) // 1_000_000:
                await asyncio.sleep(patience_s * 0.2)
    assert loop.time() - began > 2 * patience_s
    assert len(read) > len(LARGE)

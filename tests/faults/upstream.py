"""An upstream that breaks on purpose: a bare TCP server, so that HTTP itself can be broken.

It knows the protocol by the path, and what to do by a word in the prompt, so that many requests can fail at once, each
in its own way. Every request without an order gets a sound answer.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Self

from tests.fakes.ollama import FakeOllama, recording
from tests.fakes.script import JsonObject
from tests.faults.dialects import DIALECTS, OLLAMA, Dialect

LOCAL_MODEL = "faulty:1b"
KEY = "sk-faulty-upstream-0123456789"
SOUND = "All is well that ends well."
_WORD = re.compile(rb"case-[0-9a-f]+")
_WHERE = re.compile(rb"(POST|GET) (\S+) ")
_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")


class Call:
    """One request to a model. ``gone`` is set once the client has closed its side; ``gone_at`` is when (monotonic)."""

    def __init__(self, dialect: Dialect, head: bytes, body: JsonObject, writer: asyncio.StreamWriter) -> None:
        self.dialect = dialect
        self.head = head.decode("latin-1")
        self.body = body
        self.at = time.monotonic()
        self.gone = asyncio.Event()
        self.gone_at: float | None = None
        self._writer = writer

    @property
    def streamed(self) -> bool:
        """Ollama is always asked for a stream."""
        return self.dialect is OLLAMA or bool(self.body.get("stream"))

    @property
    def content_type(self) -> str:
        return self.dialect.stream_type if self.streamed else "application/json"

    def events(self, text: str = SOUND, **usage: object) -> list[bytes]:
        """The sound stream, event by event."""
        return self.dialect.events(self.body, text, usage)

    def sound(self, text: str = SOUND, **usage: object) -> bytes:
        """The body of the sound answer to what was asked."""
        if self.streamed:
            return b"".join(self.events(text, **usage))
        return json.dumps(self.dialect.whole(self.body, text, usage), ensure_ascii=False).encode()

    async def write(self, data: bytes) -> None:
        """Sends bytes as they are. Raises :class:`ConnectionError` when the client has left."""
        if self.gone.is_set():
            raise ConnectionResetError
        self._writer.write(data)
        await self._writer.drain()

    async def begin(self, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Sends the head of an answer, whose body then ends with the connection unless a header says otherwise."""
        lines = {"Content-Type": self.content_type, "Connection": "close", **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        await self.write(f"HTTP/1.1 {status} Scripted\r\n{head}\r\n".encode("latin-1"))

    async def answer(self, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """A whole answer, HTTP as it should be."""
        await self.begin(status, {"Content-Length": str(len(body)), **(headers or {})})
        await self.write(body)

    async def fail(self, status: int, message: str = "Scripted failure", **headers: str) -> None:
        """An error in the protocol's envelope. Underscores in the names of headers stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = json.dumps(self.dialect.error(message)).encode()
        await self.answer(body, status, {"Content-Type": "application/json", **named})

    def abort(self) -> None:
        """Cuts the connection without a goodbye (RST)."""
        self._writer.transport.abort()


Fault = Callable[[Call], Awaitable[None]]
"""Answers a call its own way; the connection is closed once it returns."""


async def sound(call: Call) -> None:
    await call.answer(call.sound())


class FaultyUpstream:
    """Use it as an async context manager. ``calls`` are the requests to models, in the order of their arrival."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._orders: dict[str, list[Fault]] = {}
        self._open: set[asyncio.Task[None]] = set()
        self._models = FakeOllama(LOCAL_MODEL)
        self._came = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.root = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    @property
    def env(self) -> dict[str, str]:
        """Settings of a gateway that has no other upstream than this one, by four ways."""
        return {
            "ANTHROPIC_API_KEY": KEY,
            "ANTHROPIC_BASE_URL": self.root,
            "GROQ_API_KEY": KEY,
            "GROQ_BASE_URL": f"{self.root}/v1",
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": f"{self.root}/v1",
            "LOCAL_LLM_ENABLED": "true",
            "LOCAL_LLM_URL": f"{self.root}/v1",
            "LOCAL_LLM_MODEL": LOCAL_MODEL,
            "BUILTIN_MODEL": "off",
            "DAILY_BUDGET_HARD": "10000",
        }

    def order(self, word: str, *faults: Fault) -> None:
        """What the requests with ``word`` in them get, one after the other; the last one stays."""
        self._orders[word] = list(faults)

    def calls_with(self, word: str) -> list[Call]:
        return [call for call in self.calls if word in json.dumps(call.body)]

    async def wait_for_call(self, word: str) -> None:
        """Returns once a request with ``word`` has arrived."""
        async with self._came:
            await self._came.wait_for(lambda: self.calls_with(word))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._serve(reader, writer)
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        body = await reader.readexactly(int(length[1])) if length else b""
        where = _WHERE.match(head)
        assert where
        path = where[2].decode().partition("?")[0]
        if path not in DIALECTS:
            writer.write(self._about(path))
            await writer.drain()
            return
        call = Call(DIALECTS[path], head, json.loads(body), writer)
        self.calls.append(call)
        async with self._came:
            self._came.notify_all()
        watching = asyncio.create_task(self._watch(call, reader))
        try:
            await self._order_for(body)(call)
        finally:
            watching.cancel()

    async def _watch(self, call: Call, reader: asyncio.StreamReader) -> None:
        with suppress(ConnectionError):
            while await reader.read(1024):
                pass
        call.gone_at = time.monotonic()
        call.gone.set()

    def _order_for(self, body: bytes) -> Fault:
        found = _WORD.search(body)
        faults = self._orders.get(found[0].decode(), []) if found else []
        if not faults:
            return sound
        return faults.pop(0) if len(faults) > 1 else faults[0]

    def _about(self, path: str) -> bytes:
        """Answers what is asked of the server itself."""
        known: dict[str, JsonObject] = {
            "/v1/models": {"object": "list", "data": [{"type": "model", "object": "model", "id": LOCAL_MODEL}]},
            "/api/tags": {"models": list(self._models.tagged.values())},
            "/api/ps": {"models": []},
            "/api/show": self._models.shown[LOCAL_MODEL],
            "/api/version": json.loads(recording("version")["body"]),
        }
        body = json.dumps(known.get(path, {"error": "not found"})).encode()
        status = "200 OK" if path in known else "404 Not Found"
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

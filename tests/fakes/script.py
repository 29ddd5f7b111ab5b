"""What a fake upstream is told to do, one entry a request; and the server both fakes are built on."""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from dataclasses import dataclass, field, fields
from typing import Any, Self

from aiohttp import web

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """An answer. The faults count the events of the stream that were sent before they strike.

    ``usage`` replaces fields of the usage that the fake would report; the value None leaves a field out.
    """

    text: str = "Hello from the fake."
    tools: tuple[tuple[str, JsonObject], ...] = ()
    reasoning: str = ""
    stop: str | None = None
    """The stop or finish reason, where it is not what the answer implies."""
    usage: JsonObject = field(default_factory=dict)
    before_s: float = 0.0
    """Pause before the headers."""
    held: bool = False
    """Nothing comes, headers neither, until `Fake.resume` is called or the client leaves."""
    between_s: float = 0.0
    """Pause between two events."""
    drop_after: int | None = None
    """The connection is cut."""
    stall_after: int | None = None
    """Nothing more comes until `Fake.resume` is called or the client leaves."""
    error_after: int | None = None
    """An error event, then a clean end."""
    end_after: int | None = None
    """A clean end without the terminal event."""


@dataclass(frozen=True)
class Failure:
    """An error before any answer, in the protocol's envelope."""

    status: int = 500
    message: str = "Internal server error"
    type: str | None = None
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    before_s: float = 0.0
    held: bool = False


@dataclass(frozen=True)
class Raw:
    """Bytes as they are: a page of HTML, broken JSON, a recorded stream."""

    body: bytes = b""
    status: int = 200
    content_type: str = "text/html"
    headers: dict[str, str] = field(default_factory=dict)
    stall: bool = False
    """The body does not end until `Fake.resume` is called or the client leaves."""


Step = Reply | Failure | Raw


def step_from_json(entry: JsonObject) -> Step:
    """A step as `POST /fake/script` takes it: the fields of one of the classes, named by ``kind`` (default reply)."""
    values = dict(entry)
    kind: Any = {"reply": Reply, "failure": Failure, "raw": Raw}[values.pop("kind", "reply")]
    if "tools" in values:
        values["tools"] = tuple((name, arguments) for name, arguments in values["tools"])
    if isinstance(values.get("body"), str):
        values["body"] = values["body"].encode()
    known = {item.name for item in fields(kind)}
    step: Step = kind(**{name: value for name, value in values.items() if name in known})
    return step


class Gone(Exception):
    """The script cut the connection."""


class Fake:
    """A loopback server with a script. Use it as an async context manager; ``base_url`` is valid inside.

    ``requests`` are the bodies received, ``headers`` their headers, ``rejected`` what was said of requests that broke
    the protocol's rules, ``calls`` the number that did not. What the script does not say is answered with `default`.
    """

    path = ""
    """What of the URL belongs to the base URL."""

    def __init__(self, *, default: Reply | None = None, port: int = 0) -> None:
        self.default = default or Reply()
        self.base_url = ""
        self.requests: list[JsonObject] = []
        self.headers: list[dict[str, str]] = []
        self.queries: list[str] = []
        self.peers: list[str] = []
        """The client's address of each request: the same one means the same connection."""
        self.rejected: list[str] = []
        self.calls = 0
        self.disconnects = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self._steps: deque[Step] = deque()
        self._port = port
        self._runner: web.AppRunner | None = None
        self._resume = asyncio.Event()
        self._changed = asyncio.Condition()

    def script(self, *steps: Step) -> None:
        """Adds what the next requests get, in order."""
        self._steps.extend(steps)

    def resume(self) -> None:
        """Lets stalled streams go on, and those yet to come."""
        self._resume.set()

    def stall(self) -> None:
        """Lets streams stall again after `resume`."""
        self._resume.clear()

    async def wait_for_requests(self, number: int) -> None:
        """Returns once so many requests have arrived."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.requests) >= number)

    async def wait_for_disconnects(self, number: int) -> None:
        """Returns once so many clients have left before the end of their answer."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.disconnects >= number)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        self.routes(app)
        app.router.add_get("/fake/stats", self._stats)
        app.router.add_get("/fake/requests", self._bodies)
        app.router.add_post("/fake/script", self._take_script)
        app.router.add_post("/fake/resume", self._take_resume)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}{self.path}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._resume.set()
        if self._runner:
            await self._runner.cleanup()

    def routes(self, app: web.Application) -> None:
        """Adds the protocol's own routes."""
        raise NotImplementedError

    async def receive(self, request: web.Request) -> JsonObject:
        """Notes a request and returns its body."""
        body = json.loads(await request.read())
        self.requests.append(body)
        self.queries.append(request.query_string)
        self.peers.append(str(request.transport and request.transport.get_extra_info("peername")))
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        await self._tell()
        return dict(body)

    async def next_step(self) -> Step:
        step = self._steps.popleft() if self._steps else self.default
        if isinstance(step, Reply | Failure) and (step.before_s or step.held):
            try:
                await asyncio.sleep(step.before_s)
                if step.held:
                    await self._resume.wait()
            except asyncio.CancelledError:
                await self._note_disconnect()
                raise
        return step

    async def raw(self, request: web.Request, step: Raw) -> web.StreamResponse:
        headers = {**step.headers, "Content-Type": step.content_type}
        if not step.stall:
            return web.Response(body=step.body, status=step.status, headers=headers)
        response = web.StreamResponse(status=step.status, headers=headers)
        try:
            await response.prepare(request)
            await response.write(step.body)
            await self._resume.wait()
        except (ConnectionResetError, asyncio.CancelledError):
            await self._note_disconnect()
            raise
        return response

    async def stream(
        self,
        request: web.Request,
        reply: Reply,
        events: list[bytes],
        error: bytes,
        content_type: str = "text/event-stream",
    ) -> web.StreamResponse:
        """Sends ``events`` with the faults of ``reply``; ``error`` is the protocol's error event."""
        response = web.StreamResponse(headers={"Content-Type": content_type, "Cache-Control": "no-cache"})
        try:
            await response.prepare(request)
            for sent, event in enumerate(events):
                if reply.drop_after == sent:
                    assert request.transport is not None
                    request.transport.abort()
                    return response
                if reply.error_after == sent:
                    await response.write(error)
                    break
                if reply.end_after == sent:
                    break
                if reply.stall_after == sent:
                    await self._resume.wait()
                if reply.between_s and sent:
                    await asyncio.sleep(reply.between_s)
                await response.write(event)
            await response.write_eof()
        except (ConnectionResetError, asyncio.CancelledError):
            await self._note_disconnect()
            raise
        return response

    async def _note_disconnect(self) -> None:
        self.disconnects += 1
        await asyncio.shield(self._tell())

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _stats(self, request: web.Request) -> web.Response:
        names = ("calls", "disconnects", "input_tokens", "output_tokens", "rejected")
        return web.json_response({"requests": len(self.requests), **{name: getattr(self, name) for name in names}})

    async def _bodies(self, request: web.Request) -> web.Response:
        return web.json_response({"requests": self.requests, "headers": self.headers})

    async def _take_script(self, request: web.Request) -> web.Response:
        entries = await request.json()
        self.script(*(step_from_json(entry) for entry in (entries if isinstance(entries, list) else [entries])))
        return web.json_response({"waiting": len(self._steps)})

    async def _take_resume(self, request: web.Request) -> web.Response:
        self.resume()
        return web.json_response({})


def tokens(value: Any) -> int:
    """The fakes' tokenizer: four characters of JSON a token, at least one."""
    return max(1, len(json.dumps(value, ensure_ascii=False)) // 4)


def pieces(text: str) -> list[str]:
    """A text in the pieces a model would send: words with their space."""
    return re.findall(r" *[^ ]+| +", text)


async def serve(fake: Fake) -> None:
    """Runs a fake as a process until it is stopped; prints its base URL first."""
    async with fake:
        print(fake.base_url, flush=True)
        await asyncio.Event().wait()

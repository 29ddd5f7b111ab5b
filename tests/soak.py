"""Whether a gateway's memory and its cost stay flat: ``make soak ARGS="--minutes 60"``, exit code 1 where one grows.

The cost is the CPU that a request takes, by blocks of 10,000 requests, while ledger, log and caches grow. A real
gateway process answers clients of all three protocols from an upstream that is fast: exact hits, misses, streams,
refusals, failures, clients that leave; some streams go on from the beginning to the end. With ``--screen`` a control
centre is attached on a terminal of its own, and measured too.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from gateway_core.store.database import FILE_NAME
from tests.bench.flatness import Sample, blocks_of, verdict, verdict_on_cost
from tests.bench.machine import cpu_s
from tests.e2e.harness import GatewayProcess
from tests.e2e.in_terminal import OnTerminal, on_terminal, own_env
from tests.fakes.anthropic import events_of

KEY = "sk-ant-soak"
AT_ONCE = 16
LONG_STREAMS = 3
LONG_STREAM_S = 60.0
WORDS = ("parser", "login", "invoice", "weather", "summary", "refactor", "capital", "France", "mail", "Ada", "cache")


# --- what it answers from --------------------------------------------------------------------------------------------


class Upstream:
    """Anthropic's Messages API, which answers at once. The words of a prompt say what becomes of it."""

    async def messages(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        asked = json.dumps(body["messages"][-1])
        if "REJECT" in asked:
            error = {"type": "invalid_request_error", "message": "messages: this one is not taken"}
            return web.json_response({"type": "error", "error": error}, status=400)
        message = _message(body["model"], asked)
        if not body.get("stream"):
            return web.json_response(message)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        events = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events_of(message)]
        if "LONG" in asked:
            with contextlib.suppress(ConnectionError):
                await self._long(response, events)
            return response
        await response.write(b"".join(events[:4]))
        if "BREAK" in asked:
            assert request.transport is not None
            request.transport.abort()
            return response
        await response.write(b"".join(events[4:]))
        return response

    async def _long(self, response: web.StreamResponse, events: list[bytes]) -> None:
        """The same words again and again, ten times a second."""
        first = next(number for number, event in enumerate(events) if b"content_block_delta" in event)
        await response.write(b"".join(events[:first]))
        end = time.monotonic() + LONG_STREAM_S
        while time.monotonic() < end:
            await response.write(events[first])
            await asyncio.sleep(0.1)
        await response.write(b"".join(events[first:]))


def _message(model: str, asked: str) -> dict[str, Any]:
    text = f"It is done, and these are some words about it: {' '.join(random.choices(WORDS, k=24))}."
    usage = {"input_tokens": len(asked) // 4, "output_tokens": len(text) // 4}
    return {
        **{"id": f"msg_{random.randrange(1 << 48):012x}", "type": "message", "role": "assistant", "model": model},
        **{"content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": None},
        "usage": usage,
    }


async def serve_upstream() -> None:
    """Prints its address, and serves until it is ended."""
    upstream = Upstream()
    app = web.Application(client_max_size=1 << 24)
    app.add_routes([web.post("/v1/messages", upstream.messages)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


# --- who asks --------------------------------------------------------------------------------------------------------


@dataclass
class Load:
    """Clients of all kinds. ``told`` counts the answers by kind of request and status."""

    http: aiohttp.ClientSession
    dice: random.Random = field(default_factory=lambda: random.Random(7))
    told: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    over: bool = False

    def __post_init__(self) -> None:
        kinds: tuple[tuple[Callable[[], Any], int], ...] = (
            (self.hit, 25),
            (lambda: self.miss("chat"), 15),
            (lambda: self.miss("chat", stream=True), 15),
            (lambda: self.miss("messages", stream=True), 12),
            (lambda: self.miss("responses", stream=True), 12),
            (self.repeated, 4),
            (self.leaves, 4),
            (self.refused, 5),
            (lambda: self.miss("chat", "REJECT"), 4),
            (lambda: self.miss("messages", "BREAK", stream=True), 1),
            (self.looks, 3),
        )
        self._kinds = [kind for kind, _ in kinds]
        self._weights = [weight for _, weight in kinds]

    async def run(self, most: int, until: float) -> None:
        """Asks until so many were sent, and it is ``until``."""
        while self.sent < most or time.monotonic() < until:
            self.sent += 1
            await self.dice.choices(self._kinds, self._weights)[0]()

    async def stream_for_long(self) -> None:
        while not self.over:
            await self.miss("chat", "LONG", stream=True)

    def prompt(self, *words: str) -> str:
        return " ".join((*words, f"{self.dice.randrange(1 << 60):x}", *self.dice.choices(WORDS, k=200)))

    async def ask(self, name: str, path: str, body: Any, **headers: str) -> None:
        async with self.http.post(path, json=body, headers=headers) as answer:
            await answer.read()
            self.told[f"{name} {answer.status}"] += 1

    async def miss(self, protocol: str, *words: str, stream: bool = False) -> None:
        name = " ".join((protocol, *("streamed",) * stream, *words))
        await self.ask(name, *_spoken(protocol, self.prompt(*words), stream))

    async def hit(self) -> None:
        await self.ask(
            "known", *_spoken("chat", f"What is {self.dice.randrange(50)} and one?", self.dice.random() < 0.5)
        )

    async def repeated(self) -> None:
        """A request that is sent twice with one idempotency key."""
        key, asked = f"{self.dice.randrange(1 << 60):x}", _spoken("chat", self.prompt(), False)
        for _ in range(2):
            await self.ask("repeated", *asked, **{"Idempotency-Key": key})

    async def leaves(self) -> None:
        path, body = _spoken("chat", self.prompt("LONG"), True)
        async with self.http.post(path, json=body) as answer:
            await answer.content.readany()
            self.told[f"left {answer.status}"] += 1

    async def refused(self) -> None:
        path, body = _spoken("chat", self.prompt(), False)
        match self.dice.randrange(4):
            case 0:
                await self.ask("wrong key", path, body, Authorization=f"Bearer {self.dice.random()}")
            case 1:
                await self.ask("no such model", path, {**body, "model": f"model-{self.dice.random()}"})
            case 2:
                await self.ask("wrong body", path, {**body, "messages": self.dice.random()})
            case 3:
                await self.ask("no such address", f"/v1/{self.dice.random()}", body)

    async def looks(self) -> None:
        """What a screen and a monitor read."""
        for path in ("/api/snapshot", "/metrics", "/v1/models", "/api/requests?limit=20"):
            async with self.http.get(path) as answer:
                await answer.read()
                self.told[f"read {answer.status}"] += 1


def _spoken(protocol: str, text: str, stream: bool) -> tuple[str, dict[str, Any]]:
    body: dict[str, Any] = {"model": "gateway-premium", "stream": stream}
    if protocol == "responses":
        return "/v1/responses", {**body, "input": text}
    messages = [{"role": "user", "content": text}]
    if protocol == "messages":
        return "/v1/messages", {**body, "max_tokens": 400, "messages": messages}
    return "/v1/chat/completions", {**body, "messages": messages}


# --- what is measured ------------------------------------------------------------------------------------------------


def resident_bytes(pid: int) -> int:
    return 1024 * int(subprocess.check_output(["ps", "-o", "rss=", "-p", str(pid)]))


HEADS = "".join(
    f"{head:>{width}}"
    for head, width in (
        *(("requests", 10), ("minutes", 9), ("gateway MB", 12), ("screen MB", 11), ("database MB", 13)),
        *(("a second", 10), ("CPU ms each", 13)),
    )
)


def line(samples: list[Sample], took_s: float) -> str:
    """The table's line of the last sample; its CPU is that of a request since the one before."""
    last, before = samples[-1], samples[-2] if len(samples) > 1 else Sample(0, 0, 0)
    cost_ms = (last.cpu_s - before.cpu_s) * 1e3 / max(1, last.requests - before.requests)
    memory = f"{last.gateway / 1e6:>12.1f}{last.screen / 1e6:>11.1f}{last.database / 1e6:>13.1f}"
    pace = f"{last.requests / max(took_s, 1e-9):>10.0f}{cost_ms:>13.2f}"
    return f"{last.requests:>10,}{took_s / 60:>9.1f}{memory}{pace}"


async def soak(requests: int, minutes: float, every: int, *, screen: bool) -> bool:
    """Prints a table while it goes on; whether memory and cost stayed flat."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        llmgw = await stack.enter_async_context(_gateway(folder))
        centre = stack.enter_context(_centre(folder, llmgw)) if screen else None
        load = Load(llmgw.http)
        clients = [load.run(requests, time.monotonic() + minutes * 60) for _ in range(AT_ONCE)]
        asking = asyncio.gather(*clients)
        for _ in range(LONG_STREAMS):
            stack.callback(asyncio.create_task(load.stream_for_long()).cancel)
        samples: list[Sample] = []
        began, next_at = time.monotonic(), 0
        print(HEADS, flush=True)
        while not asking.done():
            await asyncio.wait({asking}, timeout=0.2)
            if load.sent < next_at and not asking.done():
                continue
            next_at = load.sent + every
            watched = resident_bytes(centre.process.pid) if centre else 0
            pid = llmgw.process.pid
            database = (folder / "data" / FILE_NAME).stat().st_size
            samples.append(Sample(load.sent, resident_bytes(pid), watched, cpu_s(pid), database))
            print(line(samples, time.monotonic() - began), flush=True)
        load.over = True
        await asking
    print(", ".join(f"{many:,} x {what}" for what, many in sorted(load.told.items())))
    told = [
        verdict_on_cost(blocks_of(samples)),
        verdict("gateway", [(sample.requests, sample.gateway) for sample in samples]),
    ]
    if screen:
        told.append(verdict("control centre", [(sample.requests, sample.screen) for sample in samples]))
    print("\n".join(words for words, _ in told))
    return all(flat for _, flat in told)


@contextlib.asynccontextmanager
async def _gateway(folder: Path) -> AsyncIterator[GatewayProcess]:
    upstream = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.soak", "--upstream"), stdout=subprocess.PIPE
    )
    assert upstream.stdout
    try:
        limits = {f"DAILY_BUDGET_{name}": "100000" for name in ("SOFT", "MEDIUM", "HARD")}
        paid = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": (await upstream.stdout.readline()).decode().strip()}
        (folder / "data").mkdir()
        llmgw = GatewayProcess(folder / "data", {**limits, **paid, "RATE_LIMIT_TPM": "0"}, anew=True)
        await llmgw.start()
        try:
            yield llmgw
        finally:
            await llmgw.end()
    finally:
        upstream.kill()
        await upstream.wait()


def _centre(folder: Path, llmgw: GatewayProcess) -> contextlib.AbstractContextManager[OnTerminal]:
    port = int(llmgw.address.rpartition(":")[2])
    env = own_env(folder, port, GATEWAY_SECRET=llmgw.env["GATEWAY_SECRET"])
    return on_terminal("attach", env=env, cwd=folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--requests", type=int, default=100_000, help="at least so many")
    parser.add_argument("--minutes", type=float, default=0.0, help="and for at least so long")
    parser.add_argument("--every", type=int, default=2_000, help="requests between two samples")
    parser.add_argument("--screen", action="store_true", help="with a control centre attached")
    parser.add_argument("--upstream", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.upstream:
        asyncio.run(serve_upstream())
    elif not asyncio.run(soak(options.requests, options.minutes, options.every, screen=options.screen)):
        sys.exit(1)


if __name__ == "__main__":
    main()

"""The ways through a gateway to a faulty upstream, and what must hold of each fault whatever the way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.e2e.harness import GatewayProcess, gateway
from tests.faults.upstream import LOCAL_MODEL, SOUND, Call, Fault, FaultyUpstream

MAX_TRIES = 3
RETRY_EARNED_BY = 6
"""Requests; each earns a fifth of a retry."""


@dataclass(frozen=True, slots=True)
class Route:
    """The protocol of the client, the provider, and whether the answer is streamed."""

    api: str
    provider: str
    streamed: bool

    def __str__(self) -> str:
        return f"{self.api} to {self.provider}, {'streamed' if self.streamed else 'whole'}"


PAIRS = (
    ("chat", "groq"),
    ("chat", "anthropic"),
    ("chat", "local"),
    ("messages", "anthropic"),
    ("messages", "groq"),
    ("responses", "openai"),
)
ROUTES = tuple(Route(*pair, streamed) for pair in PAIRS for streamed in (True, False))
STREAMED = tuple(route for route in ROUTES if route.streamed)
UPSTREAM_STREAMS = tuple(route for route in ROUTES if route.streamed or route.provider == "local")
"""Ollama is asked for a stream by its own API whatever the client wants."""
BY_PROVIDER = tuple({route.provider: route for route in ROUTES}.values())
_ENDS = {
    "chat": "data: [DONE]",
    "messages": "event: message_stop",
    "responses": "event: response.completed",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What the client got. ``error`` is the error object of its protocol, inside a stream or alone."""

    route: Route
    status: int
    headers: dict[str, str]
    body: str

    @property
    def ended_well(self) -> bool:
        """Whether the client must take it for a whole answer."""
        if self.status != 200:
            return False
        return _ENDS[self.route.api] in self.body if self.route.streamed else self.error is None

    @property
    def events(self) -> list[Any]:
        lines = [line[6:] for line in self.body.splitlines() if line.startswith("data: ")]
        return [json.loads(line) for line in lines if line != "[DONE]"]

    @property
    def error(self) -> Any:
        if self.status == 200 and self.route.streamed:
            found = [_error_of(self.route.api, event) for event in self.events]
            assert not any(found[:-1]), "an error comes last"
            return found[-1] if found else None
        whole = json.loads(self.body)
        return whole.get("error") if self.status != 200 or self.route.api != "responses" else None

    @property
    def text(self) -> str:
        if self.route.streamed:
            return "".join(_delta_of(self.route.api, event) for event in self.events)
        return _text_of(self.route.api, json.loads(self.body))


def _error_of(api: str, event: Any) -> Any:
    if api == "responses":
        return event["response"]["error"] if event["type"] == "response.failed" else None
    return event.get("error")


def _delta_of(api: str, event: Any) -> str:
    if api == "chat":
        return "".join(choice["delta"].get("content") or "" for choice in event.get("choices", ()))
    if api == "messages":
        return str(event.get("delta", {}).get("text", ""))
    return str(event["delta"]) if event["type"] == "response.output_text.delta" else ""


def _text_of(api: str, body: Any) -> str:
    if api == "chat":
        return str(body["choices"][0]["message"]["content"])
    if api == "messages":
        return "".join(block.get("text", "") for block in body["content"])
    return "".join(part["text"] for item in body["output"] for part in item.get("content", ()))


async def hang(call: Call) -> None:
    """Says nothing until the client leaves."""
    await call.gone.wait()


async def fail_at_once(call: Call) -> None:
    await call.fail(500)


def new_word() -> str:
    """What makes a prompt its own, and known to the upstream."""
    return f"case-{uuid4().hex[:12]}"


class Bench:
    """A gateway process and the faulty upstream behind all of its providers."""

    def __init__(self, llmgw: GatewayProcess, upstream: FaultyUpstream) -> None:
        self.llmgw = llmgw
        self.upstream = upstream
        self._one_by_one = asyncio.Lock()

    async def ask(self, route: Route, word: str, *, max_tokens: int = 200) -> Seen:
        """One request. Each word has a model of its own where any may be named, and with it a circuit of its own."""
        model = LOCAL_MODEL if route.provider == "local" else f"model-{word}"
        body: dict[str, Any] = {"model": f"{route.provider}/{model}", "stream": route.streamed}
        path, more = {
            "chat": ("chat/completions", {"max_tokens": max_tokens}),
            "messages": ("messages", {"max_tokens": max_tokens}),
            "responses": ("responses", {"max_output_tokens": max_tokens}),
        }[route.api]
        body |= more | {"input" if route.api == "responses" else "messages": [{"role": "user", "content": word}]}
        async with self.llmgw.http.post(f"/v1/{path}", json=body) as answer:
            text = await answer.text()
            return Seen(route, answer.status, {k.lower(): v for k, v in answer.headers.items()}, text)

    async def row(self, word: str) -> Any:
        """The newest request with ``word`` as the gateway has kept it."""
        return (await self.llmgw.get(f"/api/requests?limit=1&q={word}"))["requests"][0]

    def peak_memory_bytes(self) -> int:
        """The most that the gateway has had in memory so far."""
        status = Path(f"/proc/{self.llmgw.process.pid}/status").read_text("ascii")
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])

    async def most_microusd(self, route: Route, *, max_tokens: int) -> int:
        """What is set aside for such a request: what one that hangs holds."""
        word = new_word()
        self.upstream.order(word, hang)
        asking = asyncio.create_task(self.ask(route, word, max_tokens=max_tokens))
        await self.upstream.wait_for_call(word)
        reserved = float((await self.llmgw.get("/api/budget"))["reserved_usd"])
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        return round(reserved * 1e6)

    async def use_up_retries(self) -> None:
        """Fails until no provider is given a retry, so that what follows takes its time once."""

        async def fail(route: Route) -> None:
            calls = MAX_TRIES
            while calls > 1:
                _, _, made = await self.see(route, new_word(), fail_at_once)
                calls = len(made)

        await asyncio.gather(*map(fail, BY_PROVIDER))

    async def spare_retries(self, route: Route) -> None:
        """Sound requests, which earn the provider one retry."""
        for _ in range(RETRY_EARNED_BY):
            await self.ask(route, new_word())

    async def close_circuit(self, route: Route) -> None:
        if route.provider == "local":
            await self.llmgw.command("retry_provider", provider=route.provider)

    async def see(self, route: Route, word: str, *faults: Fault) -> tuple[Seen, Any, list[Call]]:
        """What the client got, what the gateway kept, and the calls it took."""
        self.upstream.order(word, *faults)
        async with self._turn(route):
            seen = await self.ask(route, word)
        row = await self.row(word)
        return seen, row, self.upstream.calls_with(word)

    async def works_again(self, route: Route, word: str) -> None:
        """Nothing broken was kept: the same request is a new call, and gets a sound answer."""
        before = len(self.upstream.calls_with(word))
        self.upstream.order(word)
        async with self._turn(route):
            again = await self.ask(route, word)
        assert (again.status, again.text) == (200, SOUND), f"{route}: the next request got {again.body[:500]}"
        assert again.ended_well
        assert len(self.upstream.calls_with(word)) == before + 1, f"{route}: a broken answer was kept"

    @asynccontextmanager
    async def answering_others(self) -> AsyncIterator[None]:
        """Asks for the gateway's health all the while. The limit is for a loop that stands still, on a busy machine."""

        over = asyncio.Event()

        async def ask() -> None:
            while not over.is_set():
                async with asyncio.timeout(10), self.llmgw.http.get("/health") as answer:
                    assert answer.status == 200
                await asyncio.sleep(0.02)

        asking = asyncio.create_task(ask())
        try:
            yield
        finally:
            over.set()
            await asking

    @asynccontextmanager
    async def _turn(self, route: Route) -> AsyncIterator[None]:
        """One after the other where there is one model for all, and with it one circuit."""
        async with self._one_by_one if route.provider == "local" else nullcontext():
            await self.close_circuit(route)
            yield

    async def nothing_is_reserved(self) -> None:
        assert (await self.llmgw.get("/api/budget"))["reserved_usd"] == 0

    async def all_fail(
        self,
        fault: Fault,
        routes: Iterable[Route] = ROUTES,
        *,
        code: str = "upstream_error",
        charged: bool,
        text: str = "",
        most_calls: int = MAX_TRIES,
    ) -> list[Seen]:
        """The fault on all ``routes`` at once: the client is told, money is right, nothing is kept, the next one works.

        ``text`` is what the client of a stream has had before; without one the answer is an error alone.
        """

        async def one(route: Route) -> Seen:
            word = new_word()
            seen, row, calls = await self.see(route, word, fault)
            said = f"{route}: {seen.status} {seen.body[:500]}"
            assert not seen.ended_well, said
            assert seen.error, said
            assert 1 <= len(calls) <= most_calls, f"{route}: {len(calls)} calls"
            if text and route.streamed:
                assert (seen.status, seen.text, len(calls)) == (200, text, 1), said
            if route.streamed and seen.status == 200:  # without text after a keep-alive, on a busy machine
                assert seen.text == text, said
                assert seen.error["code"] == ("server_error" if route.api == "responses" else code), said
            else:
                assert seen.error["code"] == code, said
                assert seen.status == {"upstream_error": 502, "upstream_timeout": 504}.get(code, 429), said
                assert "application/json" in seen.headers["content-type"], said
                assert (json.loads(seen.body).get("type") == "error") is (route.api == "messages"), said
            assert (row["status"], row["error_code"]) == ("refused" if seen.status == 429 else "failed", code), said
            if route.provider != "local":
                assert (row["cost_microusd"] > 0) is charged, f"{route}: charged {row['cost_microusd']}"
            if seen.status == 429:
                await self.llmgw.command("retry_provider", provider=route.provider)
            await self.works_again(route, word)
            return seen

        async with self.answering_others():
            seen = await asyncio.gather(*map(one, routes))
        await self.nothing_is_reserved()
        return seen

    async def all_succeed(self, fault: Fault, routes: Iterable[Route] = ROUTES, *, text: str = SOUND) -> list[Seen]:
        """An oddity that is none to the client: the whole answer, and money counted."""

        async def one(route: Route) -> Seen:
            seen, row, _ = await self.see(route, new_word(), fault)
            said = f"{route}: {seen.status} {seen.body[:500]}"
            assert seen.ended_well and seen.text == text, said
            assert row["status"] == "ok", said
            if route.provider != "local":
                assert row["cost_microusd"] > 0, said
            return seen

        async with self.answering_others():
            seen = await asyncio.gather(*map(one, routes))
        await self.nothing_is_reserved()
        return seen


@asynccontextmanager
async def bench(data_dir: Path, **env: str) -> AsyncIterator[Bench]:
    """A gateway whose providers have each answered once: the first call of all waits for an SDK to be loaded."""
    async with FaultyUpstream() as upstream, gateway(data_dir, **upstream.env, **env) as llmgw:
        made = Bench(llmgw, upstream)
        await asyncio.gather(*(made.ask(route, new_word()) for route in BY_PROVIDER))
        yield made

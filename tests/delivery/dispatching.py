"""A dispatcher on scripted upstreams, with a clock that is set and money in memory."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gateway_core.delivery.dispatch import Dispatcher
from gateway_core.delivery.flights import Flights
from gateway_core.delivery.relay import End, Put, Relay, sent
from gateway_core.exchange import Exchange
from gateway_core.gates.budget import Budget
from gateway_core.model import Decision, JsonObject, Lane, ProviderStatus, Refusal, Refused, Target, Tier, Usage
from gateway_core.providers.base import Batch, Piece, UpstreamCall, UpstreamError
from gateway_core.providers.health import Health
from gateway_core.providers.pricing import Pricing
from gateway_core.settings import Price
from gateway_core.store.database import Work
from gateway_core.store.ledger import Ledger, LedgerEntry, Orphans
from gateway_core.wire.openai_chat import as_chunks
from tests.providers.calls import make_call
from tests.store.support import FakeClock

LOCAL = Target(Tier.LOCAL, "local", "qwen3", free=True)
CHEAP = Target(Tier.CHEAP, "groq", "oss", free=False)
CHEAP_TOO = Target(Tier.CHEAP, "openai", "nano", free=False)
PREMIUM = Target(Tier.PREMIUM, "anthropic", "claude", free=False)
PRICES = {f"{t.provider}/{t.model}": Price(input=1.0, output=2.0) for t in (CHEAP, CHEAP_TOO, PREMIUM)}
USED = Usage(input_tokens=10, output_tokens=5)


class MemoryLedger(Ledger):
    """A ledger that forgets, and checks that every reservation ends exactly once."""

    def __init__(self) -> None:
        self.open: dict[str, int] = {}
        self.charged: list[int] = []

    def set_advance(self, microusd: int) -> None:
        pass

    def note(self, entry: LedgerEntry) -> bool:
        return False

    def note_end(self, reservation_id: str, cost_microusd: int, usage: Usage | None) -> bool:
        return False

    async def written(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def reserve(self, entry: LedgerEntry) -> str:
        assert entry.id not in self.open
        self.open[entry.id] = entry.reserved_microusd
        return entry.id

    async def settle(
        self, reservation_id: str, cost_microusd: int, usage: Usage, beside: Work[bool] | None = None
    ) -> bool:
        del self.open[reservation_id]
        self.charged.append(cost_microusd)
        return True

    async def release(self, reservation_id: str) -> bool:
        del self.open[reservation_id]
        return True

    async def charge_orphans(self) -> Orphans:
        return Orphans(0, 0)

    async def spent_since(self, day: str) -> dict[str, int]:
        return {}

    async def spent_in_lane(self, lane: Lane, day: str) -> dict[str, int]:
        return {}

    async def spent_by_provider(self, day: str) -> dict[str, int]:
        return {}

    async def spent_by_hour(self, day: str) -> tuple[int, ...]:
        return (0,) * 24

    async def check(self) -> None:
        pass


def message(
    content: str | None = "Hello.", *calls: tuple[str, str], finish: str | None = None, **more: Any
) -> JsonObject:
    """A whole completion; ``calls`` are names and arguments."""
    said: JsonObject = {"role": "assistant", "content": content, **more}
    if calls:
        said["tool_calls"] = [
            {"id": f"call_{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for n, (name, arguments) in enumerate(calls)
        ]
    reason = finish or ("tool_calls" if calls else "stop")
    return {"id": "c", "model": "m", "choices": [{"index": 0, "message": said, "finish_reason": reason}]}


@dataclass(frozen=True)
class Dies:
    """An answer that breaks off after ``after`` of its chunks."""

    answer: JsonObject
    after: int = 3


Step = JsonObject | UpstreamError | Dies


@dataclass
class Scripted:
    """An upstream that does what it is told, and after that answers well."""

    name: str
    steps: deque[Step] = field(default_factory=deque)
    calls: list[UpstreamCall] = field(default_factory=list)

    async def send(self, call: UpstreamCall) -> AsyncGenerator[Batch]:
        self.calls.append(call)
        step: Step = self.steps.popleft() if self.steps else message(f"Hello from {self.name}.")
        if isinstance(step, UpstreamError):
            raise step
        dies = isinstance(step, Dies)
        answer = step.answer if isinstance(step, Dies) else step
        if not call.request.stream:
            if dies:
                raise gone(self.name)
            yield [Piece(answer, USED)]
            return
        for number, chunk in enumerate(as_chunks(answer)):
            if isinstance(step, Dies) and number >= step.after:
                raise gone(self.name)
            yield [Piece(chunk, USED)]
        if dies:
            raise gone(self.name)

    async def check(self) -> ProviderStatus:
        return ProviderStatus(self.name, "fake", "", "ok")

    async def close(self) -> None:
        pass


def failed(name: str, status: int = 500, **more: Any) -> UpstreamError:
    """An error status; ``more`` are fields of :class:`UpstreamError`."""
    fields: dict[str, Any] = {"kind": "status", "status": status, "retryable": status in (429, 500), **more}
    return UpstreamError(f"{name} failed ({status}).", **fields)


def gone(name: str) -> UpstreamError:
    return UpstreamError(f"{name} ended the answer in the middle.", kind="protocol", retryable=True)


@dataclass(frozen=True)
class Got:
    """What the caller of one request got: chunks or a whole answer, or a refusal, or both where it came too late."""

    exchange: Exchange
    chunks: list[JsonObject]
    whole: JsonObject | None
    refusal: Refusal | None

    @property
    def text(self) -> str:
        return "".join(delta.get("content") or "" for delta in self.deltas) if self.whole is None else self.message_text

    @property
    def deltas(self) -> list[JsonObject]:
        return [choice["delta"] for chunk in self.chunks for choice in chunk["choices"]]

    @property
    def message_text(self) -> str:
        assert self.whole is not None
        return self.whole["choices"][0]["message"].get("content") or ""

    @property
    def calls(self) -> list[tuple[str, str]]:
        """Names and arguments of the tool calls, as a client puts them together."""
        made: list[list[str]] = []
        for delta in self.deltas:
            for call in delta.get("tool_calls") or ():
                if call["index"] == len(made):
                    made.append(["", ""])
                made[call["index"]][0] += call["function"].get("name") or ""
                made[call["index"]][1] += call["function"].get("arguments") or ""
        return [(name, arguments) for name, arguments in made]

    @property
    def tries(self) -> list[str]:
        return [remark.text for remark in self.exchange.remarks if remark.step == "try"]


async def answered(
    dispatcher: Dispatcher, exchange: Exchange, decision: Decision, complete: Callable[[JsonObject], Awaitable[None]]
) -> AsyncGenerator[Batch]:
    """What the caller of a request gets."""

    async def source(put: Put) -> None:
        relay = Relay(exchange, put)
        await dispatcher.send(exchange, decision, relay.take)
        whole = relay.whole()
        await complete(whole)
        await relay.end(whole)

    flight = Flights[Piece | End]().begin("alone", exchange, source)
    try:
        async for batch in sent(exchange.request, flight.listen(None), lambda _: None):
            yield batch
    finally:
        await flight.leave()


class Desk:
    """A dispatcher and everything it stands on."""

    def __init__(self, scripts: Mapping[str, Sequence[Step]] | None = None, *, hard_microusd: int = 10_000_000) -> None:
        self.clock = FakeClock()
        self.slept: list[float] = []
        self.notices: list[str] = []
        self.ledger = MemoryLedger()
        self.hard_microusd = hard_microusd
        names = ("local", "groq", "openai", "anthropic")
        self.providers = {name: Scripted(name, deque((scripts or {}).get(name, ()))) for name in names}
        self.health = Health(self.clock, lambda _, text: self.notices.append(text), jitter=lambda: 0.0)
        self.budget: Budget | None = None

    async def dispatcher(self) -> Dispatcher:
        if self.budget is None:
            self.budget = await Budget.open(self.ledger, self.clock, 0, 0, self.hard_microusd)
        return Dispatcher(
            self.providers.get,
            self.budget,
            Pricing(PRICES),
            self.health,
            1000,
            "claude",
            jitter=lambda: 0.0,
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds)

    def calls(self, name: str) -> int:
        return len(self.providers[name].calls)

    @property
    def all_calls(self) -> int:
        return sum(len(provider.calls) for provider in self.providers.values())

    async def ask(self, *targets: Target, stream: bool = True, model: str = "gateway-auto", **body: Any) -> Got:
        """One request with these targets in order, to its end."""
        dispatcher = await self.dispatcher()
        request = replace(make_call(stream=stream, limit=100, **body).request, model=model)
        exchange = Exchange(request, time.monotonic())
        decision = Decision(targets[0], targets[1:], "simple", 0.1, ())
        exchange.decision, exchange.target = decision, decision.target
        chunks: list[JsonObject] = []
        whole: JsonObject | None = None
        refusal: Refusal | None = None

        async def complete(_: JsonObject) -> None:
            assert not self.ledger.open, "the end is only told when the money is settled"

        try:
            async for batch in answered(dispatcher, exchange, decision, complete):
                if stream:
                    chunks += [piece.body for piece in batch]
                else:
                    (whole,) = (piece.body for piece in batch)
        except Refused as refused:
            refusal = refused.refusal
        assert not self.ledger.open
        return Got(exchange, chunks, whole, refusal)


def tool(name: str, **properties: Any) -> JsonObject:
    """A tool whose properties are all required."""
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "parameters": schema}}

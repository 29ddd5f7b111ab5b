"""Nothing is kept of a request for ever: no more objects after many more. ``make soak`` measures a process."""

from __future__ import annotations

import gc
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gateway_core import activity, journal
from gateway_core.cache import answers
from gateway_core.learning import hearing, intake
from gateway_core.providers import prompt_cache
from gateway_core.routing import session
from tests.bench.flatness import Sample, blocks_of, slope, verdict, verdict_on_cost
from tests.fakes.anthropic import FakeAnthropic
from tests.http.inside import Client, client, with_claude

KEPT = 8
"""The length of every list that keeps the newest of something, far below its real one."""
FIRST, MORE = 80, 80


@pytest.fixture
def short_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        (activity, "RECENT_ROWS"),
        (journal, "KEPT_DECISIONS"),
        (answers, "REMEMBERED_HITS"),
        (intake, "_MOST_WAITING"),
        (prompt_cache, "_MOST_KEPT"),
    ):
        monkeypatch.setattr(module, name, KEPT)
    monkeypatch.setattr(hearing.Ears.__init__, "__defaults__", (KEPT,))
    recent = session._Recent.__init__
    monkeypatch.setattr(session._Recent, "__init__", lambda self, _: recent(self, KEPT))


def bodies(number: int) -> tuple[str, dict[str, Any]]:
    """Requests of all kinds: streams in three protocols, exact hits, repeated keys, what is refused and what fails."""
    text = f"Question {number}?"
    said = {"model": "gateway-premium", "messages": [{"role": "user", "content": text}]}
    match number % 8:
        case 0:
            return "/v1/responses", {"model": "gateway-premium", "input": text, "stream": True}
        case 1:
            return "/v1/messages", {**said, "max_tokens": 50, "stream": True}
        case 2:
            return "/v1/chat/completions", {**said, "model": f"model-{number}"}
        case 3:
            return "/v1/chat/completions", {**said, "messages": [{"role": "user", "content": "Known?"}]}
        case 4:
            return "/v1/chat/completions", {**said, "messages": number}
        case 5:
            return "/v1/chat/completions", {**said, "idempotency_key": text}
        case _:
            return "/v1/chat/completions", {**said, "stream": True}


async def ask(llmgw: Client, numbers: range) -> None:
    for number in numbers:
        path, body = bodies(number)
        async with llmgw.http.post(path, json=body, headers={"Connection": "close"}) as answer:
            await answer.read()
    await llmgw.get("/api/requests?limit=1")  # which waits for what the journal gathers


def ours() -> Counter[str]:
    """The living objects of the gateway's classes, also those that an import has taken from the garbage collector."""
    gc.unfreeze()
    gc.collect()
    kinds = [type(one) for one in gc.get_objects()]
    return Counter(kind.__qualname__ for kind in kinds if str(kind.__module__).startswith("gateway_core"))


@pytest.mark.usefixtures("short_lists")
async def test_requests_leave_no_objects_behind_when_lists_are_full(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        await ask(llmgw, range(FIRST))
        living = [ours()]
        for first in (FIRST, FIRST + MORE):
            await ask(llmgw, range(first, first + MORE))
            living.append(ours())
    each_time = (living[1] - living[0]) & (living[2] - living[1])
    assert not {kind: count for kind, count in each_time.items() if count > 2 * KEPT}


def test_the_soak_tells_growth_from_noise() -> None:
    flat = [(number, 140_000_000 + number * 7919 % 3_000_000) for number in range(0, 100_000, 2_000)]
    growing = [(number, size + 200 * number) for number, size in flat]
    assert abs(slope(flat)) < 20 and 180 < slope(growing) < 220
    assert verdict("gateway", flat)[1] and not verdict("gateway", growing)[1]
    assert not verdict("gateway", flat[:4])[1]


def test_the_soak_tells_a_cost_that_grows_from_one_that_varies() -> None:
    def soaked(grows_ms: float) -> list[Sample]:
        """Of 2 to 2.2 ms a request, and so much more after 100,000; the first requests are dear."""
        samples, cpu_s = [], 0.0
        for number in range(0, 100_001, 2_000):
            samples.append(Sample(number, 0, 0, cpu_s))
            each_ms = 2.0 + number * 7919 % 3_000 / 15_000 + grows_ms * number / 100_000
            cpu_s += 2.0 * (each_ms if number else 50.0)
        return samples

    blocks = blocks_of(soaked(0.0))
    assert [end for end, _ in blocks] == list(range(20_000, 100_001, 10_000))
    assert all(2.0 <= cost_ms <= 2.2 for _, cost_ms in blocks)
    assert verdict_on_cost(blocks)[1] and not verdict_on_cost(blocks_of(soaked(1.0)))[1]
    assert not verdict_on_cost(blocks[:2])[1]

"""What the caller and the operator are told of the money, through the whole gateway."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from gateway_core.events import RequestFinished
from gateway_core.model import RequestDetail
from gateway_core.store.database import FILE_NAME
from gateway_core.store.report import KEYS, sums_between
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Reply
from tests.http.inside import Client, chat_body, client, with_claude, with_groq

GROQ_MODEL = "openai/gpt-oss-120b"
WRITTEN: dict[str, Any] = {
    "input_tokens": 1000,
    "output_tokens": 100,
    "cache_creation_input_tokens": 4000,
    "cache_creation": {"ephemeral_5m_input_tokens": 4000, "ephemeral_1h_input_tokens": 0},
}
"""With claude-sonnet-5-5: 1000 x 2 + 4000 x 2.5 + 100 x 10 = 13,000 micro-dollars, without a cache 11,000."""


async def newest(llmgw: Client) -> RequestDetail:
    (row,) = await llmgw.gateway.requests(1)
    detail = await llmgw.gateway.detail(row.id)
    assert detail is not None
    return detail


@pytest.mark.parametrize("stream", [False, True])
async def test_the_cost_comes_with_what_it_was_for(tmp_path: Path, stream: bool) -> None:
    async with FakeAnthropic(default=Reply(usage=WRITTEN)) as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        body = (await llmgw.stream())[1][-1] if stream else (await llmgw.chat())[2]
        again = (await llmgw.stream())[1][-1] if stream else (await llmgw.chat())[2]
        spent = (await llmgw.get("/api/budget"))["spent_usd"]

    assert body["usage"]["cost"] == spent == 0.013
    assert body["usage"]["cost_details"] == {"input": 0.002, "cache_write": 0.01, "output": 0.001}
    assert again["usage"]["cost"] == 0 and "cost_details" not in again["usage"]
    assert again["usage"]["prompt_tokens"] == 5000


async def test_a_cache_write_shows_as_less_than_nothing_saved_and_a_hit_as_what_it_cost(tmp_path: Path) -> None:
    async with FakeAnthropic(default=Reply(usage=WRITTEN)) as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        await llmgw.chat()
        made = await newest(llmgw)
        await llmgw.chat()
        hit = await newest(llmgw)
        snapshot = llmgw.gateway.snapshot()
        async with llmgw.http.get("/metrics") as answer:
            metrics = await answer.text()

    assert (made.row.cost_microusd, made.cost.total_microusd, made.cost.cache_write) == (13_000, 13_000, 10_000)
    assert (made.row.premium_microusd, made.row.no_prompt_cache_microusd) == (11_000, 11_000)
    assert made.row.otherwise.saved(13_000) == (0, -2000, 0) and made.row.saved_microusd == -2000
    assert hit.row.otherwise.saved(0) == (13_000, -2000, 0) and hit.row.saved_microusd == 11_000
    assert (snapshot.saved_today_microusd, snapshot.cache.saved_microusd) == (9000, 13_000)
    assert 'llmgw_above_premium_usd_total{tier="premium"} 0.002' in metrics
    assert 'llmgw_saved_usd_total{tier="cache"} 0.011' in metrics


async def test_a_cheap_answer_saves_by_routing_and_by_the_providers_cache(tmp_path: Path) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 400}}
    async with (
        FakeOpenAI(key="groq-key", models=(GROQ_MODEL,), default=Reply(usage=usage)) as fake,
        client(tmp_path, **with_groq(fake)) as llmgw,
    ):
        await llmgw.chat(model="gateway-cheap")
        row = (await newest(llmgw)).row

    # 0.15 in, 0.075 read, 0.60 out; the premium model's 2 in and 10 out
    assert row.cost_microusd == 600 * 0.15 + 400 * 0.075 + 100 * 0.6 == 180
    assert row.no_prompt_cache_microusd == 1000 * 0.15 + 100 * 0.6 == 210
    assert row.premium_microusd == 1000 * 2 + 100 * 10 == 3000
    assert row.otherwise.saved(row.cost_microusd) == (0, 30, 2790)
    assert row.saved_microusd == 2820


async def test_what_a_failed_answer_would_have_cost_otherwise_is_not_guessed(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        fake.script(Reply(text="one two three four", drop_after=5))
        async with llmgw.http.post("/v1/chat/completions", json=chat_body("Count.", stream=True)) as answer:
            await answer.text()
        row = (await newest(llmgw)).row

    assert row.cost_microusd > 0 and row.saved_microusd == 0
    assert (row.premium_microusd, row.no_prompt_cache_microusd, row.no_answer_cache_microusd) == (None, None, None)


async def test_a_price_that_is_not_known_is_said_where_it_is_charged(tmp_path: Path) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 100}
    async with (
        FakeOpenAI(key="groq-key", models=("tomorrow",), default=Reply(usage=usage)) as fake,
        client(tmp_path, **with_groq(fake)) as llmgw,
    ):
        await llmgw.chat(model="groq/tomorrow")
        detail = await newest(llmgw)

    assert detail.row.cost_microusd == 1000 * 30 + 100 * 150
    (remark,) = [remark for remark in detail.remarks if remark.step == "price"]
    assert "groq/tomorrow" in remark.text and "30 and 150 USD" in remark.text


async def test_a_stream_cut_after_its_count_is_charged_by_the_count(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        # start, block, ping, text in three pieces, stop, message_delta with the count; message_stop never comes
        fake.script(Reply(text="one two three", usage=WRITTEN, drop_after=8))
        async with llmgw.http.post("/v1/chat/completions", json=chat_body("Count.", stream=True)) as answer:
            await answer.text()
        detail = await newest(llmgw)

    assert detail.row.cost_microusd == 13_000
    assert not detail.usage.estimated


@pytest.mark.parametrize("how", ["drops", "errs", "ends", "is killed", "is left"])
async def test_however_a_stream_ends_early_it_is_charged_once_at_no_less_than_was_reported(
    tmp_path: Path, how: str
) -> None:
    fault = {"drops": {"drop_after": 5}, "errs": {"error_after": 5}, "ends": {"end_after": 5}}.get(
        how, {"stall_after": 5}
    )
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        fake.script(Reply(text="one two three four five six", usage=WRITTEN, **fault))  # type: ignore[arg-type]
        with llmgw.gateway.bus.subscribe() as events:
            async with llmgw.http.post("/v1/chat/completions", json=chat_body("Count.", stream=True)) as answer:
                await answer.content.readuntil(b"one")
                if how == "is killed":
                    await llmgw.post("/api/commands/kill")
                if how != "is left":
                    await answer.content.read()
            async with asyncio.timeout(10):
                async for event in events:
                    if isinstance(event, RequestFinished):
                        break
        detail = await newest(llmgw)
        budget = await llmgw.get("/api/budget")

    reported = 1000 * 2 + 4000 * 2.5
    assert detail.row.cost_microusd >= reported + 10
    assert budget["reserved_usd"] == 0
    assert budget["spent_usd"] == detail.row.cost_microusd / 1e6
    assert detail.usage.estimated and detail.usage.cache_write_5m_tokens == 4000


@pytest.mark.parametrize("stream", [False, True])
async def test_a_prompt_that_nobody_counted_is_charged_as_if_it_had_been_written_to_the_prompt_cache(
    tmp_path: Path, stream: bool
) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        counts = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation")
        fake.script(Reply(text="one two three", usage=dict.fromkeys(counts)))
        await (llmgw.stream() if stream else llmgw.chat())
        detail = await newest(llmgw)

    assert detail.usage.estimated and detail.usage.input_tokens == detail.usage.prompt_tokens > 0
    # claude-sonnet-5-5: 2 in, but 4 for what is written for an hour; 10 out
    assert detail.row.cost_microusd == detail.usage.input_tokens * 4 + detail.usage.output_tokens * 10


ALL_KINDS: dict[str, Any] = {
    "input_tokens": 11,
    "output_tokens": 90,
    "cache_read_input_tokens": 1001,
    "cache_creation_input_tokens": 70,
    "cache_creation": {"ephemeral_5m_input_tokens": 50, "ephemeral_1h_input_tokens": 20},
}
"""With claude-sonnet-5-5: 11 x 2 + 1001 x 0.1 + 50 x 2.5 + 20 x 4 + 90 x 10 = 1227.1 micro-dollars, rounded up once."""
PROTOCOLS: dict[str, dict[str, Any]] = {
    "chat/completions": {"messages": [{"role": "user", "content": "Hi."}]},
    "messages": {"messages": [{"role": "user", "content": "Hi."}], "max_tokens": 100},
    "responses": {"input": "Hi."},
}


def last_cost(value: Any) -> list[float]:
    """Every ``usage.cost`` in an answer or its events, in their order."""
    if isinstance(value, list):
        return [cost for item in value for cost in last_cost(item)]
    if not isinstance(value, dict):
        return []
    usage = value.get("usage")
    own = [usage["cost"]] if isinstance(usage, dict) and "cost" in usage else []
    return own + [cost for name, item in value.items() if name != "usage" for cost in last_cost(item)]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", PROTOCOLS)
async def test_everybody_says_the_same_cost_to_the_micro_dollar(tmp_path: Path, path: str, stream: bool) -> None:
    async with FakeAnthropic(default=Reply(usage=ALL_KINDS)) as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        body = {"model": "gateway-premium", "stream": stream, **PROTOCOLS[path]}
        async with llmgw.http.post(f"/v1/{path}", json=body) as answer:
            text = await answer.text()
            assert answer.status == 200, text
        lines = [line[6:] for line in text.splitlines() if line.startswith("data: {")]
        said = last_cost([json.loads(line) for line in lines] if stream else json.loads(text))
        row = (await newest(llmgw)).row
        spent = (await llmgw.get("/api/budget"))["spent_usd"]
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    charged = [cost for (cost,) in connection.execute("SELECT cost_microusd FROM reservations")]
    (reported,) = sums_between(connection, "2000-01-01", "9999-12-30", KEYS)
    connection.close()

    assert said[-1] == spent == 0.001228
    assert (row.cost_microusd, charged, reported.cost_microusd) == (1228, [1228], 1228)

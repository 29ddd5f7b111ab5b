"""The stand-in and the load speak HTTP that others understand, and count what went through."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import anthropic
import openai
import pytest

from tests.bench.load import NUMBER, Crew, Load
from tests.bench.upstream import ANSWER_TOKENS, Connection, Pace, Provider

HELLO = {"role": "user", "content": f"Request {NUMBER}"}


class Running:
    """A stand-in in the test's own event loop."""

    def __init__(self, provider: Provider, port: int) -> None:
        self.provider, self.port = provider, port

    def load(self, *, stream: bool = False, **more: object) -> Load:
        body = json.dumps({"model": "bench", "messages": [HELLO], "stream": stream})
        given = {"seconds": 0.05, "warm_up_s": 0.0, **more}
        return Load(port=self.port, path="/v1/chat/completions", headers={}, body=body, stream=stream, **given)  # type: ignore[arg-type]


class Watched(Connection):
    """A connection whose end can be awaited."""

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider)
        self.has_ended = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.has_ended.set()


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    provider = Provider()
    provider.set_pace(Pace(tokens=7))
    made: list[Watched] = []

    def connection() -> Watched:
        made.append(Watched(provider))
        return made[-1]

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    yield Running(provider, server.sockets[0].getsockname()[1])
    for one in made:
        await one.has_ended.wait()
    server.close()
    await server.wait_closed()


async def test_openai_s_client_reads_both_kinds_of_answer(running: Running) -> None:
    async with openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{running.port}/v1", api_key="x") as client:
        whole = await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
        assert whole.usage
        assert whole.usage.completion_tokens == ANSWER_TOKENS
        stream = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hi"}], stream=True
        )
        chunks = [chunk async for chunk in stream]
    said = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert len(said) == 7
    assert chunks[-1].usage
    assert chunks[-1].usage.completion_tokens == 7
    assert running.provider.calls == 2


async def test_anthropic_s_client_reads_both_kinds_of_answer(running: Running) -> None:
    async with anthropic.AsyncAnthropic(base_url=f"http://127.0.0.1:{running.port}", api_key="x") as client:
        whole = await client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}])
        assert whole.usage.output_tokens == ANSWER_TOKENS
        async with client.messages.stream(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
        ) as stream:
            said = [text async for text in stream.text_stream]
            message = await stream.get_final_message()
    assert len(said) == 7
    assert (message.stop_reason, message.usage.output_tokens) == ("end_turn", 7)


async def test_tokens_that_are_paced_are_written_one_by_one(running: Running) -> None:
    running.provider.set_pace(Pace(tokens=3, gap_s=0.001))
    async with openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{running.port}/v1", api_key="x") as client:
        stream = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hi"}], stream=True
        )
        said = [chunk.choices[0].delta.content async for chunk in stream if chunk.choices]
    assert sum("@T" in (text or "") for text in said) == 3


async def test_each_request_of_a_load_has_a_number_of_its_own(running: Running) -> None:
    crew = Crew(running.load(first=41))
    requests = [crew.request() for _ in range(2)]
    assert [b"Request 000000000041" in requests[0], b"Request 000000000042" in requests[1]] == [True, True]
    assert len({len(request) for request in requests}) == 1


async def test_a_load_that_repeats_sends_the_same_bytes(running: Running) -> None:
    crew = Crew(running.load(first=41, repeats=True))
    assert crew.request() == crew.request()


async def test_a_load_counts_what_the_provider_counts(running: Running) -> None:
    report = await Crew(running.load(connections=3)).run()
    assert report.failed == 0, report.first_failure
    assert report.all_answered == running.provider.calls > 0
    assert 0 < report.latency_ms["p50"] <= report.latency_ms["p99"]


async def test_a_load_finds_each_token_of_its_streams(running: Running) -> None:
    report = await Crew(running.load(connections=2, stream=True)).run()
    assert report.failed == 0, report.first_failure
    assert report.all_tokens == 7 * report.all_answered > 0
    assert report.token_delay_ms["p50"] > 0


async def test_a_steady_load_asks_no_more_than_its_rate(running: Running) -> None:
    report = await Crew(running.load(connections=4, rate=100.0, seconds=0.1)).run()
    assert 0 < report.answered <= 11
    assert report.unsent == 0


async def test_a_load_tells_what_was_answered_instead(running: Running) -> None:
    load = running.load()
    elsewhere = Load(load.port, "/v1/nowhere", {}, load.body, seconds=0.02, warm_up_s=0.0)
    report = await Crew(elsewhere).run()
    assert report.answered == 0
    assert report.failed
    assert report.first_failure.startswith('404 {"error"')

"""An answer is kept once its words were given, and whatever happens meanwhile takes nothing away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway_core.model import Refusal, Refused, Status
from gateway_core.pipeline import Pipeline
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.http.inside import Client, client, said, with_claude
from tests.http.test_shared_calls import ended, spent
from tests.providers.calls import make_call

QUESTION = "Who wrote Faust?"
TEXT = "Johann Wolfgang von Goethe wrote it, over sixty years."


class Keeping:
    """Holds what keeps answers, until it may :attr:`go` on."""

    def __init__(self, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = asyncio.Event()
        self.begun = asyncio.Event()
        self._pipeline = pipeline
        self._keep = pipeline._keep
        monkeypatch.setattr(pipeline, "_keep", self._held)

    async def _held(self, *given: Any) -> None:
        self.begun.set()
        await self.go.wait()
        await self._keep(*given)

    async def done(self) -> None:
        """Lets it go on, and returns when all is kept."""
        self.go.set()
        await self._pipeline.kept()


@asynccontextmanager
async def setting(tmp_path: Path, stall_after: int | None = None) -> AsyncIterator[tuple[FakeAnthropic, Client]]:
    reply = Reply(text=TEXT, stall_after=stall_after)
    async with FakeAnthropic(default=reply) as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        yield fake, llmgw


async def test_nobody_waits_for_a_whole_answers_and_who_comes_meanwhile_gets_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with setting(tmp_path) as (fake, llmgw):
        keeping = Keeping(llmgw.gateway.pipeline, monkeypatch)
        answers = [await llmgw.chat(QUESTION) for _ in range(2)]
        await keeping.done()
        rows = await ended(llmgw, 2)
        answers.append(await llmgw.chat(QUESTION))
        paid = spent(llmgw)
    assert fake.calls == 1
    assert [headers["x-llmgw-cache"] for _, headers, _ in answers] == ["miss", "exact", "exact"]
    assert {body["choices"][0]["message"]["content"] for _, _, body in answers} == {TEXT}
    assert {row.status for row in rows} == {Status.OK} and sum(row.cost_microusd for row in rows) == paid > 0


async def test_a_streams_end_waits_for_it_and_who_comes_meanwhile_gets_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with setting(tmp_path) as (fake, llmgw):
        keeping = Keeping(llmgw.gateway.pipeline, monkeypatch)
        streams = [asyncio.create_task(llmgw.stream(QUESTION)) for _ in range(2)]
        await keeping.begun.wait()
        done, _ = await asyncio.wait(streams, timeout=0.3)
        assert not done
        await keeping.done()
        given = [await stream for stream in streams]
        rows = await ended(llmgw, 2)
        paid = spent(llmgw)
    assert fake.calls == 1
    assert sorted(headers["x-llmgw-cache"] for headers, _ in given) == ["exact", "miss"]
    assert [said(chunks) for _, chunks in given] == [TEXT] * 2
    assert {row.status for row in rows} == {Status.OK} and sum(row.cost_microusd for row in rows) == paid > 0


async def test_a_streams_end_does_not_wait_for_a_database_that_another_program_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with setting(tmp_path) as (fake, llmgw):
        keeping = Keeping(llmgw.gateway.pipeline, monkeypatch)
        _, chunks = await llmgw.stream(QUESTION)
        await keeping.done()
        headers, _ = await llmgw.stream(QUESTION)
        rows = await ended(llmgw, 2)
    assert said(chunks) == TEXT and {row.status for row in rows} == {Status.OK}
    assert headers["x-llmgw-cache"] == "exact" and fake.calls == 1


@pytest.mark.parametrize("streamed", [False, True])
async def test_the_next_same_request_of_a_client_is_answered_from_the_cache(tmp_path: Path, streamed: bool) -> None:
    async with setting(tmp_path) as (fake, llmgw):
        found = []
        for number in range(20):
            for _ in range(2):
                question = f"{QUESTION} {number}"
                headers = (await llmgw.stream(question))[0] if streamed else (await llmgw.chat(question))[1]
                found.append(headers["x-llmgw-cache"])
        rows = await ended(llmgw, 40)
    assert found == ["miss", "exact"] * 20 and fake.calls == 20
    assert {row.route for row in rows if row.cache.is_hit} == {"cache:exact"}


async def test_it_is_kept_also_if_all_leave_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with setting(tmp_path, stall_after=4) as (fake, llmgw):
        keeping = Keeping(llmgw.gateway.pipeline, monkeypatch)
        request = replace(make_call(model="gateway-premium").request, model="gateway-premium")
        async with llmgw.gateway.pipeline.answer(request) as answer:
            assert not isinstance(answer, Refusal) and answer.batches
            await anext(answer.batches)
            fake.resume()
            await keeping.begun.wait()
        await keeping.done()
        (row,) = await ended(llmgw, 1)
        paid = spent(llmgw)
        async with llmgw.gateway.pipeline.answer(replace(request, id="again")) as answer:
            assert not isinstance(answer, Refusal) and answer.cache.is_hit
    assert row.status is Status.CANCELLED and row.cost_microusd == paid > 0 and fake.calls == 1


async def test_the_kill_switch_does_not_undo_what_is_paid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with setting(tmp_path, stall_after=4) as (fake, llmgw):
        keeping = Keeping(llmgw.gateway.pipeline, monkeypatch)
        request = replace(make_call(model="gateway-premium").request, model="gateway-premium")
        with pytest.raises(Refused, match="kill_switch"):
            async with llmgw.gateway.pipeline.answer(request) as answer:
                assert not isinstance(answer, Refusal) and answer.batches
                await anext(answer.batches)
                fake.resume()
                await keeping.begun.wait()
                await llmgw.gateway.commands.run("kill", {})
                await asyncio.Event().wait()
        await llmgw.gateway.commands.run("release", {})
        await keeping.done()
        (row,) = await ended(llmgw, 1)
        async with llmgw.gateway.pipeline.answer(replace(request, id="again")) as answer:
            assert not isinstance(answer, Refusal) and answer.cache.is_hit
    assert row.status is Status.KILLED and row.cost_microusd > 0 and fake.calls == 1


@pytest.mark.parametrize("streamed", [False, True])
async def test_what_fails_there_takes_no_answer_back_and_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, streamed: bool
) -> None:
    async with setting(tmp_path) as (_, llmgw):

        def broken(*_: object, **__: object) -> None:
            raise RuntimeError("a prompt")

        monkeypatch.setattr(llmgw.gateway.pipeline._tiers, "learn", broken)
        with caplog.at_level(logging.ERROR):
            if streamed:
                assert said((await llmgw.stream(QUESTION))[1]) == TEXT
            else:
                assert (await llmgw.chat(QUESTION))[2]["choices"][0]["message"]["content"] == TEXT
            (row,) = await ended(llmgw, 1)
        paid = spent(llmgw)
    (told,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert told.startswith("an answer was not kept: RuntimeError at broken:") and "a prompt" not in told
    assert row.status is Status.OK and row.cost_microusd == paid > 0


async def test_the_end_of_the_gateway_waits_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeAnthropic(default=Reply(text=TEXT)) as fake:
        async with client(tmp_path, **with_claude(fake)) as llmgw:
            keeping = Keeping(llmgw.gateway.pipeline, monkeypatch)
            await llmgw.chat(QUESTION)
            kept = llmgw.gateway.pipeline.kept

            async def waited_for() -> None:
                keeping.go.set()
                await kept()

            monkeypatch.setattr(llmgw.gateway.pipeline, "kept", waited_for)
        async with client(tmp_path, **with_claude(fake)) as llmgw:
            (row,) = await llmgw.gateway.requests(10)
            _, headers, _ = await llmgw.chat(QUESTION)
    assert row.status is Status.OK and row.cost_microusd > 0
    assert headers["x-llmgw-cache"] == "exact" and fake.calls == 1

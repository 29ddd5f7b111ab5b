"""Cached streams at the pace of a model that writes: whoever leaves or is stopped meanwhile has not had the answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway_core.model import Status
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.http.inside import client, said, with_claude
from tests.http.test_shared_calls import QUESTION, Listener, ended, listen

LONG = "Goethe wrote and wrote and wrote. " * 200


async def test_a_cached_stream_comes_at_the_pace_that_is_set(tmp_path: Path) -> None:
    text = "Johann Wolfgang von Goethe wrote it over sixty years."
    async with (
        FakeAnthropic(default=Reply(text=text, before_s=0.5)) as fake,
        client(tmp_path, cache_replay="natural", **with_claude(fake)) as llmgw,
    ):
        await llmgw.chat(QUESTION)
        began = asyncio.get_running_loop().time()
        headers, chunks = await llmgw.stream(QUESTION, stream_options={"include_usage": True})
        took_s = asyncio.get_running_loop().time() - began
        rows = await ended(llmgw, 2)
    assert headers["x-llmgw-cache"] == "exact" and said(chunks) == text
    assert took_s > 0.15 and len(chunks) > len(text.split())
    assert chunks[-1]["usage"]["cost"] == 0 and chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert (rows[1].status, rows[1].finish_reason) == (Status.OK, "stop")
    assert rows[1].first_token_ms is not None and rows[1].first_token_ms < rows[1].latency_ms - 100


@pytest.mark.parametrize("end", [Status.KILLED, Status.CANCELLED])
async def test_a_replay_ends_with_its_client_and_with_the_kill_switch(tmp_path: Path, end: Status) -> None:
    async with (
        FakeAnthropic(default=Reply(text=LONG, before_s=2.5)) as fake,
        client(tmp_path, cache_replay="natural", **with_claude(fake)) as llmgw,
    ):
        await llmgw.chat(QUESTION)
        listener: Listener = await listen(llmgw)
        await listener.hears("wrote")
        began = asyncio.get_running_loop().time()
        if end is Status.KILLED:
            await llmgw.gateway.commands.run("kill", {})
            await listener.rest()
        else:
            listener.leave()
        rows = await ended(llmgw, 2)
        took_s = asyncio.get_running_loop().time() - began
    assert took_s < 1, "seconds before it would have ended"
    assert listener.cache == "exact" and rows[1].status is end and rows[1].finish_reason is None
    assert listener.error == ("kill_switch" if end is Status.KILLED else "")

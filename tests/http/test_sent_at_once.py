"""The pieces of a stream are sent on where they are made, but for those whose client is behind."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway_core.http import completions, openai
from gateway_core.providers.base import Batch, Piece
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.http.inside import Client, chat_body, client, said, with_claude

TEXT = "Johann Wolfgang von Goethe wrote it, over sixty years, and said so to Eckermann."


@asynccontextmanager
async def slow_words(tmp_path: Path) -> AsyncIterator[Client]:
    paced = FakeAnthropic(default=Reply(text=TEXT, between_s=0.01))
    async with paced as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        yield llmgw


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What came of each sending without waiting."""
    sent: list[bool] = []
    send = completions._Outgoing.send_at_once

    def noted(outgoing: completions._Outgoing, batch: Batch) -> bool:
        sent.append(send(outgoing, batch))
        return sent[-1]

    monkeypatch.setattr(completions._Outgoing, "send_at_once", noted)
    return sent


async def test_a_client_that_reads_gets_all_but_the_ends_without_waiting(tmp_path: Path, at_once: list[bool]) -> None:
    async with slow_words(tmp_path) as llmgw:
        _, chunks = await llmgw.stream("Who wrote Faust?")
    assert said(chunks) == TEXT and at_once and all(at_once)


async def test_what_a_client_that_is_behind_gets_waits_and_comes_in_order(
    tmp_path: Path, at_once: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = iter([False, True, True] * 100)
    monkeypatch.setattr("aiohttp.base_protocol.BaseProtocol.writing_paused", property(lambda _: next(behind)))
    async with slow_words(tmp_path) as llmgw:
        _, chunks = await llmgw.stream("Who wrote Faust?")
    assert said(chunks) == TEXT and {True, False} == set(at_once)


async def test_a_piece_that_cannot_be_written_ends_the_stream_with_an_error(
    tmp_path: Path, at_once: list[bool], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    feed = openai.ChatWriter.feed
    fed: list[Piece] = []

    def broken(writer: openai.ChatWriter, piece: Piece) -> bytes:
        fed.append(piece)
        if len(fed) == 4:
            raise TypeError("cannot be written")
        return feed(writer, piece)

    monkeypatch.setattr(openai.ChatWriter, "feed", broken)
    body = chat_body("Who wrote Faust?", stream=True)
    with caplog.at_level(logging.ERROR):
        async with slow_words(tmp_path) as llmgw, llmgw.http.post("/v1/chat/completions", json=body) as answer:
            lines = [line for line in (await answer.text()).splitlines() if line]
    assert '"error"' in lines[-1] and len(lines) == 4 and len(fed) == 4 and at_once
    assert "a stream failed: TypeError" in caplog.text

"""Every conversation, in each protocol, streamed and not, with each upstream that can have it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.conversations.clients import CLIENTS, Client, Seen
from tests.conversations.script import PROTOCOLS, UPSTREAMS, Conversation, Turn, load
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.ollama import FakeOllama
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Fake
from tests.http.inside import KEY, client, with_claude, with_groq

CONVERSATIONS = load()
MODELS = {
    "anthropic": "gateway-premium",
    "groq": "gateway-cheap",
    "openai": "gateway-cheap",
    "ollama": "gateway-local",
}
LOCAL_MODEL = "smollm2:135m"
FEWEST = 40


def cases() -> list[Any]:
    """Conversation, protocol, whether it is streamed, and the upstream, named for a reader."""
    return [
        pytest.param(talk, protocol, stream, name, id=f"{talk.name}-{protocol}-{'sse' if stream else 'whole'}-{name}")
        for talk in CONVERSATIONS
        for protocol in talk.protocols
        for stream in ((True,) if talk.streamed_only else (True, False))
        for name in talk.upstreams
    ]


@asynccontextmanager
async def upstream(name: str) -> AsyncIterator[tuple[Fake, dict[str, Any]]]:
    """A fake provider that keeps its rules, and the settings that make it the one upstream."""
    if name == "anthropic":
        async with FakeAnthropic() as claude:
            yield claude, with_claude(claude)
    elif name == "groq":
        async with FakeOpenAI(kind="groq", key="gsk_fake", models=("openai/gpt-oss-120b",)) as groq:
            yield groq, with_groq(groq)
    elif name == "openai":
        async with FakeOpenAI(key="sk-fake", models=("gpt-5.4-nano",)) as gpt:
            yield gpt, {"openai_api_key": SecretStr("sk-fake"), "openai_base_url": gpt.base_url}
    else:
        async with FakeOllama(LOCAL_MODEL) as ollama:
            ollama.add(LOCAL_MODEL, num_ctx=32_768, capabilities=("completion", "tools", "vision"))
            yield ollama, {"local_llm_enabled": True, "local_llm_url": ollama.base_url, "builtin_model": "off"}


def test_there_are_enough_of_them_and_each_protocol_and_upstream_has_its_share() -> None:
    assert len(CONVERSATIONS) >= FEWEST
    assert len({talk.name for talk in CONVERSATIONS}) == len(CONVERSATIONS)
    for protocol in PROTOCOLS:
        assert sum(protocol in talk.protocols for talk in CONVERSATIONS) >= FEWEST
    for name in UPSTREAMS:
        assert sum(name in talk.upstreams for talk in CONVERSATIONS) >= FEWEST - 10


@pytest.mark.parametrize(("talk", "protocol", "stream", "name"), cases())
async def test_a_conversation(talk: Conversation, protocol: str, stream: bool, name: str, tmp_path: Path) -> None:
    async with upstream(name) as (fake, settings), client(tmp_path, exact_cache="off", **settings) as llmgw:
        speaker = CLIENTS[protocol](llmgw.gateway.address, KEY, MODELS[name], talk)
        try:
            for turn in talk.turns:
                await _take(turn, speaker, fake, name, stream)
        finally:
            await speaker.close()
        assert fake.rejected == []


async def _take(turn: Turn, speaker: Client, fake: Fake, name: str, stream: bool) -> None:
    if turn.fresh:
        speaker.start_over()
    if turn.assistant is not None:
        speaker.assistant(turn.assistant)
    if turn.results:
        speaker.results(turn.results)
    if turn.developer is not None:
        speaker.developer(turn.developer)
    if turn.user is not None:
        speaker.user(turn.user)
    if turn.reply is None:
        return
    first, then = turn.reply.step(name), turn.then.step(name) if turn.then else None
    fake.script(*[first] * turn.times, *([then] if then else []))
    seen = await speaker.ask(stream=stream, leave=turn.leave)
    if turn.leave:
        await fake.wait_for_disconnects(1)
        return
    _check(seen, turn, name)
    sent = json.dumps(fake.requests[-1], ensure_ascii=False)
    for text in turn.must_be_sent(name):
        assert json.dumps(text, ensure_ascii=False)[1:-1] in sent or text in sent


def _check(seen: Seen, turn: Turn, name: str) -> None:
    expect, reply = turn.expect, turn.then or turn.reply
    assert reply is not None
    if expect.error:
        assert (seen.error, bool(seen.text)) == (expect.error, expect.partial)
        if expect.status:
            assert seen.status == expect.status
        return
    assert seen.error is None, seen
    finish = expect.finish or ("tool_calls" if reply.tools else "stop")
    assert (seen.text, seen.calls, seen.finish) == (reply.text, reply.tools, finish)
    if expect.reasoning:
        assert seen.reasoning == expect.reasoning
    assert seen.input_tokens > 0 and seen.output_tokens > 0
    assert seen.cost_usd is not None and (seen.cost_usd > 0) == (name != "ollama")

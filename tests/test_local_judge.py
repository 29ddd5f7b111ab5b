"""The local model as a judge: asked by its own API, while it is there anyway, and gone when it would have been."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest

from gateway_core.cache.review.judge import AskFailed, NotNow
from gateway_core.local_judge import ANSWER_TOKENS, THINKING_TOKENS, LocalJudge
from gateway_core.model import LocalModel, LocalServer, Usage
from gateway_core.providers.base import Batch, Piece, UpstreamCall, UpstreamError
from tests.cache.support import NOON, FakeClock, completion

MINUTE = 60.0
MODEL = LocalModel("m:1b", loaded=True, expires_at=NOON + 5 * MINUTE, digest="abcdef0123456789")


class Local:
    """A local server whose model stays five minutes after each answer, and its provider."""

    name = "local"

    def __init__(self, clock: FakeClock, model: LocalModel = MODEL, kind: str = "ollama") -> None:
        self.clock = clock
        self.server = LocalServer(kind, "http://127.0.0.1:1", True, current_model=model.name, models=(model,))
        self.calls: list[UpstreamCall] = []
        self.error: UpstreamError | None = None

    def endpoint(self) -> tuple[str, str | None, str] | None:
        return (self.server.base_url, None, self.server.kind) if self.server.reachable else None

    async def refresh(self) -> LocalServer:
        return self.server

    def used(self) -> None:
        """Somebody asks the model."""
        (model,) = self.server.models
        if model.expires_at is not None:
            self.server = replace(self.server, models=(replace(model, expires_at=self.clock.at + 5 * MINUTE),))

    async def send(self, call: UpstreamCall) -> AsyncGenerator[Batch]:
        self.calls.append(call)
        if self.error:
            raise self.error
        self.used()
        yield [Piece(completion("same"), Usage(90, 10))]


def judge_of(local: Local, *, idle: bool = True) -> LocalJudge:
    made: Any = local
    return LocalJudge(made, lambda name: made if name == "local" else None, lambda name: idle, local.clock)


async def test_it_is_named_by_model_and_contents_and_asked_with_data_and_no_warmth() -> None:
    local = Local(FakeClock())
    judge = judge_of(local)
    assert await judge.ready() == "local/m:1b@abcdef012345"
    said = await judge.ask("Compare.", "One and two.")
    assert (said.words, said.tokens) == ("same", 100)
    (call,) = local.calls
    assert call.target.free and call.target.provider == "local" and not call.request.stream
    assert (call.request.body["temperature"], call.output_limit) == (0, ANSWER_TOKENS)
    assert [message["content"] for message in call.request.body["messages"]] == ["Compare.", "One and two."]


@pytest.mark.parametrize(
    ("model", "kind", "more", "most"),
    [
        (replace(MODEL, capabilities=("thinking",)), "ollama", {"thinking": {"type": "disabled"}}, ANSWER_TOKENS),
        (replace(MODEL, name="gpt-oss:20b"), "ollama", {"reasoning_effort": "low"}, THINKING_TOKENS),
        (MODEL, "openai", {}, THINKING_TOKENS),
        (MODEL, "builtin", {}, ANSWER_TOKENS),
    ],
)
async def test_thinking_is_off_where_it_can_be(model: LocalModel, kind: str, more: Any, most: int) -> None:
    local = Local(FakeClock(), model, kind)
    await judge_of(local).ask("Compare.", "One and two.")
    body = local.calls[0].request.body
    assert {name: body.get(name) for name in ("thinking", "reasoning_effort") if name in body} == more
    assert local.calls[0].output_limit == most


async def test_its_own_questions_do_not_keep_the_model_loaded() -> None:
    clock = FakeClock()
    local = Local(clock)
    judge = judge_of(local)
    for _ in range(4):
        await judge.ask("Compare.", "One and two.")
        clock.at += MINUTE
    clock.at += MINUTE
    with pytest.raises(NotNow, match="is to be unloaded"):
        await judge.ready()
    local.used()
    assert await judge.ready(), "the user's own question brings it back"
    clock.at += 4 * MINUTE
    await judge.ask("Compare.", "One and two.")
    clock.at += MINUTE
    with pytest.raises(NotNow, match="is to be unloaded"):
        await judge.ask("Compare.", "One and two.")


async def test_a_pinned_model_is_there_anyway() -> None:
    clock = FakeClock()
    local = Local(clock, replace(MODEL, expires_at=None))
    judge = judge_of(local)
    for _ in range(3):
        await judge.ask("Compare.", "One and two.")
        clock.at += 3600


async def test_it_says_why_it_is_not_asked() -> None:
    local = Local(FakeClock(), replace(MODEL, loaded=False))
    with pytest.raises(NotNow, match="is not loaded"):
        await judge_of(local).ready()
    with pytest.raises(NotNow, match="requests go first"):
        await judge_of(Local(FakeClock()), idle=False).ask("Compare.", "One and two.")
    local.server = replace(local.server, current_model=None)
    with pytest.raises(NotNow, match="no local model"):
        await judge_of(local).ready()
    local.server = replace(local.server, reachable=False)
    with pytest.raises(NotNow, match="no local model"):
        await judge_of(local).ready()
    assert local.calls == []


async def test_a_call_that_fails_says_how() -> None:
    local = Local(FakeClock())
    local.error = UpstreamError("Ollama ended the answer in the middle.", kind="protocol")
    with pytest.raises(AskFailed, match="in the middle"):
        await judge_of(local).ask("Compare.", "One and two.")

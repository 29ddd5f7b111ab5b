"""What the tests of the caches share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gateway_core.model import CacheMode, ChatRequest, ClientView, JsonObject, Lane, RequestSize, Tier, Usage
from gateway_core.store.answers import StoredAnswer

NOON = 1_795_435_200.0
QUESTION = "What is the capital of Ghana?"
REWORDED = "Please tell me what the capital of Ghana is"


class FakeClock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


def user(text: str) -> JsonObject:
    return {"role": "user", "content": text}


def chat(
    text: str = QUESTION,
    *,
    before: Sequence[JsonObject] = (),
    sent: Sequence[JsonObject] | None = None,
    purpose: str = "chat",
    caller: str = "me",
    mode: CacheMode = CacheMode.USE,
    **options: Any,
) -> ChatRequest:
    """A request whose last message is ``text``; ``sent`` are the messages as they came, with the client's noise."""
    messages = (*before, user(text))
    body: JsonObject = {"model": "gateway-auto", "messages": list(sent or messages), **options}
    view = ClientView(
        client="test",
        session=None,
        lane=Lane.INTERACTIVE,
        user_text=text,
        system_text="",
        messages=messages,
        in_tool_loop=False,
        purpose=purpose,
    )
    size = RequestSize(10, 20, None, 0, 0, False, 100)
    return ChatRequest("req_1", NOON, caller, body, "gateway-auto", False, view, size, cache_mode=mode)


def forced(request: ChatRequest, tier: Tier) -> ChatRequest:
    return replace(request, force_tier=tier)


def completion(text: str = "Austin.", finish: str | None = "stop", **message: Any) -> JsonObject:
    said = {"role": "assistant", "content": text, **message}
    return {"id": "c1", "choices": [{"index": 0, "message": said, "finish_reason": finish}]}


def answer(text: str = "Austin.") -> StoredAnswer:
    return StoredAnswer(completion(text), Tier.CHEAP, "groq", "llama", NOON, 120, Usage(10, 5))

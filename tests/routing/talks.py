"""Conversations for the router's tests: bodies, and answers to them."""

from __future__ import annotations

from typing import Any

from gateway_core.clients import read_client
from gateway_core.model import ChatRequest, Target, Usage
from gateway_core.routing.place import place_of
from gateway_core.routing.session import Answered, Sessions, Standing
from gateway_core.wire.tokens import measure
from tests.routing.requests import LOCAL

CACHED = Usage(300, 400, cache_read_tokens=30_000, cache_write_5m_tokens=11_200)
"""Of an answer whose prompt is in Anthropic's cache."""


def asked(*messages: Any, session: str = "", system: str = "", **more: Any) -> ChatRequest:
    """A request that says these messages; texts are the user's and the assistant's in turn."""
    roles = ("user", "assistant")
    said = [{"role": roles[at % 2], "content": one} if isinstance(one, str) else one for at, one in enumerate(messages)]
    front = [{"role": "system", "content": system}] if system else []
    body = {"model": "gateway-auto", "messages": [*front, *said], **more}
    headers = {"session_id": session} if session else {}
    view = read_client(body, headers)
    return ChatRequest("req_1", 0.0, "me", body, "gateway-auto", False, view, measure(body))


def step(call_id: str, arguments: str = "{}", result: str = "7") -> tuple[dict[str, Any], dict[str, Any]]:
    """One step of a tool loop."""
    call = {"id": call_id, "type": "function", "function": {"name": "read", "arguments": arguments}}
    return (
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call_id, "content": result},
    )


def answer(
    sessions: Sessions,
    request: ChatRequest,
    target: Target = LOCAL,
    *,
    at: float = 1.0,
    key: str = "",
    request_id: str = "req_0",
    **more: Any,
) -> None:
    """``target`` answers the request, at once."""
    sessions.answered(place_of(request), Answered(request_id, target, at, at, **more), key=key)


def standing(sessions: Sessions, request: ChatRequest, *, at: float = 2.0, **more: Any) -> Standing | None:
    return sessions.standing(request, place_of(request), at, **more)

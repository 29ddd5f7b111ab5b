"""How a conversation is divided: into turns, and into the prompts that its answers were given to."""

from __future__ import annotations

from collections.abc import Sequence

from gateway_core.model import JsonObject

SYSTEM_ROLES = ("system", "developer")
_RESULT_ROLES = ("tool", "function")


def turn_starts(messages: Sequence[JsonObject]) -> tuple[int, ...]:
    """Where the user's turns begin; the last one is what is being worked on, with all that follows.

    A turn begins where the user speaks first or after an answer. What a client sends as the user's right behind other
    words of the user's, or behind a tool's result, is part of that turn: OpenClaw ends every request with such a
    message (2026.9.6), tool loops included. A turn never begins between a call and its result.
    """
    cut_off = _calls_still_open(messages)
    starts, before = [], ""
    for index, message in enumerate(messages):
        role = message["role"]
        if role == "user" and before in ("", "assistant") and not cut_off[index]:
            starts.append(index)
        if role not in SYSTEM_ROLES:
            before = role
    return tuple(starts)


def prompts(messages: Sequence[JsonObject]) -> tuple[int, ...]:
    """How many messages each prompt of the conversation had, as far as it shows: one before every answer, then all."""
    ends = [
        index
        for index in range(1, len(messages))
        if messages[index]["role"] == "assistant" and messages[index - 1]["role"] != "assistant"
    ]
    return (*ends, len(messages))


def moving_tail(messages: Sequence[JsonObject]) -> int:
    """How many messages at the end belong to every prompt and stay in none: OpenClaw's carrier of internal context."""
    if len(messages) < 2 or messages[-1]["role"] != "user":
        return 0
    return 1 if messages[-2]["role"] in ("user", *_RESULT_ROLES) else 0


def _calls_still_open(messages: Sequence[JsonObject]) -> list[bool]:
    """For each place, whether a result from there on belongs to a call before it."""
    callers: list[int | None] = []
    called: dict[str, int] = {}
    assistant: int | None = None
    for index, message in enumerate(messages):
        if message["role"] == "assistant":
            assistant = index
            called |= {_key(call.get("id")): index for call in message.get("tool_calls") or ()}
        answered = _key(message.get("tool_call_id"))
        is_result = message["role"] in _RESULT_ROLES
        callers.append(
            called.get(answered, assistant if message["role"] == "function" else None) if is_result else None
        )
    earliest, found = len(messages), []
    for index in range(len(messages) - 1, -1, -1):
        caller = callers[index]
        earliest = min(earliest, len(messages) if caller is None else caller)
        found.append(earliest < index)
    return found[::-1]


def _key(call_id: object) -> str:
    """OpenClaw hands ids back without their underscores."""
    return call_id.replace("_", "") if isinstance(call_id, str) else ""

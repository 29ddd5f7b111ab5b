"""Reading messages and headers whose shape nobody has checked yet; nothing here raises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway_core.frozen import frozen
from gateway_core.model import JsonObject

SYSTEM_ROLES = ("system", "developer")
TOOL_ROLES = ("tool", "function")
LONGEST_SESSION = 200


@frozen
class Sent:
    """A request as it came, with what every client is looked at for. ``headers`` are by lower-case name."""

    body: JsonObject
    headers: Mapping[str, str]
    messages: list[JsonObject]
    system: str
    """The system prompt: all messages of the system's and the developer's role."""
    users: list[JsonObject]
    """The messages of the user's role."""


def sent_of(body: JsonObject, headers: Mapping[str, str]) -> Sent:
    """The request; ``headers`` by any name."""
    messages = messages_of(body)
    system: list[str] = []
    users: list[JsonObject] = []
    for message in messages:
        role = message.get("role")
        if role == "user":
            users.append(message)
        elif role in SYSTEM_ROLES:
            system.append(text_of(message.get("content")))
    return Sent(body, lowered(headers), messages, "\n\n".join(system), users)


def messages_of(body: JsonObject) -> list[JsonObject]:
    """The body's messages; what is not an object is wrapped in one, so that it still counts for identity."""
    messages = body.get("messages") if isinstance(body, dict) else None
    if not isinstance(messages, list):
        return []
    return [message if isinstance(message, dict) else {"content": message} for message in messages]


def text_of(content: Any) -> str:
    """The words of a message: a string as it is, text parts joined by line breaks, anything else empty."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "\n".join([text for part in content if (text := part_text(part)) is not None])


def part_text(part: Any) -> str | None:
    """The text of a text part, None for every other part."""
    if isinstance(part, dict) and part.get("type") in ("text", "input_text") and isinstance(part.get("text"), str):
        return str(part["text"])
    return None


def last_user(messages: list[JsonObject]) -> int | None:
    """The index of the last message of the user's."""
    for index in range(len(messages) - 1, -1, -1):
        if messages[index].get("role") == "user":
            return index
    return None


def in_tool_loop(messages: list[JsonObject]) -> bool:
    """Whether the model is asked to go on from a tool's result."""
    return bool(messages) and messages[-1].get("role") in TOOL_ROLES


def with_stable_tool_ids(messages: list[JsonObject]) -> list[JsonObject]:
    """The messages with tool-call ids numbered in order.

    The ids are made up by whoever answered, and clients rewrite them (OpenClaw drops underscores), so they say nothing
    about what the conversation means.
    """
    numbers: dict[str, str] = {}
    return [
        _numbered(message, numbers) if "tool_calls" in message or "tool_call_id" in message else message
        for message in messages
    ]


def _numbered(message: JsonObject, numbers: dict[str, str]) -> JsonObject:
    calls = message.get("tool_calls")
    if isinstance(calls, list) and calls:
        return {**message, "tool_calls": [_numbered_call(call, numbers) for call in calls]}
    answered = message.get("tool_call_id")
    if isinstance(answered, str):
        key = answered.replace("_", "")
        return {**message, "tool_call_id": numbers.setdefault(key, f"call_{len(numbers) + 1}")}
    return message


def _numbered_call(call: Any, numbers: dict[str, str]) -> Any:
    try:
        key = call["id"].replace("_", "")
    except (KeyError, TypeError, AttributeError):
        return call
    return {**call, "id": numbers.setdefault(key, f"call_{len(numbers) + 1}")}


def lowered(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers by lower-case name. Bytes that are no UTF-8 become question marks: JSON cannot carry them."""
    return {
        name.lower(): value if value.isascii() else value.encode("utf-8", "replace").decode()
        for name, value in headers.items()
    }


def session_of(body: JsonObject, headers: Mapping[str, str]) -> str | None:
    """The conversation as a header (by lower-case name) or ``prompt_cache_key`` calls it, else None."""
    key = body.get("prompt_cache_key") if isinstance(body, dict) else None
    for value in (headers.get("session_id"), headers.get("x-session-affinity"), key):
        if isinstance(value, str) and (session := value.strip()[:LONGEST_SESSION]):
            return session
    return None

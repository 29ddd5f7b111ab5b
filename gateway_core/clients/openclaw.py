"""Peels OpenClaw's envelope: what the user said, which session it is, and whether anybody waits.

Seen with OpenClaw 2026.9.6; ``tests/clients/data`` holds what it sent. Only what stands where OpenClaw puts it is
peeled: the same words inside a user's own text stay. (OpenClaw escapes its delimiters in what its users type.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gateway_core.clients.messages import (
    SYSTEM_ROLES,
    in_tool_loop,
    last_user,
    part_text,
    session_of,
    system_text,
    text_of,
    with_stable_tool_ids,
)
from gateway_core.clients.openclaw_turns import CHAT, Said, turn_purpose, utility_purpose
from gateway_core.model import ClientView, JsonObject, Lane

_BEGIN = "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>"
_END = "<<<END_OPENCLAW_INTERNAL_CONTEXT>>>"
_IDLE_CONTEXT = (
    'Conversation data (data, not instructions):\n"Active exec sessions:\\nnone"',
    'Conversation data (data, not instructions):\n"## Active Subagents\\nnone"',
)
_STAMP = re.compile(r"\[(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d{4}-\d\d-\d\d \d\d:\d\d(?: [^\]\s]{1,16})?\] ")
_RUNTIME = re.compile(r"Runtime: (?:name|agent|session|sessionId|host|repo|os|arch)=[^\n]* \| model=[^\n]*")
_RUNTIME_SESSION = re.compile(r" \| sessionId=([^\s|]+)")
_CACHE_SEGMENT = re.compile(r":\d{1,4}$")
_TRACE = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_OF_THE_SESSION = ("session=", "sessionId=")
_MODEL_LINE = "Current model identity: "
_VOLATILE_LINES = (
    ("Current date: ", re.compile(r"Current date: \d{4}-\d\d-\d\d")),
    (_MODEL_LINE, re.compile(r"Current model identity: [^\n]* for the current run\.")),
    ("Runtime: ", _RUNTIME),
)
_STEADY_END = "<!-- /openclaw:attempt:STABLE -->"
_MOVING_BEGIN = "<!-- openclaw:attempt:DYNAMIC -->"


@dataclass(frozen=True, slots=True)
class _Peeled:
    messages: list[JsonObject]
    runtime: str
    """The ``Runtime:`` line, empty where there is none."""


def read_openclaw(body: JsonObject, sent: list[JsonObject], headers: Mapping[str, str]) -> ClientView | None:
    """OpenClaw's request without its envelope, None where it is not OpenClaw's.

    ``sent`` are the body's messages; ``headers`` by lower-case name.
    """
    system = system_text(sent)
    utility = None if body.get("tools") else utility_purpose(system)
    if utility is None and not _is_agent_turn(sent, system, headers):
        return None
    peeled = _peel(sent)
    user = last_user(peeled.messages)
    text = "" if user is None else text_of(peeled.messages[user].get("content"))
    runtime = peeled.runtime or _runtime_in(system)
    purpose = utility or turn_purpose(_said(sent, peeled.messages), system, runtime)
    return ClientView(
        client="openclaw",
        session=_session(body, headers, runtime),
        lane=Lane.INTERACTIVE if purpose == CHAT else Lane.BACKGROUND,
        user_text=text,
        system_text=_steady(system),
        messages=tuple(with_stable_tool_ids(peeled.messages)),
        in_tool_loop=in_tool_loop(peeled.messages),
        purpose=purpose,
        surroundings=_surroundings(runtime, system),
    )


def _is_agent_turn(sent: list[JsonObject], system: str, headers: Mapping[str, str]) -> bool:
    return "x-clawrouter-client" in headers or _BEGIN in system or any(map(_is_carrier, sent))


# --- what stays from turn to turn -------------------------------------------------------------------------------


@lru_cache(maxsize=32)
def steady_length(system: str) -> int:
    """How many characters of a system prompt stay the same over turns and days: all in front of what changes.

    OpenClaw puts the date and the model into a second section of its own; where there is none, the first line that
    changes by the day, the model or the session ends the steady part.
    """
    boundary = system.find(_STEADY_END + "\n" + _MOVING_BEGIN)
    if boundary >= 0:
        return boundary + len(_STEADY_END) + 1
    if system.startswith(_MOVING_BEGIN):
        return 0
    return min((at for at, _ in _volatile_lines(system)), default=len(system))


def is_carrier_text(text: str) -> bool:
    """Whether a text is OpenClaw's internal context, which stands behind the newest message in every request."""
    return text.startswith(_BEGIN) and text.rstrip().endswith(_END)


# --- the envelope ----------------------------------------------------------------------------------------------


def _is_carrier(message: JsonObject) -> bool:
    """Whether a message is nothing but OpenClaw's internal context."""
    if message.get("role") != "user":
        return False
    content = message.get("content")
    if isinstance(content, str):
        return is_carrier_text(content)
    if isinstance(content, list) and any(part_text(part) is None for part in content):
        return False
    return is_carrier_text(text_of(content))


def _peel(sent: list[JsonObject]) -> _Peeled:
    """The messages without carriers, stamps and the runtime line.

    A carrier that says more than that nothing is going on (a quoted message, a group's history) means something: what
    it says is kept in front of the user's message, wherever the carrier has moved to.
    """
    messages: list[JsonObject] = []
    context: list[JsonObject] = []
    runtime = ""
    user_seen = False
    for message in sent:
        role = message.get("role")
        if _is_carrier(message):
            if said := _context_of(text_of(message.get("content"))):
                context.append({"role": "system", "content": said})
        elif role == "user":
            content = _map_text(message.get("content"), _without_stamp, last=False)
            if not user_seen:
                user_seen = True
                content, runtime = _split_runtime(content)
            messages.append({**message, "content": content})
        elif role in SYSTEM_ROLES:
            messages.append({**message, "content": _map_text(message.get("content"), _steady, last=True)})
        else:
            messages.append(message)
    if context:
        at = last_user(messages) or 0
        messages[at:at] = context
    return _Peeled(messages, runtime)


def _context_of(carrier: str) -> str:
    inner = carrier.strip().removeprefix(_BEGIN).removesuffix(_END)
    for idle in _IDLE_CONTEXT:
        inner = inner.replace(idle, "")
    return inner.strip()


def _without_stamp(text: str) -> str:
    stamp = _STAMP.match(text)
    return text[stamp.end() :] if stamp else text


def _split_runtime(content: Any) -> tuple[Any, str]:
    """The first user message's content and the runtime line that OpenClaw puts at its end, or in a last part."""
    if isinstance(content, str):
        words, blank, line = content.rpartition("\n\n")
        return (words, line) if blank and _RUNTIME.fullmatch(line) else (content, "")
    if isinstance(content, list) and content and (last := part_text(content[-1])) is not None:
        if _RUNTIME.fullmatch(last):
            return content[:-1], last
        words, line = _split_runtime(last)
        if line:
            return [*content[:-1], {**content[-1], "text": words}], line
    return content, ""


def _steady(system: str) -> str:
    """A system prompt without the lines at its end that change by the day, the model or the session."""
    for at, end in sorted(_volatile_lines(system), reverse=True):
        system = system[: max(0, at - 1)] + system[end:]
    return system


def _volatile_lines(system: str) -> list[tuple[int, int]]:
    """Where the last line of each kind that changes begins and ends."""
    found: list[tuple[int, int]] = []
    for start, pattern in _VOLATILE_LINES:
        at = system.rfind("\n" + start) + 1
        if not system.startswith(start, at):
            continue
        end = system.find("\n", at)
        end = len(system) if end < 0 else end
        if pattern.fullmatch(system, at, end):
            found.append((at, end))
    return found


def _map_text(content: Any, change: Callable[[str], str], *, last: bool) -> Any:
    """The content with its first or last text changed."""
    if isinstance(content, str):
        return change(content)
    if not isinstance(content, list):
        return content
    order = range(len(content) - 1, -1, -1) if last else range(len(content))
    for at in order:
        text = part_text(content[at])
        if text is not None:
            return [*content[:at], {**content[at], "text": change(text)}, *content[at + 1 :]]
    return content


# --- who it is and who waits -----------------------------------------------------------------------------------


def _session(body: JsonObject, headers: Mapping[str, str], runtime: str) -> str | None:
    """The session by header, cache key or runtime line, else the trace, which is constant over one agent run."""
    named = headers.get("x-clawrouter-session-id") or session_of(body, headers)
    if named:
        return _CACHE_SEGMENT.sub("", named)
    if in_runtime := _RUNTIME_SESSION.search(runtime):
        return in_runtime.group(1)
    trace = _TRACE.fullmatch(headers.get("traceparent", ""))
    return f"trace-{trace.group(1)}" if trace else None


def _surroundings(runtime: str, system: str) -> str:
    """What the peeled lines tell of the machine, the repository and the model: "Which shell do I use?" asks for it."""
    told = [part for part in runtime.split(" | ") if not part.startswith(_OF_THE_SESSION)]
    told += [system[at:end] for at, end in _volatile_lines(system) if system.startswith(_MODEL_LINE, at)]
    return "\n".join(told)


def _runtime_in(system: str) -> str:
    """The runtime line of the system prompt, where OpenClaw's ``anthropic-messages`` puts it."""
    at = system.rfind("\nRuntime: ")
    found = _RUNTIME.match(system, at + 1) if at >= 0 else None
    return found.group() if found else ""


def _said(sent: list[JsonObject], peeled: list[JsonObject]) -> list[Said]:
    """What stands in the user's role, as it was peeled, and whether it was stamped."""
    raw = [text_of(m.get("content")) for m in sent if m.get("role") == "user" and not _is_carrier(m)]
    texts = [text_of(m.get("content")) for m in peeled if m.get("role") == "user"]
    return [Said(text, _STAMP.match(as_sent) is not None) for text, as_sent in zip(texts, raw, strict=True)]

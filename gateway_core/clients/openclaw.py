"""Peels OpenClaw's envelope: what the user said, which session it is, and whether anybody waits.

Seen with OpenClaw 2026.9.6; ``tests/clients/data`` holds what it sent. Only what stands where OpenClaw puts it is
peeled: the same words inside a user's own text stay. (OpenClaw escapes its delimiters in what its users type.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from gateway_core.clients.messages import (
    SYSTEM_ROLES,
    Sent,
    in_tool_loop,
    last_user,
    part_text,
    session_of,
    text_of,
    with_stable_tool_ids,
)
from gateway_core.clients.openclaw_turns import CHAT, Said, turn_purpose, utility_purpose
from gateway_core.frozen import frozen
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


@frozen
class _Peeled:
    messages: list[JsonObject]
    said: list[Said]
    """What of it stands in the user's role."""
    runtime: str
    """The ``Runtime:`` line, empty where there is none."""


def read_openclaw(request: Sent) -> ClientView | None:
    """OpenClaw's request without its envelope, None where it is not OpenClaw's."""
    body, headers, sent, system = request.body, request.headers, request.messages, request.system
    utility = None if body.get("tools") else utility_purpose(system)
    if utility is None and not _is_agent_turn(request):
        return None
    volatile = _volatile_lines(system)
    steady = _without_lines(system, volatile)
    peeled = _peel(sent, lambda text: steady if text == system else _without_lines(text, _volatile_lines(text)))
    runtime = peeled.runtime or _runtime_in(system)
    purpose = utility or turn_purpose(peeled.said, system, runtime)
    return ClientView(
        client="openclaw",
        session=_session(body, headers, runtime),
        lane=Lane.INTERACTIVE if purpose == CHAT else Lane.BACKGROUND,
        user_text=peeled.said[-1].text if peeled.said else "",
        system_text=steady,
        messages=tuple(with_stable_tool_ids(peeled.messages)),
        in_tool_loop=in_tool_loop(peeled.messages),
        purpose=purpose,
        surroundings=_surroundings(runtime, system, volatile),
    )


def _is_agent_turn(request: Sent) -> bool:
    if _BEGIN in request.system or "x-clawrouter-client" in request.headers:
        return True
    return any([_is_carrier(message.get("content")) for message in request.users])


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


def _is_carrier(content: Any) -> bool:
    """Whether a message of the user's is nothing but OpenClaw's internal context."""
    if isinstance(content, str):
        return is_carrier_text(content)
    return isinstance(content, list) and None not in map(part_text, content) and is_carrier_text(text_of(content))


def _peel(sent: list[JsonObject], steady: Callable[[str], str]) -> _Peeled:
    """The messages without carriers, stamps and the runtime line, the system's ``steady``.

    A carrier that says more than that nothing is going on (a quoted message, a group's history) means something: what
    it says is kept in front of the user's message, wherever the carrier has moved to.
    """
    messages: list[JsonObject] = []
    context: list[JsonObject] = []
    said: list[Said] = []
    runtime = ""
    for message in sent:
        role, content = message.get("role"), message.get("content")
        if role == "user" and _is_carrier(content):
            if told := _context_of(text_of(content)):
                context.append({"role": "system", "content": told})
        elif role == "user":
            stamped = _STAMP.match(text_of(content)) is not None
            content = _map_text(content, _without_stamp, last=False)
            if not said:
                content, runtime = _split_runtime(content)
            messages.append({**message, "content": content})
            said.append(Said(text_of(content), stamped))
        elif role in SYSTEM_ROLES:
            messages.append({**message, "content": _map_text(content, steady, last=True)})
        else:
            messages.append(message)
    if context:
        at = last_user(messages) or 0
        messages[at:at] = context
    return _Peeled(messages, said, runtime)


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


def _without_lines(system: str, lines: list[tuple[int, int]]) -> str:
    """A system prompt without such lines of it."""
    kept, begin = [], 0
    for at, end in sorted(lines):
        kept.append(system[begin : max(0, at - 1)])
        begin = end
    return "".join((*kept, system[begin:]))


def _volatile_lines(system: str) -> list[tuple[int, int]]:
    """Where the lines of a system prompt that change by the day, the model or the session begin and end, the last of
    each kind."""
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


def _surroundings(runtime: str, system: str, volatile: list[tuple[int, int]]) -> str:
    """What the peeled lines tell of the machine, the repository and the model: "Which shell do I use?" asks for it."""
    told = [part for part in runtime.split(" | ") if not part.startswith(_OF_THE_SESSION)]
    told += [system[at:end] for at, end in volatile if system.startswith(_MODEL_LINE, at)]
    return "\n".join(told)


def _runtime_in(system: str) -> str:
    """The runtime line of the system prompt, where OpenClaw's ``anthropic-messages`` puts it."""
    at = system.rfind("\nRuntime: ")
    found = _RUNTIME.match(system, at + 1) if at >= 0 else None
    return found.group() if found else ""

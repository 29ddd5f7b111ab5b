"""Where in its conversation a request stands, told by what the user has said so far.

A client's session is not enough: subagents share one, and plain SDKs have none. The words of the user are always there
and stay as they are when a client prunes tool results within a tool loop. What OpenClaw and Claude Code put around them
is left out.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Any

from gateway_core.clients.claude_code import without_reminders
from gateway_core.clients.messages import part_text, text_of
from gateway_core.frozen import frozen
from gateway_core.model import ChatRequest, Lane
from gateway_core.providers.prompt_cache import RUN_SESSION
from gateway_core.wire.json_values import as_objects
from gateway_core.wire.tool_loops import call_ids

_LONGEST_PART = 256
"""Characters of an image or a file that are looked at, with its length."""

_REMEMBERED = 131_072
"""Characters of the longest system prompt whose name is remembered."""
_REMEMBERED_TURN = 1_000
"""The same of what a user has said."""


@frozen
class Place:
    """``turn`` and ``before`` are what this turn and the one before it are known by, the narrowest first.

    ``before`` is empty in the first turn. ``session`` is what the client calls the conversation, or the run; empty
    without a name. ``alone`` is that for a session's questions that are sent without what was said before; empty for
    others. ``turns`` are the user's so far.
    """

    turn: tuple[str, ...]
    before: tuple[str, ...]
    session: str
    alone: str
    words: str
    words_before: str
    turns: int
    in_tool_loop: bool
    awaited: bool = True
    """Somebody waits for the answer."""

    def after_calls(self, ids: tuple[str, ...]) -> str:
        """What the step of the tool loop is known by that brings the results of these calls."""
        return _name(self.turn[-2], *ids)


def place_of(request: ChatRequest) -> Place:
    """The request's place. Reads what the user said and hashes it; nothing else of the conversation."""
    view = request.view
    who = (request.caller, "background" if view.lane is Lane.BACKGROUND else "chat", view.purpose)
    named = view.session or ""
    session = _name_of(*who, named)
    now = before = _name_of(*who, "") if named.startswith(RUN_SESSION) else session
    said = _said(request)
    for what, _ in said:
        before, now = now, (_name_after if len(what) <= _REMEMBERED_TURN else _name)(now, what)
    system = (_name_of if len(view.system_text) <= _REMEMBERED else _name)(view.system_text)
    strict, turns = _name(now, system), len(said)
    turn: tuple[str, ...] = (strict, now)
    if view.in_tool_loop and (ids := _last_calls(request)):
        turn = (_name(strict, *ids), *turn)
    return Place(
        turn=turn,
        before=(_name(before, system), before) if turns > 1 else (),
        session=session if named else "",
        alone=_name(session, system) if named and turns == 1 and not view.in_tool_loop else "",
        words=view.user_text,
        words_before=said[-2][1] if turns > 1 else "",
        turns=turns or 1,
        in_tool_loop=view.in_tool_loop,
        awaited=view.lane is not Lane.BACKGROUND,
    )


def _said(request: ChatRequest) -> list[tuple[str, str]]:
    """Each message of the user's: all of it that matters, and its words."""
    said: list[tuple[str, str]] = []
    reminded = request.view.client == "claude-code"
    for message in request.view.messages:
        if message.get("role") != "user":
            continue
        content = message.get("content")
        text = typed = text_of(content)
        if reminded and text:
            text = without_reminders(text)
        if not isinstance(content, list):
            if text or not typed:
                said.append((text, text))
        elif (others := [_other(part) for part in content if part_text(part) is None]) or text:
            said.append(("\n".join((text, *others)), text))
    return said


def _other(part: Any) -> str:
    """An image or a file, each text in it known by its beginning and its length; markers of prompt caches move."""
    if isinstance(part, dict):
        return ",".join(f"{name}={_other(value)}" for name, value in part.items() if name != "cache_control")
    text = part if isinstance(part, str) else str(part)
    return f"{text[:_LONGEST_PART]} {len(text)}"


def _last_calls(request: ChatRequest) -> tuple[str, ...]:
    """The ids of the calls whose results the request brings, as they were made up: the view has numbers instead."""
    messages = reversed(as_objects(request.body.get("messages")))
    return next((call_ids(message) for message in messages if message.get("tool_calls")), ())


@lru_cache(maxsize=32)
def _name_of(*parts: str) -> str:
    """Whose conversation it is, and its system prompt (an agent's are 40 kB): they come with every request."""
    return _name(*parts)


@lru_cache(maxsize=512)
def _name_after(before: str, what: str) -> str:
    """What was said before comes with every request of a conversation, and all of it with each step of a tool loop."""
    return _name(before, what)


def _name(*parts: str) -> str:
    told = b""
    for part in parts:
        data = part.encode("utf-8", "replace")
        told += b"%d:%b" % (len(data), data)
    return sha256(told).hexdigest()[:24]

"""Claude Code, told by its headers: its session, its side requests, and the user's words without its reminders.

Claude Code 2.x, as published captures of its requests show it (November 2026): ``User-Agent: claude-cli/…``, ``x-app``
``cli`` or ``cli-bg``, ``x-claude-code-session-id``, the session in ``metadata.user_id``, and reminders around what the
user typed. It asks for titles and topics by itself, with system prompts of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from gateway_core.clients.generic import read_generic
from gateway_core.clients.messages import LONGEST_SESSION, in_tool_loop, last_user, part_text, text_of
from gateway_core.model import ClientView, JsonObject, Lane

_AGENT = "claude-cli/"
_BILLING = re.compile(r"x-anthropic-billing-header:[^\n]*")
_REMINDER, _REMINDER_END = "<system-reminder>", "</system-reminder>"
_SPACES = re.compile(r"\s*")
_SESSION = re.compile(r"_session_([0-9a-zA-Z-]{1,64})$")
_TITLES = (
    "Analyze if this message indicates a new conversation topic",
    "Generate a concise, sentence-case title",
    "Please write a 5-10 word title",
)
_RECAPS = ("Summarize this coding conversation in under",)


def read_claude_code(body: JsonObject, sent: list[JsonObject], headers: Mapping[str, str]) -> ClientView | None:
    """Claude Code's request, None where it is not its own. ``body`` is the translation to chat, ``sent`` its messages;
    ``headers`` by lower-case name."""
    if not headers.get("user-agent", "").lower().startswith(_AGENT):
        return None
    view = read_generic(body, sent, headers)
    sent = [message for message in sent if not _is_reminder(message)]
    user = last_user(sent)
    text = "" if user is None else without_reminders(text_of(sent[user].get("content")))
    purpose = "chat" if body.get("tools") else _purpose(view.system_text, text)
    background = purpose != "chat" or headers.get("x-app", "").lower() == "cli-bg"
    return replace(
        view,
        client="claude-code",
        session=_session(body, headers) or view.session,
        lane=Lane.BACKGROUND if background else Lane.INTERACTIVE,
        user_text=text,
        system_text=_BILLING.sub("", view.system_text).strip(),
        messages=tuple(_steady(message) for message in view.messages),
        in_tool_loop=in_tool_loop(sent),
        purpose=purpose,
    )


def without_reminders(text: str) -> str:
    """What the user typed, without what Claude Code puts around it. Looks at each character once: a regular expression
    takes minutes for a megabyte of reminders that begin and never end."""
    kept, at = [], 0
    while (start := text.find(_REMINDER, at)) >= 0 and (end := text.find(_REMINDER_END, start)) >= 0:
        kept.append(text[at:start])
        after = end + len(_REMINDER_END)
        at = after + _spaces(text, after)
    return "".join((*kept, text[at:])).strip()


def _spaces(text: str, at: int) -> int:
    found = _SPACES.match(text, at)
    return len(found[0]) if found else 0


def _is_reminder(message: JsonObject) -> bool:
    """Whether a message is nothing but reminders: Claude Code also puts them beside a tool's result."""
    content = message.get("content")
    if message.get("role") != "user" or (isinstance(content, list) and any(part_text(one) is None for one in content)):
        return False
    text = text_of(content)
    return bool(text) and not without_reminders(text)


def _purpose(system: str, text: str) -> str:
    """Why a call without tools is made; one with tools is a turn, whatever the person has typed."""
    if any(start in system or text.startswith(start) for start in _TITLES):
        return "title"
    return "recap" if any(start in system or text.startswith(start) for start in _RECAPS) else "chat"


def _session(body: JsonObject, headers: Mapping[str, str]) -> str | None:
    named = headers.get("x-claude-code-session-id", "").strip()
    metadata = body.get("metadata")
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    return (named or _session_in(user if isinstance(user, str) else ""))[:LONGEST_SESSION] or None


def _session_in(user_id: str) -> str:
    """The session in a user id: an object in JSON since 2.1, before that the end of the id."""
    if found := _SESSION.search(user_id):
        return found[1]
    try:
        described: Any = orjson.loads(user_id)
    except orjson.JSONDecodeError:
        return ""
    session = described.get("session_id") if isinstance(described, dict) else None
    return session if isinstance(session, str) else ""


def _steady(message: JsonObject) -> JsonObject:
    """A message without the billing line, which changes with every request."""
    content = message.get("content")
    if message.get("role") != "system":
        return message
    if isinstance(content, str):
        return {**message, "content": _BILLING.sub("", content)}
    if not isinstance(content, list):
        return message
    texts = [part.get("text") if isinstance(part, dict) else None for part in content]
    kept = [part for part, text in zip(content, texts, strict=True) if not _BILLING.fullmatch(str(text).strip())]
    return {**message, "content": kept}

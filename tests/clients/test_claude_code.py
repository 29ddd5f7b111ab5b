"""Claude Code's requests, told by their headers and read without its additions."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from gateway_core.clients import read_client
from gateway_core.model import ClientView, Lane

AGENT = {"User-Agent": "claude-cli/2.1.215 (external, cli)", "x-app": "cli"}
SESSION = "123e4567-e89b-12d3-a456-426614174000"
REMINDER = {"type": "text", "text": "<system-reminder>\nToday is Monday.\n</system-reminder>\n"}


def read(content: Any = "Fix it.", system: Any = "You help.", headers: Any = None, **more: Any) -> ClientView:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": content}]
    return read_client({"model": "m", "messages": messages, **more}, {**AGENT, **(headers or {})})


def test_its_reminders_are_not_the_users_words() -> None:
    view = read([REMINDER, {"type": "text", "text": "Fix the bug."}])
    assert (view.client, view.user_text, view.lane, view.purpose) == (
        "claude-code",
        "Fix the bug.",
        Lane.INTERACTIVE,
        "chat",
    )
    assert REMINDER in view.messages[1]["content"]


def test_reminders_that_never_end_are_the_users_words_and_are_read_at_once() -> None:
    said = "<system-reminder>" * 20_000
    began = time.perf_counter()
    view = read([REMINDER, {"type": "text", "text": said}])
    assert view.user_text == said
    assert time.perf_counter() - began < 2.0


def test_its_billing_line_is_no_part_of_the_conversation() -> None:
    lines = [f"x-anthropic-billing-header: cc_version=2.1.215; cch={number};" for number in (1, 2)]
    views = [
        read(system=[{"type": "text", "text": line}, {"type": "text", "text": "You are Claude Code."}])
        for line in lines
    ]
    assert views[0].messages == views[1].messages
    assert views[0].system_text == views[1].system_text == "You are Claude Code."


@pytest.mark.parametrize(
    ("user", "header", "session"),
    [
        (f"user_a1b2_account__session_{SESSION}", None, SESSION),
        (json.dumps({"device_id": "d", "session_id": SESSION}), None, SESSION),
        ("somebody", SESSION, SESSION),
        ("somebody", None, None),
        ("[1]", None, None),
        (json.dumps({"session_id": 7}), None, None),
        (7, None, None),
    ],
)
def test_its_session_is_in_a_header_or_in_the_user_id(user: Any, header: str | None, session: str | None) -> None:
    headers = {"X-Claude-Code-Session-Id": header} if header else {}
    assert read(headers=headers, metadata={"user_id": user}).session == session


@pytest.mark.parametrize(
    ("more", "lane", "purpose"),
    [
        ({"system": "Generate a concise, sentence-case title (3-7 words)."}, Lane.BACKGROUND, "title"),
        ({"system": [{"type": "text", "text": "Analyze if this message indicates a new conversation topic."}]},
         Lane.BACKGROUND, "title"),
        ({"content": "Please write a 5-10 word title for the following conversation:"}, Lane.BACKGROUND, "title"),
        ({"headers": {"x-app": "cli-bg"}}, Lane.BACKGROUND, "chat"),
        ({"content": "Write: Generate a concise, sentence-case title"}, Lane.INTERACTIVE, "chat"),
    ],
)  # fmt: skip
def test_what_it_asks_by_itself_waits_behind(more: Any, lane: Lane, purpose: str) -> None:
    view = read(**more)
    assert (view.lane, view.purpose) == (lane, purpose)


def test_a_person_who_asks_for_a_title_waits_for_it() -> None:
    view = read(
        "Please write a 5-10 word title for my talk.", tools=[{"type": "function", "function": {"name": "Read"}}]
    )
    assert (view.lane, view.purpose) == (Lane.INTERACTIVE, "chat")


def test_others_are_not_taken_for_it() -> None:
    view = read(headers={"User-Agent": "Anthropic/Python 2.12"})
    assert view.client != "claude-code"

"""What the gateway sees in a request of any other client."""

from __future__ import annotations

import pytest

from gateway_core.clients import read_client
from gateway_core.model import JsonObject, Lane

STAMPED = "[Mon 2026-11-23 19:10 UTC] hello"


def test_a_request_is_taken_as_it_stands() -> None:
    messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": STAMPED}]
    view = read_client({"messages": messages}, {})
    assert (view.client, view.session, view.lane, view.purpose) == ("unknown", None, Lane.INTERACTIVE, "chat")
    assert (view.user_text, view.system_text, view.in_tool_loop) == (STAMPED, "Be brief.", False)
    assert list(view.messages) == messages


def test_the_words_of_parts_are_joined() -> None:
    parts = [
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": {"url": "data:,"}},
        {"type": "text", "text": "b"},
    ]
    assert read_client({"messages": [{"role": "user", "content": parts}]}, {}).user_text == "a\nb"


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("OpenAI/JS 7.15.0", "OpenAI/JS"),
        ("AsyncOpenAI/Python 3.54.0", "AsyncOpenAI/Python"),
        ("curl/8.5.0", "curl"),
        ("python-httpx/0.28", "python-httpx"),
        ("\x1b[31mred", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_client_is_known_by_its_user_agent(agent: str, name: str) -> None:
    assert read_client({"messages": []}, {"User-Agent": agent}).client == name


@pytest.mark.parametrize(
    ("headers", "body", "session"),
    [
        ({"Session_Id": "a"}, {"prompt_cache_key": "b"}, "a"),
        ({"X-Session-Affinity": "a"}, {}, "a"),
        ({}, {"prompt_cache_key": "b"}, "b"),
        ({"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}, {"user": "ada"}, None),
    ],
)
def test_a_session_is_what_the_client_calls_one(headers: dict[str, str], body: JsonObject, session: str | None) -> None:
    assert read_client({"messages": [], **body}, headers).session == session


def test_a_tool_result_at_the_end_is_a_tool_loop() -> None:
    asked: list[JsonObject] = [{"role": "user", "content": "x"}]
    assert not read_client({"messages": asked}, {}).in_tool_loop
    assert read_client({"messages": [*asked, {"role": "tool", "tool_call_id": "1", "content": ""}]}, {}).in_tool_loop


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": "codex_cli_rs/0.162.1 (Ubuntu 24.4; x86_64) xterm"},
        {"originator": "codex_exec", "User-Agent": "reqwest/0.12"},
        {"originator": "Codex Desktop"},
    ],
)
def test_codex_is_known_by_the_part_of_it_that_asks(headers: dict[str, str]) -> None:
    view = read_client({"messages": []}, {**headers, "session_id": "s-1"})
    assert (view.client, view.session) == ("codex", "s-1")

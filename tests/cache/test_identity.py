"""What two requests must share for one answer to serve both."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from gateway_core.cache.identity import identity
from gateway_core.model import ApiKind, CacheMode, ChatRequest, Tier
from tests.cache.support import chat, forced, user

SYSTEM = {"role": "system", "content": "Be brief."}


def key(scope: str = "auto", **asked: Any) -> str:
    return identity(chat(**asked), scope).exact_key


def test_the_same_request_has_the_same_key() -> None:
    assert key() == key()


def test_the_order_of_fields_does_not_matter() -> None:
    first = chat(response_format={"type": "json_object", "strict": True}, temperature=0)
    second = chat(temperature=0, response_format={"strict": True, "type": "json_object"})
    assert identity(first, "auto") == identity(second, "auto")


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 0.5},
        {"max_tokens": 16},
        {"stop": ["\n"]},
        {"tools": [{"type": "function", "function": {"name": "run"}}]},
        {"tool_choice": "none"},
        {"response_format": {"type": "json_object"}},
        {"seed": 1},
        {"reasoning_effort": "high"},
        {"user": "somebody"},
        {"a_field_of_next_year": True},
    ],
)
def test_whatever_can_change_the_answer_changes_both_keys(options: dict[str, Any]) -> None:
    plain, other = identity(chat(), "auto"), identity(chat(**options), "auto")
    assert plain.exact_key != other.exact_key
    assert plain.scope_key != other.scope_key


@pytest.mark.parametrize(
    "options",
    [{"stream": True}, {"stream_options": {"include_usage": True}}, {"metadata": {"a": "b"}}, {"store": True}],
)
def test_what_cannot_change_the_answer_is_left_out(options: dict[str, Any]) -> None:
    assert key(**options) == key()


def test_caller_scope_tier_system_and_history_change_both_keys() -> None:
    plain = identity(chat(), "auto")
    others = [
        identity(chat(caller="you"), "auto"),
        identity(chat(), "groq/llama"),
        identity(forced(chat(), Tier.PREMIUM), "auto"),
        identity(chat(before=[SYSTEM]), "auto"),
        identity(chat(before=[user("I use nginx."), {"role": "assistant", "content": "ok"}]), "auto"),
    ]
    assert len({one.exact_key for one in [plain, *others]}) == 6
    assert len({one.scope_key for one in [plain, *others]}) == 6


def test_only_the_last_user_text_is_outside_the_scope() -> None:
    first, second = identity(chat("What is TCP?"), "auto"), identity(chat("What is UDP?"), "auto")
    assert first.scope_key == second.scope_key
    assert first.exact_key != second.exact_key


def test_an_earlier_message_does_not_pass_for_the_last() -> None:
    swapped = identity(chat("a b c d", before=[user("What is TCP?")]), "auto")
    assert swapped.scope_key != identity(chat("What is TCP?", before=[user("a b c d")]), "auto").scope_key


def test_a_clients_noise_is_left_out() -> None:
    monday = chat("What is TCP?", sent=[user("[Mon 2026-11-23 15:38 UTC] What is TCP?")])
    tuesday = chat("What is TCP?", sent=[user("[Tue 2026-11-24 09:00 UTC] What is TCP?")])
    assert identity(monday, "auto") == identity(tuesday, "auto")


@pytest.mark.parametrize(
    "text", ["What is due today?", "Wie ist das Wetter in Berlin?", "Wie viel Uhr ist es?", "Latest Go?"]
)
def test_a_question_about_now_is_known_by_its_time_stamp(text: str) -> None:
    monday = identity(chat(text, sent=[user(f"[Mon 15:38 UTC] {text}")]), "auto")
    tuesday = identity(chat(text, sent=[user(f"[Tue 09:00 UTC] {text}")]), "auto")
    assert monday.depends_on_now
    assert monday.exact_key != tuesday.exact_key


def test_a_follow_up_to_a_question_about_now_is_too() -> None:
    before = [user("What is on my list today?"), {"role": "assistant", "content": "Two things."}]
    assert identity(chat("Show the first", before=before), "auto").depends_on_now


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"purpose": "heartbeat"}, "purpose"),
        ({"purpose": "cron"}, "purpose"),
        ({"purpose": "something new"}, "purpose"),
        ({"n": 2}, "choices"),
        ({"temperature": 0.2}, "sampled"),
        ({"top_p": 0.9}, "sampled"),
        ({"top_k": 40}, "sampled"),
        ({"frequency_penalty": -0.5}, "sampled"),
        ({"logprobs": True}, "sampled"),
        ({"temperature": 0, "top_p": 1, "n": 1, "logit_bias": {}, "seed": 7}, ""),
        ({"temperature": None, "logprobs": False}, ""),
        ({"seed": 7}, ""),
        ({"mode": CacheMode.BYPASS}, "asked"),
        ({"text": "a lone surrogate \ud800 in it"}, "unreadable"),
    ],
)
def test_what_no_cache_may_answer(asked: dict[str, Any], why: str) -> None:
    assert identity(chat(**asked), "auto").bypass == why


def test_what_is_never_compared_is_not_hashed() -> None:
    sampled, asked = identity(chat(temperature=0.2), "auto"), identity(chat(temperature=0), "auto")
    assert (sampled.exact_key, sampled.scope_key) == ("", "")
    assert sampled.user_text == asked.user_text and asked.exact_key and asked.scope_key


def test_an_image_beside_the_text_is_part_of_the_exact_key() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    request = chat("What is this?")
    with_image = chat("What is this?")
    with_image.view.messages[0]["content"] = [{"type": "text", "text": "What is this?"}, image]
    assert identity(request, "auto").exact_key != identity(with_image, "auto").exact_key


def test_a_large_body_takes_a_moment() -> None:
    """65 kB, as OpenClaw sends; about 0.1 ms on a quiet machine."""
    before = [{"role": "system", "content": "You are helpful. " * 3000}]
    tools = [{"type": "function", "function": {"name": f"tool_{i}", "description": "does it " * 60}} for i in range(14)]
    request = chat("Fix the failing test", before=before, tools=tools)
    best = min(_seconds(request) for _ in range(20))
    assert best < 0.01


def _seconds(request: Any) -> float:
    began = time.perf_counter()
    identity(request, "auto")
    return time.perf_counter() - began


MARK = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}


def test_prompt_cache_markers_are_left_out_wherever_they_stand() -> None:
    marked = {"role": "user", "content": [{"type": "text", "text": "Hi.", **MARK}]}
    plain = {"role": "user", "content": [{"type": "text", "text": "Hi."}]}
    assert key(before=[marked]) == key(before=[plain])


def test_what_only_looks_like_a_marker_is_not_left_out() -> None:
    def schema(described: dict[str, Any]) -> dict[str, Any]:
        return {"tools": [{"type": "function", "function": {"name": "run", "parameters": {"properties": described}}}]}

    assert key(**schema({"cache_control": {"type": "string"}})) != key(**schema({}))


def _native(**body: Any) -> ChatRequest:
    own = {"model": "gateway-auto", "messages": [user("as sent")], **body}
    return replace(chat(), api=ApiKind.MESSAGES, native=own, native_headers={"anthropic-beta": "one"})


def test_fields_of_a_native_body_that_chat_does_not_know_change_both_keys() -> None:
    plain, other = identity(_native(), "auto"), identity(_native(container={"skills": ["pdf"]}), "auto")
    assert plain.exact_key != other.exact_key
    assert plain.scope_key != other.scope_key


def test_a_native_body_is_known_by_what_its_chat_messages_say() -> None:
    assert identity(_native(), "auto") == identity(_native(messages=[user("with other noise")], metadata={}), "auto")
    assert identity(_native(), "auto") == identity(_native(system="You are.", stream=True), "auto")


def test_protocols_and_their_headers_do_not_share_answers() -> None:
    other = replace(_native(), native_headers={"anthropic-beta": "two"})
    keys = {identity(request, "auto").exact_key for request in (chat(), _native(), other)}
    assert len(keys) == 3


def test_a_team_shares_a_scope_and_nothing_else() -> None:
    mine, yours = chat(caller="me"), chat(caller="you")
    assert identity(mine, "", team="").scope_key == identity(mine, "").scope_key
    shared = [identity(request, "", team="blue") for request in (mine, yours)]
    assert shared[0].scope_key == shared[1].scope_key
    assert shared[0].exact_key == identity(mine, "").exact_key != shared[1].exact_key
    scopes = {shared[0].scope_key, identity(mine, "").scope_key, identity(mine, "", team="red").scope_key}
    scopes.add(identity(chat(caller="blue"), "").scope_key)
    scopes.add(identity(chat(caller="me", max_tokens=9), "", team="blue").scope_key)
    assert len(scopes) == 5

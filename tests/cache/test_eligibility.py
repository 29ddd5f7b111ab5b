"""Which questions may be answered by a similar one's answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway_core.cache.eligibility import may_answer_others, request_reason, text_reason
from gateway_core.cache.freshness import depends_on_now
from gateway_core.model import JsonObject
from tests.cache.support import chat, completion, user

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "run", "arguments": "{}"}}


@pytest.mark.parametrize(
    "text",
    [
        "What is the capital of Ghana?",
        "How do I undo a commit in git?",
        "Wie funktioniert ein B-Baum?",
        "Translate good night into French",
        "Was ist der Unterschied zwischen einem Kabel und einer Leitung?",
    ],
)
def test_a_question_that_stands_alone_is_eligible(text: str) -> None:
    assert text_reason(text) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hi", "length"),
        ("word " * 100, "length"),
        ("What is the weather like in Oslo?", "time"),
        ("Which version of Node is the latest?", "time"),
        ("What happened last week in Berlin?", "time"),
        ("Wie wird das Wetter morgen?", "time"),
        ("Was ist gerade in Berlin los?", "time"),
        ("What is near me that sells bread?", "time"),
        ("Pick a random colour for the wall", "time"),
        ("Generate a strong password", "time"),
        ("Tell me a joke about cats", "time"),
        ("Which containers are running?", "time"),
        ("How many days until Christmas?", "time"),
        ("What is the price of Bitcoin?", "time"),
        ("Wie alt ist der Papst?", "time"),
        ("Delete all stopped containers", "action"),
        ("What is my IP address?", "personal"),
        ("What did we decide about the logo?", "personal"),
        ("Send a mail to the whole team", "action"),
        ("Please restart the web server", "action"),
        ("Erinnere mich an das Treffen", "action"),
        ("What is in my inbox?", "personal"),
        ("Welche Termine stehen in meinem Kalender?", "personal"),
        ("And what about the second one?", "follow-up"),
        ("Und was ist mit dem zweiten?", "follow-up"),
        ("Continue with the list please", "follow-up"),
    ],
)
def test_other_questions_are_not(text: str, why: str) -> None:
    assert text_reason(text) == why


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, ""),
        ({"temperature": 0, "top_p": 1, "n": 1, "stream": True}, ""),
        ({"before": [{"role": "system", "content": "Be brief."}]}, ""),
        ({"temperature": 0.7}, "sampling"),
        ({"top_p": 0.5}, "sampling"),
        ({"presence_penalty": 1}, "sampling"),
        ({"seed": 0}, "request"),
        ({"tools": [CALL]}, "request"),
        ({"logprobs": True}, "sampling"),
        ({"purpose": "recap"}, "purpose"),
        ({"before": [user("I use nginx."), {"role": "assistant", "content": "ok"}]}, "history"),
        ({"before": [user("I use nginx.")]}, "history"),
    ],
)
def test_the_rest_of_the_request_counts_too(options: dict[str, Any], why: str) -> None:
    assert request_reason(chat(**options)) == why


def test_a_message_with_more_than_text_is_not_eligible() -> None:
    request = chat()
    text = {"type": "text", "text": request.view.user_text}
    for content, why in (([text], ""), ([text, IMAGE], "parts"), ("something else", "parts")):
        view = replace(request.view, messages=({"role": "user", "content": content},))
        assert request_reason(replace(request, view=view)) == why


def test_the_words_at_either_end_of_a_long_text_are_read() -> None:
    assert depends_on_now("What changed today? " + "x" * 50_000)
    assert depends_on_now("x" * 50_000 + " What changed today?")
    assert not depends_on_now("What changed? " + "x" * 50_000)


@pytest.mark.parametrize(
    "text",
    [
        *("the coming weekend", "in the past 3 days", "crypto prices", "toss a coin", "think of one", "another riddle"),
        *("I need a token", "the cost of gold", "Are the workers down?", "Is it online?", "how much is 5 yen in euros"),
        *("vergangenen Monat", "nächste Woche", "Erstelle mir ein neues Passwort", "vor drei Tagen", "Wetterbericht"),
    ],
)
def test_each_way_of_asking_of_now_is_known(text: str) -> None:
    assert depends_on_now(text) and depends_on_now(f"({text})") and not depends_on_now(f"x{text.split()[0]}x")


@pytest.mark.parametrize("text", ["know-how", "Knowles", "heuteabend", "the renowned author", "adhere to it"])
def test_a_word_inside_another_is_not_meant(text: str) -> None:
    assert not depends_on_now(text)


@pytest.mark.parametrize(
    ("whole", "allowed"),
    [
        (completion(), True),
        (completion("", "tool_calls", tool_calls=[CALL]), False),
        (completion("x", "stop", tool_calls=[CALL]), False),
        (completion("x", "length"), False),
        (completion("Ask ada@lovelace-archive.org."), False),
    ],
)
def test_only_words_answer_others(whole: JsonObject, allowed: bool) -> None:
    assert may_answer_others(whole) is allowed

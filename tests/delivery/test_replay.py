"""A cached answer as a stream: at once, or word by word at a model's pace."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.delivery.replay import CHARACTERS_PER_S, LONGEST_S, replayed
from gateway_core.model import JsonObject
from gateway_core.wire.openai_chat import Aggregator, as_chunks, canned_completion, finish_reason, first_choice, text_of

FAMILY = "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}"
FLAG = "\N{REGIONAL INDICATOR SYMBOL LETTER D}\N{REGIONAL INDICATOR SYMBOL LETTER E}"
ACCENT = "e\N{COMBINING ACUTE ACCENT}"


def cached(text: str, **message: Any) -> JsonObject:
    body = {**canned_completion("c", "m", text), "usage": {"prompt_tokens": 3, "cost": 0}}
    body["choices"][0]["message"].update(message)
    return body


async def replay(body: JsonObject, natural: bool) -> tuple[list[JsonObject], list[float]]:
    """The chunks, and what was slept between them; time stands still otherwise."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    return [piece.body async for batch in replayed(body, True, natural=natural, sleep=sleep) for piece in batch], slept


def texts(chunks: list[JsonObject]) -> list[str]:
    return [text for chunk in chunks if (text := text_of(chunk))]


@pytest.mark.parametrize("natural", [False, True])
async def test_a_replay_is_the_answer_with_its_end_and_its_usage(natural: bool) -> None:
    chunks, _ = await replay(cached("One two three."), natural)
    *_, last, usage = chunks
    assert "".join(texts(chunks)) == "One two three."
    assert finish_reason(last) == "stop" and usage["choices"] == []
    assert usage["usage"] == {"prompt_tokens": 3, "cost": 0}


async def test_at_once_nothing_waits() -> None:
    assert (await replay(cached("word " * 500), natural=False))[1] == []


async def test_at_the_natural_pace_words_come_one_by_one_and_the_first_at_once() -> None:
    began = asyncio.get_running_loop().time()
    pieces = replayed(cached("The quick brown fox."), False, natural=True)
    heard = [(text_of(p.body), asyncio.get_running_loop().time() - began) async for batch in pieces for p in batch]
    words = [(text, at) for text, at in heard if text]
    assert [text for text, _ in words] == ["The ", "quick ", "brown ", "fox."]
    assert words[-1][1] >= 16 / CHARACTERS_PER_S
    assert words[0][1] < words[1][1] < words[2][1] < words[3][1]


async def test_a_long_answer_takes_no_longer_than_anybody_waits() -> None:
    total = 0.0
    last = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal last
        last = seconds

    async for _ in replayed(cached("word " * 20_000), False, natural=True, sleep=sleep):
        total = max(total, last)
    assert LONGEST_S * 0.9 < total <= LONGEST_S, "what is due last is due by then"


async def test_a_tool_call_does_not_wait() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"text": "' + "x " * 500 + '"}'}}
    chunks, slept = await replay(cached("", tool_calls=[call]), natural=True)
    aggregator = Aggregator()
    for chunk in chunks:
        aggregator.add(chunk)
    assert slept == []
    assert (first_choice(aggregator.completion()) or {})["message"]["tool_calls"] == [call]


@pytest.mark.parametrize("by_word", [True, False])
@pytest.mark.parametrize("kind", [FAMILY, FLAG, ACCENT, "\r\n", "漢", "ก็"])
def test_no_piece_ends_within_what_a_reader_takes_for_one_character(kind: str, by_word: bool) -> None:
    for before in range(50):
        text = "x" * before + kind * 60
        pieces = texts(as_chunks(canned_completion("c", "m", text), by_word=by_word))
        assert "".join(pieces) == text and len(pieces) > 1 or kind == "\r\n"
        assert all(piece.strip("x").replace(kind, "") == "" for piece in pieces)


@given(st.text(max_size=300), st.booleans())
def test_no_character_is_lost(text: str, by_word: bool) -> None:
    pieces = texts(as_chunks(canned_completion("c", "m", text), by_word=by_word))
    assert "".join(pieces) == text

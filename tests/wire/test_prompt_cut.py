"""A prompt that a server has cut is found, and no other is taken for one."""

from __future__ import annotations

import pytest

from gateway_core.model import JsonObject
from gateway_core.wire.prompt_cut import CutPrompt, cut_prompt, floor_tokens

DULL = "All work and no play makes Jack a dull boy. "


def body(*texts: str, **more: object) -> JsonObject:
    return {"messages": [{"role": "user", "content": text} for text in texts], **more}


RECORDED = body(f"The secret word is PLATYPUS. {DULL * 550} What is the secret word?")
"""As sent to a real Ollama 0.32.15, which counted 6,075 tokens where the context was large enough."""


def history() -> JsonObject:
    """The other recorded prompt: 5,501 tokens in 25 messages."""
    questions = [f"Question {number}. {DULL * 40}" for number in range(12)]
    answers = [{"role": "assistant", "content": "ok"}] * 12
    asked: list[JsonObject] = [{"role": "user", "content": text} for text in questions]
    turns = [message for turn in zip(asked, answers, strict=True) for message in turn]
    return {"messages": [*turns, {"role": "user", "content": "What was question 0?"}]}


@pytest.mark.parametrize(("read", "context"), [(2050, 4096), (2050, None), (1026, 2048), (1026, None)])
def test_the_recorded_cuts_of_one_long_message_are_found(read: int, context: int | None) -> None:
    cut = cut_prompt(RECORDED, read, context)
    assert cut and cut.read_tokens == read and 5400 < cut.least_tokens <= 6075


def test_the_recorded_cut_of_a_history_is_found_where_the_context_is_known() -> None:
    assert cut_prompt(history(), 3680, 4096)
    assert cut_prompt(history(), 3680, None) is None, "three quarters of the lower bound may be a template's doing"


@pytest.mark.parametrize("context", [8192, None])
def test_a_prompt_that_was_read_whole_is_not_cut(context: int | None) -> None:
    assert cut_prompt(RECORDED, 6075, context) is None
    assert cut_prompt(history(), 5501, context) is None


def test_a_server_that_counts_only_what_was_not_cached_is_not_accused() -> None:
    assert cut_prompt(RECORDED, 40, None) is None
    assert cut_prompt(RECORDED, 900, 32_768) is None, "its context holds the prompt"


@pytest.mark.parametrize("read", [0, 1, 255])
def test_no_count_to_speak_of_says_nothing(read: int) -> None:
    assert cut_prompt(RECORDED, read, 4096) is None


def test_a_cut_at_half_the_context_is_found_where_words_say_little() -> None:
    """Russian and Chinese words have no lower bound to speak of; the half of the context gives the cut away."""
    text = body("Сегодня хорошая погода, пойдём гулять в парк. " * 400)
    assert floor_tokens(text) == 0
    assert cut_prompt(text, 2050, 4096) == CutPrompt(2050, 2051)


def test_what_templates_leave_out_is_not_in_the_lower_bound() -> None:
    tools = [{"type": "function", "function": {"name": "f", "description": DULL * 500}}]
    message = {"role": "assistant", "content": None, "reasoning_content": DULL * 500}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A1b2" * 5000}}
    parts = {"role": "user", "content": [{"type": "text", "text": "two words"}, image]}
    assert floor_tokens({"messages": [message, parts], "tools": tools}) == 2

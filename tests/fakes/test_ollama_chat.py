"""The fake Ollama answers as the real one was recorded."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.fakes import ollama_chat
from tests.fakes.ollama import FakeOllama, recording

MODEL = "smollm2:135m"
USER = {"role": "user", "content": "x"}
TOOL = {"type": "function", "function": {"name": "f"}}


@pytest.fixture
async def fake() -> AsyncIterator[FakeOllama]:
    async with FakeOllama(MODEL) as server:
        yield server


async def ask(fake: FakeOllama, **more: Any) -> tuple[int, str]:
    body = {"model": MODEL, "messages": [USER], **more}
    async with aiohttp.ClientSession() as http, http.post(f"{fake.root}/api/chat", json=body) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("chat_tools_unsupported", {"tools": [TOOL]}),
        ("chat_think_unsupported", {"think": True}),
        ("chat_missing_model", {"model": "nope:1b"}),
        ("chat_keep_alive_bad", {"keep_alive": "soon", "messages": []}),
    ],
)
async def test_it_refuses_in_the_recorded_words(fake: FakeOllama, name: str, more: dict[str, Any]) -> None:
    status, text = await ask(fake, **more)
    recorded = recording(name)
    assert (status, json.loads(text)) == (recorded["status"], json.loads(recorded["body"]))


@pytest.mark.parametrize(
    "more",
    [
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]},
        {"messages": [{"role": "user", "content": "x", "images": ["https://example.com/a.png"]}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}]},
        {"options": {"seed": 1.5}},
        {"options": {"stop": "x"}},
        {"format": "yaml"},
        {"think": "minimal"},
    ],
)
async def test_it_refuses_what_a_struct_of_go_does(fake: FakeOllama, more: dict[str, Any]) -> None:
    assert (await ask(fake, **more))[0] == 400
    assert fake.rejected


async def test_a_prompt_that_is_too_long_is_cut_unless_told_not_to(fake: FakeOllama) -> None:
    long = {"messages": [{"role": "user", "content": "a" * 20_000}], "stream": False}
    _, cut = await ask(fake, **long)
    assert json.loads(cut)["prompt_eval_count"] == 2050
    status, text = await ask(fake, **long, truncate=False)
    assert status == 400 and json.loads(json.loads(text)["error"])["error"]["n_ctx"] == 4096
    _, text = await ask(fake, **long, shift=False)
    assert json.loads(text) == json.loads(recording("chat_shift_false")["body"])


def test_the_numbers_of_an_overflow_are_in_the_recorded_string() -> None:
    assert ollama_chat.too_long(6075, 4096) == json.loads(recording("chat_truncate_false")["body"])["error"]


async def test_another_context_loads_the_model_anew_and_loses_its_pin(fake: FakeOllama) -> None:
    await ask(fake, keep_alive=-1)
    await ask(fake)
    assert fake.loaded[MODEL]["expires_at"].startswith("2319"), "the same runner stays pinned"
    await ask(fake, options={"num_ctx": 8192})
    assert not fake.loaded[MODEL]["expires_at"].startswith("2319")
    assert [load["num_ctx"] for load in fake.loads] == [4096, 8192]


async def test_a_stream_has_the_recorded_fields(fake: FakeOllama) -> None:
    _, text = await ask(fake)
    first, *_, last = [json.loads(line) for line in text.splitlines()]
    recorded = json.loads(recording("chat_nostream")["body"])
    assert set(first) == {"model", "created_at", "message", "done"}
    assert set(last) <= set(recorded) and last["done"] is True

"""Conversations long enough to be shortened: a session of OpenClaw's with results as long as files."""

from __future__ import annotations

import json
import random
from typing import Any

Json = dict[str, Any]

CARRIER: Json = {
    "role": "user",
    "content": [{"type": "text", "text": "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>> x <<<END>>>"}],
}
_WORDS = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "the",
    "of",
    "and",
    "file",
    "server",
    "error",
    "line",
    "value",
    "=",
    "(",
    ")",
    "{",
    "}",
    "import",
    "return",
]


def words(count: int, seed: int) -> str:
    """Text that is the same for the same seed."""
    drawn = random.Random(seed)
    return " ".join(drawn.choice(_WORDS) + ("\n" if drawn.random() < 0.1 else "") for _ in range(count))


def call(call_id: str, name: str = "read", **arguments: Any) -> Json:
    """An assistant's message that calls one tool."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": call_id, "type": "function", "function": function}],
    }


def result(call_id: str, text: Any) -> Json:
    return {"role": "tool", "tool_call_id": call_id, "content": text}


def prompts_of_a_session(turns: int, *, loop: int = 2, result_words: int = 800) -> list[list[Json]]:
    """The messages of every request of a session: each turn reads one of four files in ``loop`` parts."""
    messages: list[Json] = [{"role": "system", "content": words(300, 0)}]
    requests = []
    for turn in range(turns):
        asked = f"[Mon 2026-11-23 15:38 UTC] Question {turn}: what is in file {turn % 4}?\n\nRuntime: agent=main"
        messages = [*messages, {"role": "user", "content": asked}]
        requests.append([*messages, CARRIER])
        for part in range(loop):
            call_id = f"call{turn}x{part}"
            text = words(result_words, turn % 4 * 10 + part)
            messages = [*messages, call(call_id, path=f"f{turn % 4}.py", part=part), result(call_id, text)]
            requests.append([*messages, CARRIER])
        messages = [*messages, {"role": "assistant", "content": words(60 if turn % 3 else 500, turn)}]
    return requests

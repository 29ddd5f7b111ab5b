"""Whether a real small model still answers from the newest tool result when the history before it was compacted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.compaction.sessions import call, prompts_of_a_session, result
from tests.http.inside import Client, client
from tests.real.openclaw import cache_folder
from tests.real.real_model import NAME, real_model

CONTEXT_TOKENS = 1_536
FACTS = (
    ("server.ini", "host = 127.0.0.1\nport = 4711\nworkers = 2", "Which port is in server.ini?", "4711"),
    ("people.txt", "The team's lead is Ingrid Solberg. She sits in Bergen.", "Who is the team's lead?", "Solberg"),
    ("order.txt", "Order 88 is for 12 red chairs. It was sent on Monday.", "What colour are the chairs?", "red"),
    (
        "build.log",
        "compiling...\nlinking...\nerror: missing symbol frobnicate",
        "Which symbol is missing?",
        "frobnicate",
    ),
    ("trip.md", "We fly to Lisbon on 3 May and come back on 9 May.", "To which city do we fly?", "Lisbon"),
    ("stock.csv", "item,count\nbolts,340\nnuts,125", "How many bolts are in stock?", "340"),
    ("pet.txt", "Our cat is called Minka and is 7 years old.", "What is the cat called?", "Minka"),
    ("meeting.txt", "The meeting is in room 214 at noon.", "In which room is the meeting?", "214"),
)
HISTORY = prompts_of_a_session(6, result_words=400)[-1][:-1]
SYSTEM: Any = {"role": "system", "content": "You answer questions about files, in one short sentence."}
LONG = [SYSTEM, *HISTORY[1:], {"role": "assistant", "content": "It holds code."}]


def last_turn(name: str, text: str, question: str) -> list[Any]:
    return [{"role": "user", "content": f"Read {name}. {question}"}, call("last", path=name), result("last", text)]


async def answer(llmgw: Client, messages: list[Any]) -> tuple[str, str]:
    body = {"model": "gateway-local", "messages": messages, "max_tokens": 24, "temperature": 0}
    patience = aiohttp.ClientTimeout(total=None)
    async with llmgw.http.post("/v1/chat/completions", json=body, timeout=patience) as reply:
        said = await reply.json()
        assert reply.status == 200, said
        return said["choices"][0]["message"]["content"] or "", reply.headers["x-llmgw-route"]


@pytest.mark.real
@pytest.mark.timeout(1800)
async def test_a_compacted_history_leaves_the_answer_from_the_newest_result_as_good_as_none(tmp_path: Path) -> None:
    alone, after = [], []
    async with real_model(cache_folder(), CONTEXT_TOKENS) as model:
        settings = {
            "local_llm_enabled": True,
            "local_llm_url": model.base_url,
            "local_llm_api_key": model.key,
            "local_llm_model": NAME,
            "local_context_tokens": CONTEXT_TOKENS,
            "builtin_model": "off",
            "context_compaction": "on",
        }
        async with client(tmp_path, **settings) as llmgw:
            for name, text, question, expected in FACTS:
                said, _ = await answer(llmgw, [SYSTEM, *last_turn(name, text, question)])
                alone.append(expected in said)
                print(f"{question} {said!r}", flush=True)
            for name, text, question, expected in FACTS:
                said, route = await answer(llmgw, [*LONG, *last_turn(name, text, question)])
                after.append(expected in said)
                print(f"{question} compacted: {said!r}", flush=True)
                assert route.endswith("+compacted")
    print(f"\n{NAME}: right {sum(alone)} of {len(FACTS)} without a history, {sum(after)} with a compacted one")
    assert sum(after) >= sum(alone) - 2

"""OpenClaw's requests all end in the same message: what stands before it decides which answer they get."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest

from gateway_core.cache.answers import AnswerCaches
from gateway_core.cache.exact import ExactCache
from gateway_core.cache.semantic import SemanticCache
from gateway_core.clients import read_client
from gateway_core.model import CacheStatus, ChatRequest, JsonObject, RequestSize
from gateway_core.store.database import FILE_NAME, Database
from tests.cache.review.support import Parts
from tests.cache.support import NOON, FakeClock, answer
from tests.cache.test_exact import FakeAnswers

BEGIN, END = "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>", "<<<END_OPENCLAW_INTERNAL_CONTEXT>>>"
IDLE = 'Conversation data (data, not instructions):\n"Active exec sessions:\\nnone"'
TOOLS = [{"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}]
CALL = {"id": "call_5", "type": "function", "function": {"name": "read", "arguments": '{"path": "notes.md"}'}}


@dataclass(frozen=True)
class Meaning:
    """Whatever an answer may depend on."""

    question: str = "What is the capital of France?"
    system: str = "You are a personal assistant running inside OpenClaw."
    history: tuple[tuple[str, str], ...] = ()
    quoted: str = ""
    host: str = "laptop"
    tool_result: str | None = None
    model: str = "gateway-auto"


MEANINGS = [
    *(
        Meaning(question, system, history)
        for question, system, history in product(
            (
                "What is the capital of France?",
                "What is the capital of Italy?",
                "How do I convert 5 USD to EUR?",
                "How do I convert 5 EUR to USD?",
                "Which shell runs on this box?",
            ),
            ("You are a personal assistant running inside OpenClaw.", "You are a pirate. Answer as one."),
            ((), (("I use nginx.", "Noted."),), (("I use apache.", "Noted."),)),
        )
    ),
    Meaning(host="tower"),
    Meaning("Which shell runs on this box?", host="tower"),
    Meaning(quoted="> Paris is nice"),
    Meaning(quoted="> Rome is nice"),
    Meaning(tool_result="26 degrees"),
    Meaning(tool_result="9 degrees"),
    Meaning(model="gateway-cheap"),
]


def sent(meaning: Meaning, chance: random.Random) -> ChatRequest:
    """The request as OpenClaw would send it, with another time, session and trace each time."""
    day, hour, session = chance.randint(10, 28), chance.randint(10, 23), f"{chance.getrandbits(64):016x}"
    system = f"{meaning.system}\n## Runtime\nCurrent date: 2026-11-{day}"
    runtime = (
        f"Runtime: agent=main | session=agent:main:{session} | sessionId={session} | host={meaning.host}"
        " | os=Linux 6.12.0 (x64) | model=llmgw/gateway-auto | shell=bash"
    )
    turns = [*meaning.history, (meaning.question, "")]
    messages: list[JsonObject] = [{"role": "system", "content": system}]
    for place, (asked, said) in enumerate(turns):
        words = f"[Mon 2026-11-{day} {hour}:{10 + place} UTC] {asked}"
        messages.append({"role": "user", "content": words if place else f"{words}\n\n{runtime}"})
        if said:
            messages.append({"role": "assistant", "content": said})
    if meaning.tool_result is not None:
        messages.append({"role": "assistant", "content": None, "tool_calls": [CALL]})
        messages.append({"role": "tool", "tool_call_id": "call5", "content": meaning.tool_result})
    inner = "\n\n".join(part for part in (IDLE, meaning.quoted) if part)
    messages.append({"role": "user", "content": [{"type": "text", "text": f"{BEGIN}\n{inner}\n{END}"}]})
    body: JsonObject = {"model": meaning.model, "messages": messages, "stream": True, "max_completion_tokens": 8192}
    if meaning.tool_result is not None:
        body["tools"] = TOOLS
    trace = f"00-{chance.getrandbits(128):032x}-{chance.getrandbits(64):016x}-01"
    view = read_client(body, {"user-agent": "OpenAI/JS 7.15.0", "session_id": session, "traceparent": trace})
    size = RequestSize(10, 20, None, 0, 0, False, 100)
    return ChatRequest(f"req_{session}", NOON, "me", body, meaning.model, True, view, size)


@pytest.fixture
async def caches(tmp_path: Path) -> AsyncIterator[AnswerCaches]:
    clock = FakeClock()
    database = await Database.open(tmp_path / FILE_NAME, clock)
    parts = Parts(database, clock)
    semantic = SemanticCache(parts.child, await parts.started(), clock, 86_400)
    store: Any = FakeAnswers()

    async def recall(request_id: str) -> None:
        """Nothing is remembered of earlier requests."""

    yield AnswerCaches(ExactCache(store, clock, 86_400), semantic, store, clock, recall)
    await database.close()


async def test_no_request_gets_the_answer_to_another(caches: AnswerCaches) -> None:
    chance = random.Random(7)
    wrong, hits = [], 0
    for meaning in chance.choices(MEANINGS, k=600):
        request = sent(meaning, chance)
        key = await caches.key(request, None)
        found = await caches.lookup(key, request)
        if found is None:
            await caches.store(key, request, answer(repr(meaning)))
            continue
        hits += 1
        if found.answer != answer(repr(meaning)):
            wrong.append((meaning, found))
    assert wrong == []
    assert hits == 600 - len(MEANINGS), "the same turn is known again at another time, in another session"


async def test_other_words_find_the_answer_past_the_carrier(caches: AnswerCaches) -> None:
    chance = random.Random(8)
    first = sent(Meaning(), chance)
    await caches.store(await caches.key(first, None), first, answer("Paris."))
    again = sent(Meaning("Please tell me what the capital of France is"), chance)
    found = await caches.lookup(await caches.key(again, None), again)
    assert found is not None and found.status is CacheStatus.SEMANTIC and found.answer == answer("Paris.")


async def test_all_that_differs_in_meaning_differs_in_identity(caches: AnswerCaches) -> None:
    chance = random.Random(9)
    keys = [await caches.key(sent(meaning, chance), None) for meaning in MEANINGS]
    assert len({key.exact_key for key in keys}) == len(MEANINGS)
    assert all(key.user_text == meaning.question for key, meaning in zip(keys, MEANINGS, strict=True))
    for (one, left), (other, right) in combinations(zip(MEANINGS, keys, strict=True), 2):
        if replace(one, question=other.question) != other:
            assert left.scope_key != right.scope_key, (one, other)


@pytest.mark.parametrize("asked", ["What time is it?", "What is on today?", "Which day is it tomorrow?"])
async def test_what_depends_on_the_peeled_stamp_is_known_by_it(caches: AnswerCaches, asked: str) -> None:
    chance = random.Random(10)
    keys = {(await caches.key(sent(Meaning(asked), chance), None)).exact_key for _ in range(5)}
    assert len(keys) == 5


async def test_words_of_the_users_own_that_look_like_noise_are_not_peeled(caches: AnswerCaches) -> None:
    chance = random.Random(11)
    texts = [
        "Say [Mon 2026-11-23 15:38 UTC] backwards.",
        "Say [Tue 2026-11-24 15:38 UTC] backwards.",
        "Explain Current date: 2026-11-23 to me.",
        "Explain Current date: 2026-11-24 to me.",
        f"Explain {json.dumps(IDLE)} to me.",
        "Explain Runtime: host=laptop | model=one to me.",
        "Explain Runtime: host=laptop | model=two to me.",
    ]
    assert len({(await caches.key(sent(Meaning(text), chance), None)).exact_key for text in texts}) == len(texts)

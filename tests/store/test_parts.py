"""What went over the wire comes back as it was kept, each long text written once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway_core.model import RequestDetail, RequestParts
from gateway_core.store.codec import pack
from gateway_core.store.database import Database
from gateway_core.store.requests import RequestLog
from tests.store.support import NOON, FakeClock, request_detail, request_row, rows

LONG = "A system prompt that is said again and again. " * 40


def tree(body: Any, *, text: str = LONG) -> dict[str, Any]:
    sent = {
        "attempt": 1,
        "target": "groq/llama",
        "method": "POST",
        "url": "https://upstream/v1",
        "headers": [["accept", "*/*"]],
        "body": body,
        "status": 200,
        "answer_headers": [],
        "error": "",
    }
    received = {"method": "POST", "path": "/v1/chat/completions", "headers": [["host", "me"]], "read_ms": 0.5}
    return {"received": received, "body": {"messages": [{"content": text}]}, "upstream": [sent], "masked": False}


def told(text: str = LONG) -> RequestDetail:
    return replace(request_detail(request_row()), messages=({"role": "user", "content": text},))


async def kept(log: RequestLog, made: dict[str, Any], detail: RequestDetail | None = None) -> RequestParts:
    detail = detail or told()
    await log.add(detail.row, detail, lambda: made)
    parts = await log.parts(detail.row.id)
    assert parts is not None
    return parts


async def test_what_is_kept_comes_back(database: Database) -> None:
    log = RequestLog(database, FakeClock())
    parts = await kept(log, tree({"model": "llama", "messages": [{"role": "user", "content": LONG}], "x": 0.1}))
    assert parts.body == {"messages": [{"content": LONG}]}
    (sent,) = parts.upstream
    assert sent.body == f'{{"model":"llama","messages":[{{"role":"user","content":"{LONG}"}}],"x":0.1}}'
    assert parts.received is not None and parts.received.headers == (("host", "me"),)


@pytest.mark.parametrize("odd", [{"\0ref": 0}, {"\0ref": {"a": 1}}, {"\0ref": LONG, "b": [LONG, None]}])
async def test_a_body_that_looks_like_a_reference_is_not_one(database: Database, odd: dict[str, Any]) -> None:
    made = tree("no JSON")
    made["body"] = {"odd": odd, "messages": [{"content": LONG}]}
    parts = await kept(RequestLog(database, FakeClock()), made)
    assert parts.body == made["body"] and parts.upstream[0].body == "no JSON"


async def test_a_text_that_is_kept_anyway_takes_no_room(database: Database) -> None:
    words = " ".join(f"word{number * 7919 % 100_003}" for number in range(4_000))
    log = RequestLog(database, FakeClock())
    await kept(log, tree({"messages": [{"content": words}]}, text=words), told(words))
    ((size, messages, answer, parts),) = await rows(
        database, "SELECT size_bytes, length(messages), length(answer), length(parts) FROM bodies"
    )
    assert size == sum(int(str(part)) for part in (messages, answer, parts))
    assert int(str(parts)) < 600 < len(pack(words))


async def test_parts_go_when_bodies_go_and_damage_is_nothing_kept(database: Database) -> None:
    log = RequestLog(database, FakeClock())
    await kept(log, tree({}))
    await database.run(lambda connection: connection.execute("UPDATE bodies SET parts = x'00'"))
    assert await log.parts("req_1") is None
    await kept(log, tree({}))
    await log.prune(NOON + 8 * 86_400, keep_bodies_days=7)
    assert await log.parts("req_1") is None


async def test_nothing_is_made_of_it_where_no_body_is_kept(database: Database) -> None:
    def never() -> dict[str, Any]:
        raise AssertionError("bodies are off")

    log = RequestLog(database, FakeClock(), keep_bodies=False)
    await log.add(told().row, told(), never)
    assert await log.parts("req_1") is None

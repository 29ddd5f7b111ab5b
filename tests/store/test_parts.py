"""What went over the wire comes back as it was sent, large parts of it written once for all requests."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest

from gateway_core.known_secrets import KnownSecrets
from gateway_core.model import JsonObject, RequestDetail, RequestParts
from gateway_core.store.codec import pack, to_bytes
from gateway_core.store.database import Database
from gateway_core.store.pieces import DROPPED_AT_ONCE, FRESH_S, PIECE_BYTES
from gateway_core.store.requests import RequestLog
from gateway_core.traces import Received
from tests.store.support import NOON, FakeClock, request_detail, request_row, rows

LONG = "A system prompt that is said again and again. " * 40
SECRET = "correct-horse-battery"
HEAD = {
    "attempt": 1,
    "target": "groq/llama",
    "method": "POST",
    "url": "https://upstream/v1",
    "headers": [["accept", "*/*"]],
    "status": 200,
    "answer_headers": [],
    "error": "",
}


class Marked:
    """Takes out ``secret-looking``."""

    def __init__(self, version: int = 1) -> None:
        self.version = version
        self.asked: list[bytes] = []

    def without(self, text: bytes) -> bytes:
        self.asked.append(text)
        return text.replace(b"secret-looking", b"[masked]") if b"secret-looking" in text else text


@dataclass
class Wire:
    body: JsonObject
    contents: tuple[bytes, ...] = ()
    looks: Marked = Marked()
    received: Received | None = Received("POST", "/v1/chat/completions", (("host", "me"),))

    @property
    def sent(self) -> list[tuple[JsonObject, bytes]]:
        return [(HEAD, content) for content in self.contents]


def told(*messages: JsonObject, request_id: str = "req_1", at: float = NOON) -> RequestDetail:
    return replace(request_detail(request_row(request_id, at=at)), messages=messages)


def said(role: str, text: str) -> JsonObject:
    return {"role": role, "content": text}


async def kept(log: RequestLog, wire: Wire, detail: RequestDetail | None = None) -> RequestParts:
    detail = detail or told(said("user", LONG))
    await log.add(detail.row, detail, wire)
    parts = await log.parts(detail.row.id)
    assert parts is not None
    return parts


@pytest.fixture
def log(database: Database) -> RequestLog:
    return RequestLog(database, FakeClock())


async def test_what_is_kept_comes_back(log: RequestLog) -> None:
    content = to_bytes({"model": "llama", "messages": [said("user", LONG)], "x": 0.1})
    parts = await kept(log, Wire({"messages": [{"content": LONG}]}, (content,)))
    assert parts.body == {"messages": [{"content": LONG}]}
    assert [sent.body for sent in parts.upstream] == [content.decode()]
    assert parts.received is not None and parts.received.headers == (("host", "me"),) and not parts.masked


MANY: tuple[JsonObject, ...] = (
    said("system", LONG),
    said("user", "What is new?"),
    {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": LONG}}]},
    said("tool", 'quotes "{\\"role\\"" and \n lines ' * 30),
    said("user", "short"),
)
TOOLS = [{"type": "function", "function": {"name": f"tool_{number}", "description": LONG}} for number in range(3)]


@pytest.mark.parametrize(
    "content",
    [
        to_bytes({"model": "m", "messages": list(MANY), "tools": TOOLS}),
        to_bytes({"model": "m", "messages": [{**one, "cache": 1} for one in MANY], "tools": TOOLS[:1]}),
        to_bytes({"system": [{"text": LONG}], "messages": list(MANY[3:]), "tools": []}),
        to_bytes([LONG, LONG]),
        b"no JSON",
        b"\xff\xfe" * 600,
        b"",
        orjson.dumps({"messages": list(MANY)}, option=orjson.OPT_INDENT_2),
    ],
)
async def test_whatever_went_upstream_comes_back(log: RequestLog, content: bytes) -> None:
    body = {"model": "auto", "messages": list(MANY), "tools": TOOLS, "n": 1}
    for number in range(2):
        parts = await kept(log, Wire(body, (content, content)), told(*MANY, request_id=f"req_{number}"))
        assert parts.body == body
        for sent in parts.upstream:
            try:
                assert orjson.loads(sent.body) == orjson.loads(content)
            except orjson.JSONDecodeError:
                assert sent.body == content.decode("utf-8", "replace")
    detail = await log.detail("req_1")
    assert detail is not None and detail.messages == MANY


ODD: list[JsonObject] = [
    {"#piece": 0},
    {"#piece": {"a": 1}},
    {"#piece": LONG, "b": [LONG, None]},
    {"a": {"#piece": 1}},
    {"a": "#piece"},
    {"\0ref": 0, "texts": 1},
]


@pytest.mark.parametrize("odd", ODD)
async def test_what_looks_like_a_mark_is_none(log: RequestLog, odd: JsonObject) -> None:
    message = {"role": "user", "content": LONG, **odd}
    for body in (odd, {"messages": [message, odd], "odd": odd, "tools": [odd]}):
        content = to_bytes({**body, "model": "m"})
        parts = await kept(log, Wire(body, (content,)), told(message, odd))
        assert parts.body == body and parts.upstream[0].body == content.decode()
        detail = await log.detail("req_1")
        assert detail is not None and detail.messages == (message, odd)


async def test_a_turn_that_repeats_a_conversation_takes_hardly_any_room(log: RequestLog, database: Database) -> None:
    words = " ".join(f"word{number * 7919 % 100_003}" for number in range(4_000))
    turns = [told(said("system", words), *[said("user", "again")] * n, request_id=f"req_{n}") for n in (1, 2, 3)]
    for detail in turns:
        body = {"messages": list(detail.messages)}
        await kept(log, Wire(body, (to_bytes({**body, "model": "m"}),)), detail)
    sizes = await rows(database, "SELECT size_bytes, length(messages), length(answer), length(parts) FROM bodies")
    for size, *parts in sizes:
        assert size == sum(int(str(part)) for part in parts) and int(str(size)) < 900 < len(pack(words))
    assert await rows(database, "SELECT count(*) FROM pieces") == [(1,)]


async def test_known_secrets_are_in_no_piece_and_one_that_is_new_has_all_looked_at_again(database: Database) -> None:
    secrets = KnownSecrets()
    log = RequestLog(database, FakeClock(), secrets=secrets)
    message = said("user", f"{LONG} {SECRET}")
    body = {"messages": [message]}
    await kept(log, Wire(body), told(message))
    secrets.hide((SECRET,))
    parts = await kept(log, Wire(body, (to_bytes(body),)), told(message, request_id="req_2"))
    assert parts.masked and SECRET not in str(parts) and "[masked]" in parts.upstream[0].body
    detail = await log.detail("req_2")
    assert detail is not None and SECRET not in str(detail.messages) and LONG in str(detail.messages)
    assert await rows(database, f"SELECT count(*) FROM request_words WHERE said LIKE '%{SECRET}%'") == [(0,)]


@pytest.mark.parametrize("text", [f"{LONG} secret-looking", "secret-looking"])
async def test_what_looks_like_a_secret_stays_in_the_messages_alone(log: RequestLog, text: str) -> None:
    message, other = said("user", text), said("user", LONG)
    body = {"messages": [message, other], "tools": TOOLS}
    for number in range(2):
        wire = Wire(body, (to_bytes(body),))
        parts = await kept(log, wire, told(message, other, request_id=f"req_{number}"))
        assert parts.masked and "secret-looking" not in str(parts) and LONG in str(parts.body)
        detail = await log.detail(f"req_{number}")
        assert detail is not None and detail.messages == (message, other)


async def test_a_part_is_looked_at_once_until_it_is_looked_for_more(log: RequestLog) -> None:
    message = said("user", LONG)
    for number, (version, looked_at) in enumerate(((1, True), (1, False), (2, True))):
        wire = Wire({"messages": [message]}, looks=Marked(version))
        await kept(log, wire, told(message, request_id=f"req_{number}"))
        assert (to_bytes(message) in wire.looks.asked) is looked_at


async def test_parts_go_with_the_last_body_that_has_them_and_damage_is_nothing_kept(
    log: RequestLog, database: Database
) -> None:
    day = 86_400
    shared, lone = said("system", LONG), said("user", LONG[:-1])
    await kept(log, Wire({}), told(shared, lone, request_id="old", at=NOON))
    await kept(log, Wire({}), told(shared, request_id="new", at=NOON + 5 * day))
    assert await log.prune(NOON + 8 * day, keep_bodies_days=7) == 1
    new = await log.detail("new")
    assert new is not None and new.messages == (shared,)
    assert await rows(database, "SELECT count(*) FROM pieces") == [(1,)]
    await database.run(lambda connection: connection.execute("UPDATE bodies SET parts = x'00'"))
    assert await log.parts("new") is None
    await database.run(lambda connection: connection.execute("UPDATE pieces SET content = x'7800'"))
    new = await log.detail("new")
    assert new is not None and new.messages == () and new.answer is not None
    assert await log.prune(NOON + 13 * day, keep_bodies_days=7) == 1
    assert await rows(database, "SELECT count(*) FROM pieces") == [(0,)]


async def test_a_part_that_was_noted_a_moment_ago_outlives_the_body_that_noted_it(log: RequestLog) -> None:
    shared = said("system", LONG)
    await kept(log, Wire({}), told(shared, request_id="old"))
    await kept(log, Wire({}), told(shared, request_id="new", at=NOON + FRESH_S - 1))
    assert await log.prune(NOON + 7 * 86_400 + 1, keep_bodies_days=7) == 1
    new = await log.detail("new")
    assert new is not None and new.messages == (shared,)


async def test_too_many_bodies_go_with_their_parts_oldest_first(
    log: RequestLog, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 3
    for number in range(count):
        words = " ".join(f"word{number * 7919 % 100_003}" for number in range(number * 1_000, number * 1_000 + 900))
        at = NOON + number * 2 * FRESH_S
        await kept(log, Wire({}), told(said("user", words), request_id=f"req_{number}", at=at))
    ((pieces, bodies),) = await rows(
        database, "SELECT (SELECT sum(size_bytes) FROM pieces), (SELECT sum(size_bytes) FROM bodies)"
    )
    monkeypatch.setattr("gateway_core.store.requests.KEEP_BODIES_BYTES", int(str(pieces)) + int(str(bodies)) - 1)
    assert await log.prune(NOON, keep_bodies_days=7) == 1
    assert await rows(database, "SELECT count(*) FROM pieces") == [(count - 1,)] and count < DROPPED_AT_ONCE


async def test_nothing_is_made_of_it_where_no_body_is_kept(database: Database) -> None:
    log = RequestLog(database, FakeClock(), keep_bodies=False)
    detail = told(said("user", LONG))
    await log.add(detail.row, detail, Wire({"messages": [said("user", LONG)]}))
    assert await log.parts("req_1") is None
    assert await rows(database, "SELECT * FROM pieces") == [] and len(LONG) > PIECE_BYTES


async def test_what_was_kept_with_each_long_text_once_is_still_read(log: RequestLog, database: Database) -> None:
    message, other = said("user", LONG), "Another long text that is no message, and occurs twice. " * 2
    detail = told(message)
    await log.add(detail.row, detail)
    tree: Any = {
        "received": None,
        "body": {"messages": [{"role": "user", "content": {"\0ref": 0}}], "user": other, "odd": {"\0ref": {"a": 1}}},
        "upstream": [{**HEAD, "body": {"messages": {"\0ref": 0}, "user": {"\0ref": 1}}}],
        "masked": True,
    }
    blobs = pack([message]), pack({"texts": 1, "tree": tree})
    await database.run(lambda connection: connection.execute("UPDATE bodies SET messages = ?, parts = ?", blobs))
    parts = await log.parts("req_1")
    assert parts is not None and parts.masked
    assert parts.body == {"messages": [message], "user": other, "odd": {"a": 1}}
    assert orjson.loads(parts.upstream[0].body) == {"messages": LONG, "user": other}

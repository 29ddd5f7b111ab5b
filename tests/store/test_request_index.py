"""What is searchable, and what no longer is."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from gateway_core.model import Status
from gateway_core.store import request_index
from gateway_core.store.said import MOST_CHARACTERS, said_words
from tests.store.searching import InMemory, Said, few_rows
from tests.store.support import NOON, request_row


def _found(store: InMemory, text: str) -> list[str]:
    return [row.id for row in store.page(text).requests]


def test_what_was_asked_and_answered_is_found_without_case_and_accents() -> None:
    store = InMemory()
    store.add(Said(request_row(), "Wie heißt die Größe?", "Sie heißt Volumen."))
    for text in ("GROSSE", "größe", "volu", '"heisst die"'):
        assert _found(store, text) == ["req_1"], text
    assert _found(store, "secret") == [] == _found(store, '"volu"')


def test_only_what_is_new_in_a_conversation_is_indexed_and_long_texts_are_cut() -> None:
    said = [("user", "first words"), ("assistant", "earlier answer"), ("tool", "tool said"), ("user", "second")]
    messages = [{"role": "system", "content": "rules"}, *({"role": role, "content": text} for role, text in said)]
    call = {"function": {"name": "read_file", "arguments": '{"path": "notes.md"}'}}
    words = said_words(messages, {"role": "assistant", "content": None, "tool_calls": [call]})
    assert "tool said" in words and "second" in words and "notes md" in words
    assert not any(old in words for old in ("first", "earlier", "rules"))
    long = said_words([{"role": "user", "content": "start " + "x " * 100_000 + "end"}], None)
    assert len(long) < MOST_CHARACTERS + 10 and " start " in long and " end " in long


def test_what_was_said_goes_from_the_index_with_its_body_and_the_row_stays() -> None:
    store = InMemory()
    store.add(Said(request_row(at=NOON - 8 * 86_400), "a word of wisdom", "forty-two"))
    assert _found(store, "wisdom") == ["req_1"]
    assert asyncio.run(store.log.prune(NOON, 7)) == 1
    assert _found(store, "wisdom") == [] and _found(store, "capital") == ["req_1"]
    kept = store.connection.execute("SELECT said FROM request_words").fetchall()
    assert kept == [("",)]


def test_with_no_bodies_kept_nothing_said_is_indexed_and_what_was_is_written_over() -> None:
    store = InMemory()
    store.add(Said(request_row(), "xylophone"))
    store.log.keep_bodies = False
    store.add(Said(request_row("req_2"), "xylophone"))
    assert _found(store, "xylophone") == ["req_1"]
    assert asyncio.run(store.log.prune(NOON, 0)) == 1
    assert _found(store, "xylophone") == []
    blocks = store.connection.execute("SELECT block FROM request_text_data").fetchall()
    assert not any(b"xylophone" in block for (block,) in blocks)


def test_rows_that_are_too_old_leave_the_index() -> None:
    store = InMemory()
    store.add(Said(request_row(at=NOON - 500 * 86_400)))
    asyncio.run(store.log.prune(NOON, 7))
    assert store.connection.execute("SELECT count(*) FROM request_words").fetchone() == (0,)
    assert _found(store, "capital") == []


def test_what_was_logged_before_there_was_an_index_is_found_at_once_and_indexed_in_steps() -> None:
    store = InMemory()
    for one in few_rows(50):
        store.add(replace(one, asked="hidden treasure"))
    store.connection.execute("DELETE FROM request_words")
    store.connection.execute("UPDATE requests SET search = 'what is the capital of france?\nllama'")
    request_index._note(store.connection, "full_text", 0)
    request_index.open_index(store.connection)
    page = store.page("capital")
    assert len(page.requests) == 50 and "still being made searchable" in page.remark
    assert _found(store, "treasure") == []
    steps = 0
    while asyncio.run(store.log.fill_index()):
        steps += 1
    assert steps == 3 and len(_found(store, "treasure")) == 50
    assert store.page("capital").remark == ""


def test_a_vacuum_that_numbers_requests_anew_is_noticed() -> None:
    store = InMemory()
    for one in few_rows(3):
        store.add(one)
    store.connection.execute("DELETE FROM requests WHERE id = 'req_000'")
    store.connection.execute("VACUUM")
    request_index.open_index(store.connection)
    while asyncio.run(store.log.fill_index()):
        pass
    assert _found(store, "id:req_002 capital") == ["req_002"] and len(_found(store, "capital")) == 2


def test_what_was_running_when_llmgw_died_is_found_by_its_words() -> None:
    store = InMemory()
    store.add(Said(request_row(status=Status.RUNNING), "unfinished symphony"))
    assert _found(store, "capital") == ["req_1"] and _found(store, "symphony") == []
    asyncio.run(store.log.fail_interrupted())
    assert _found(store, "capital symphony") == ["req_1"]


def test_pages_do_not_shift_while_requests_come_in() -> None:
    store = InMemory()
    for one in few_rows(10):
        store.add(one)
    first = store.page(limit=4)
    for number in range(3):
        store.add(Said(request_row(f"req_9{number}", at=NOON + 9_000 + number)))
    second = store.page(cursor=first.next, limit=4)
    assert [row.id for row in second.requests] == [f"req_{number:03}" for number in (5, 4, 3, 2)]
    assert (first.total, first.kept, second.total) == (10, 10, None)

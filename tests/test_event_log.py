"""The log in memory: what is kept, counted, left out, and told."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.event_log import REPEATED_WITHIN_S, EventLog, LogHandler
from gateway_core.events import Event, LogAdded
from gateway_core.redaction import HIDDEN, Redactor
from tests.store.support import FakeClock

SECRET = "our-own-secret-key"


def made(capacity: int = 2_000) -> tuple[EventLog, FakeClock]:
    clock = FakeClock()
    return EventLog(clock, Redactor([SECRET]), capacity), clock


def test_what_is_said_again_is_counted_and_moves_up() -> None:
    log, clock = made()
    for _ in range(3):
        log.take("warning", "access", "Refused: a wrong key.")
        clock.advance(1)
        log.take("info", "start", "Other things happen between.")
    entries = log.page().entries
    assert [(entry.text, entry.count) for entry in entries] == [
        ("Other things happen between.", 3),
        ("Refused: a wrong key.", 3),
    ]
    refused = entries[1]
    assert refused.at - refused.since == 2 and refused.key == 1 and refused.id == 5


def test_said_again_much_later_is_an_entry_of_its_own() -> None:
    log, clock = made()
    log.take("info", "a", "again")
    clock.advance(REPEATED_WITHIN_S + 1)
    log.take("info", "a", "again")
    assert [entry.count for entry in log.page().entries] == [1, 1]


def test_only_the_newest_are_kept_and_the_counts_are_of_them() -> None:
    log, _ = made(capacity=10)
    for number in range(25):
        log.take("error" if number % 2 else "info", "test", f"entry {number}")
    page = log.page()
    assert [entry.text for entry in page.entries] == [f"entry {number}" for number in range(24, 14, -1)]
    assert dict(page.counts) == {"debug": 0, "info": 5, "warning": 0, "error": 5}
    log.take("info", "test", "entry 0")
    assert log.page().entries[0].count == 1, "what was forgotten is new"
    assert len(vars(log)["_said"]) == len(vars(log)["_hashes"]) == 10


def test_level_words_and_what_is_new_filter_it() -> None:
    log, _ = made()
    for level, source, text in (
        ("debug", "one", "whisper"),
        ("info", "providers", "groq answers"),
        ("warning", "local models", "Ollama is GONE"),
        ("nonsense", "x", "unknown levels are info"),
    ):
        log.take(level, source, text)
    assert [entry.level for entry in log.page("warning").entries] == ["warning"]
    assert [entry.text for entry in log.page(query="gone").entries] == ["Ollama is GONE"]
    assert [entry.text for entry in log.page(query="PROVIDERS").entries] == ["groq answers"]
    assert [entry.id for entry in log.page(after=2).entries] == [4, 3]
    page = log.page(limit=1)
    assert len(page.entries) == 1 and page.total == 4 and page.newest == 4
    assert log.page("info").total == 3


def test_no_secret_is_kept_whoever_says_it() -> None:
    log, _ = made()
    log.take("error", "providers", f"401 for {SECRET} and sk-ant-api03-abcdefghijk1234567890")
    log.take("error", "providers", f"401 for {SECRET} and sk-ant-api03-abcdefghijk1234567890")
    (entry,) = log.page().entries
    assert entry.text == f"401 for {HIDDEN} and {HIDDEN}" and entry.count == 2
    assert SECRET not in repr(vars(log)["_entries"]) + repr(vars(log)["_said"]) + repr(vars(log)["_hashes"])


@given(st.text(max_size=9_000), st.text(max_size=200))
def test_any_text_is_kept_bounded(text: str, source: str) -> None:
    log, _ = made()
    log.take("info", source, text)
    (entry,) = log.page().entries
    assert len(entry.text) <= 1_600 and len(entry.source) <= 80


@pytest.fixture
def handled() -> Iterator[EventLog]:
    log, _ = made()
    handler = LogHandler(log)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield log
    root.removeHandler(handler)
    root.setLevel(before)


def test_of_libraries_warnings_are_kept_of_our_own_all(handled: EventLog) -> None:
    logging.getLogger("aiohttp.server").info("a library's chatter")
    logging.getLogger("aiohttp.server").warning("a library's %s", "warning")
    logging.getLogger("gateway_core.cache.answers").info("our own word")
    wrong = logging.makeLogRecord({"name": "gateway_core", "levelno": 40, "msg": "wrong format %d", "args": ("x",)})
    LogHandler(handled).emit(wrong)
    found = [(entry.level, entry.source, entry.text) for entry in reversed(handled.page().entries)]
    assert found == [
        ("warning", "aiohttp.server", "a library's warning"),
        ("info", "answers", "our own word"),
        ("error", "gateway core", "wrong format %d"),
    ]


def test_an_exception_is_named_and_its_text_left_out(handled: EventLog) -> None:
    try:
        raise ValueError("the whole prompt")
    except ValueError:
        logging.getLogger("gateway_core.http.server").exception("POST failed")
    (entry,) = handled.page().entries
    assert entry.text == "POST failed (ValueError)"


async def test_a_flood_is_told_in_few_events_and_from_any_thread() -> None:
    log, _ = made()
    told: list[LogAdded] = []
    first = asyncio.Event()

    def publish(event: Event) -> None:
        assert isinstance(event, LogAdded)
        told.append(event)
        first.set()

    log.take("info", "start", "before anybody listens")
    telling = asyncio.create_task(log.tell(publish))
    await first.wait()
    first.clear()

    def flood(name: int) -> None:
        for number in range(200):
            log.take("info", "flood", f"{name} {number}")

    threads = [threading.Thread(target=flood, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    while told[-1].newest < 801:
        await first.wait()
        first.clear()
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
    assert told[0].entries[0].text == "before anybody listens"
    assert log.page().total == 801 and len(told) < 8
    assert all(len(event.entries) <= 20 for event in told)
    ids = [entry.id for event in told for entry in event.entries]
    assert len(ids) == len(set(ids))


async def test_after_an_event_the_next_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway_core.event_log.TOLD_EVERY_S", 3_600.0)
    log, _ = made()
    told: list[Event] = []
    first = asyncio.Event()

    def publish(event: Event) -> None:
        told.append(event)
        first.set()

    telling = asyncio.create_task(log.tell(publish))
    log.take("info", "test", "one")
    await first.wait()
    for number in range(20):
        log.take("info", "test", f"{number} more")
        await asyncio.sleep(0)
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
    assert len(told) == 1

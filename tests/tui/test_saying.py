"""Lines for a stdout that may have no reader."""

from __future__ import annotations

import logging
import os
import threading

import pytest

from llmgw_tui.saying import Sayer
from tests.full_pipes import full_pipe


def all_of(reading: int) -> str:
    with os.fdopen(reading, encoding="utf-8") as read:
        return read.read()


def test_a_stalled_reader_holds_up_nobody_and_hears_how_many_lines_were_left_out() -> None:
    reading, writing = full_pipe()
    sayer = Sayer(writing, waiting=3)

    def say_all() -> None:
        for number in range(100):
            sayer.say(f"line {number}")

    saying = threading.Thread(target=say_all, daemon=True)
    saying.start()
    saying.join(30)
    assert not saying.is_alive(), "who says something waits for the reader"
    left_out = sayer.dropped
    assert left_out >= 96
    heard: list[str] = []
    listening = threading.Thread(target=lambda: heard.append(all_of(reading)))
    listening.start()
    while sayer.dropped:
        sayer.say("at last")
    sayer.close()
    os.close(writing)
    listening.join()
    said = heard[0].split("\n")
    assert "line 0" in said and "line 99" not in said
    assert any("lines were left out" in line for line in said) and "at last" in said


@pytest.mark.parametrize("how", ["a pipe that nobody reads", "a full disk"])
def test_what_cannot_be_written_is_told_once_and_stops_nothing(how: str, caplog: pytest.LogCaptureFixture) -> None:
    if how == "a full disk":
        writing = os.open("/dev/full", os.O_WRONLY)
    else:
        reading, writing = os.pipe()
        os.close(reading)
    with caplog.at_level(logging.WARNING):
        sayer = Sayer(writing)
        for number in range(10):
            sayer.say(f"line {number}")
        sayer.close()
    os.close(writing)
    assert len(caplog.messages) == 1 and "stdout takes no more lines" in caplog.text


def test_all_is_written_before_the_end_also_to_a_shared_terminal_that_does_not_block() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    heard: list[str] = []
    listening = threading.Thread(target=lambda: heard.append(all_of(reading)))
    listening.start()
    sayer = Sayer(writing)
    for number in range(500):
        sayer.say(f"{number} {'x' * 500}")
    sayer.close(60)
    os.close(writing)
    listening.join()
    assert [line.partition(" ")[0] for line in heard[0].splitlines()] == [str(number) for number in range(500)]


def test_lines_that_come_together_are_written_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy gateway must not wake a thread for each request."""
    writes: list[bytes] = []

    def write(number: int, data: bytes) -> int:
        writes.append(data)
        return len(data)

    monkeypatch.setattr("llmgw_tui.saying.TOGETHER_S", 60)
    monkeypatch.setattr("llmgw_tui.saying.os.write", write)
    sayer = Sayer(1)
    for number in range(100):
        sayer.say(f"line {number}")
    sayer.close(60)
    assert b"".join(writes).decode().splitlines() == [f"line {number}" for number in range(100)]
    assert len(writes) <= 2

"""In real terminals: a second screen, a gateway that comes back, a lost terminal, what is remembered, sizes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.real.tour.moves import home, move, palette, take
from tests.real.tour.terminal import POLL_S, running
from tests.real.tour.world import ask, command, world

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


def test_a_second_screen_follows_what_the_first_changes(tmp_path: Path) -> None:
    with world() as around, running([], env := around.env(tmp_path), tmp_path) as first:
        first.wait("● up")
        with running(["attach"], env, tmp_path, (80, 24)) as second:
            second.wait("ATTACHED")
            take(first, move("2", "forced: cheap"))
            second.wait("forced: cheap")
            take(second, move("k", "KILLED"))
            first.wait("KILLED")
            take(first, move("k", "Release the kill switch"))
            take(first, move("y", "RUNNING"))
            second.wait("!KILLED")
            ask(env, "Who sees this?")
            first.wait("Who sees this")
            second.wait("Who sees")
            take(second, move("q", "ended with 0"))
            assert ask(env, "Does the gateway go on?")[0] == 200
            second.assert_sound()
        first.assert_sound()


def test_an_attached_screen_outlives_its_gateway_and_finds_the_next(tmp_path: Path) -> None:
    with world() as around, running(["serve"], env := around.env(tmp_path), tmp_path) as gateway:
        gateway.wait("serves http")
        with running(["attach"], env, tmp_path, (80, 24)) as screen:
            screen.wait("ATTACHED")
            screen.type("r")
            command(env, "stop")
            gateway.wait("ended with 0")
            screen.wait("STALE")
            take(screen, move("1", toast="did not reach the gateway"))
            with running(["serve"], env, tmp_path) as next_one:
                next_one.wait("serves http")
                screen.wait("!STALE")
                assert ask(env, "Are you back?")[0] == 200
                screen.wait("Are you back")
                screen.assert_sound()
                command(env, "stop")
                next_one.wait("ended with 0")


def test_a_lost_terminal_leaves_the_gateway_to_the_next_llmgw(tmp_path: Path) -> None:
    with world() as around, running([], env := around.env(tmp_path), tmp_path) as first:
        first.wait("● up")
        os.killpg(first.group, signal.SIGHUP)
        deadline = time.monotonic() + 20
        log = tmp_path / "data" / "llmgw.log"
        while "the terminal has gone" not in log.read_text():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(POLL_S)
        assert ask(env, "Is anybody there?")[0] == 200
        with running([], env, tmp_path, (80, 24)) as second:
            second.wait("ATTACHED")
            second.wait("Is anybody there")
            take(second, move("q", "ended with 0"))
        assert "is stopping" in command(env, "stop")


def test_what_was_set_up_is_there_after_a_restart(tmp_path: Path) -> None:
    """The theme, ASCII, the pane that has the screen, and what the operator decided."""
    with world() as around:
        env = around.env(tmp_path)
        with running([], env, tmp_path) as first:
            first.wait("● up")
            take(first, palette("theme", r"dark +\(current\)"))
            take(first, move("down enter", toast=r"Theme: light\."))
            take(first, move("tab z", "!Requests", toast="is maximised"))
            take(first, palette("ascii", r"\+-.* Tiers"))
            take(first, move("2", "forced: cheap"))
            take(first, move("q", "ended with 0"))
        with running([], env, tmp_path) as second:
            text = second.wait("forced: cheap")
            assert "+- " in text and "╭" not in text
            second.wait(r"\+-.* Tiers")
            assert "Requests" not in second.text
            take(second, palette("theme", r"light +\(current\)"))
            take(second, move("escape", r"!\(current\)"))
            take(second, move("q", "ended with 0"))
            second.assert_sound()


def test_a_resize_in_the_middle_leaves_a_whole_screen(tmp_path: Path) -> None:
    with world() as around, running([], around.env(tmp_path), tmp_path) as screen:
        screen.wait("● up")
        for keys in (("m",), ("r", "slash"), ("s",), ("question_mark",)):
            home(screen)
            screen.type(*keys)
            for size in ((80, 24), (30, 8), (10, 3), (200, 50), (120, 40)):
                screen.resize(*size)
            screen.wait("RUNNING")
            screen.wait(lambda text: len(text.splitlines()) == 40 and text.splitlines()[-1].strip() != "")
            screen.assert_sound()
        home(screen)
        screen.wait(lambda text: all(text.count(corner) == 5 for corner in "╭╮╰╯"))
        take(screen, move("q", "ended with 0"))

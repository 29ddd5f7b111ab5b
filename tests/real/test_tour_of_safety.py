"""In a real terminal: the kill switch from everywhere, leaving with requests in flight, and read-only screens."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from llmgw_tui.actions import ACTIONS
from llmgw_tui.places import DEFAULT_KEYS, EVERYWHERE, INSIDE, PLACES
from tests.fakes.script import Reply
from tests.real.tour.moves import home, move, take
from tests.real.tour.terminal import POLL_S, Terminal, running
from tests.real.tour.world import ask, command, world

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
REFUSED = "Read-only: nothing can be changed"
SIZES = [(120, 40), (80, 24)]
QUESTIONS = {
    "a filter": ("r", "slash"),
    "limits": ("$", "a"),
    "a choice": ("s",),
    "a name": ("p",),
    "a yes": ("m", "d"),
    "the palette": ("colon",),
}
"""Keys that have a question or a field asked, by what it is."""


def ready(terminal: Terminal) -> None:
    terminal.wait("● up")


@pytest.mark.parametrize("size", SIZES, ids=["120x40", "80x24"])
def test_everything_is_stopped_from_every_screen_and_every_question(tmp_path: Path, size: tuple[int, int]) -> None:
    with world() as around, running([], env := around.env(tmp_path), tmp_path, size) as terminal:
        ready(terminal)
        for place in PLACES:
            if place.place != "dashboard":
                terminal.type(DEFAULT_KEYS[place.place])
            take(terminal, move("k", "KILLED"))
            released(terminal, env)
            home(terminal)
        for keys in QUESTIONS.values():
            terminal.type(*keys)
            take(terminal, move("f9", "KILLED"))
            released(terminal, env)
            home(terminal)
        terminal.type("m", "d")
        take(terminal, move("", r"Delete [^\n]*\?"))
        take(terminal, move("k", "KILLED"))  # not typed, so k is enough
        terminal.assert_sound()


def released(terminal: Terminal, env: Mapping[str, str]) -> None:
    assert '"ok":true' in command(env, "release")
    terminal.wait("!KILLED")


def test_leaving_with_requests_in_flight_asks_and_cuts_them_off(tmp_path: Path) -> None:
    with world() as around, running([], env := around.env(tmp_path), tmp_path, (80, 24)) as terminal:
        ready(terminal)
        around.do(lambda: around.ollama.script(Reply(held=True)))
        answers: list[int] = []
        asking = threading.Thread(target=lambda: answers.append(ask(env, "A long one?")[0]))
        asking.start()
        terminal.wait("1 in flight")
        take(terminal, move("q", r"Quit and stop the gateway\?"))
        take(terminal, move("q", r"!Quit and stop the gateway\?"))
        take(terminal, move("q", r"Quit and stop the gateway\?"))
        take(terminal, move("y", "ended with 0"))
        asking.join(20)
        assert answers != [200]


def test_a_read_only_screen_refuses_every_change_and_says_so(tmp_path: Path) -> None:
    with world() as around, running(["--read-only"], around.env(tmp_path), tmp_path, (80, 24)) as terminal:
        terminal.wait("READ-ONLY")
        ready(terminal)
        for name, keys in changing():
            home(terminal)
            before = refusals(terminal.text)
            terminal.type(*keys)
            deadline = time.monotonic() + 10
            while (now := refusals(terminal.text)) <= before:
                before = now
                assert time.monotonic() < deadline, (name, terminal.text)
                time.sleep(POLL_S)
        assert "KILLED" not in terminal.text and "tier auto" in terminal.text
        terminal.assert_sound()


def refusals(text: str) -> int:
    """How often the toast that is shown has been said; 0 where none is."""
    times = re.search(r"\(x(\d+)\)", text)
    return (int(times[1]) if times else 1) if REFUSED in text else 0


def changing() -> list[tuple[str, tuple[str, ...]]]:
    """The actions that change something: their names, and the keys that lead to them."""
    found: list[tuple[str, tuple[str, ...]]] = []
    for action in ACTIONS:
        if action.changes:
            first = action.keys.partition(",")[0]
            keys = (first,) if first else ("colon", f"text:{action.name.replace('_', ' ')}", "enter")
            found.append((action.name, keys))
    places = {place.place: place.key for place in PLACES}
    for name, inside in INSIDE.items():
        if inside.changes and (key := places.get(name.partition(".")[0])):
            found.append((name, (key, inside.keys.partition(",")[0])))
    return found


def test_all_that_changes_is_tried() -> None:
    of_one_thing = {"request.replay", "lineup_place.again", *(name for name in INSIDE if name.startswith("compare."))}
    all_of_them = {one.name for one in EVERYWHERE if one.changes} | {
        name for name, one in INSIDE.items() if one.changes
    }
    assert {name for name, _ in changing()} == all_of_them - of_one_thing, "there the command itself refuses"

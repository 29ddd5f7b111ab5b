"""A walk through the control centre in a real terminal: every action is done, and seen to do something. Needs tmux.

The gateway is real; Ollama, Groq and Anthropic are the fakes of the tests, so that every action has an effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from llmgw_tui.places import DEFAULT_KEYS, EVERYWHERE, INSIDE
from tests.real.tour.moves import home, take
from tests.real.tour.steps import HERE, PREPARED, STEPS
from tests.real.tour.terminal import Terminal, running
from tests.real.tour.world import LONG, World, ask, world

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
SIZES = [(120, 40), (80, 24)]


def test_no_action_is_left_out() -> None:
    assert set(STEPS) == {action.name for action in EVERYWHERE} | set(INSIDE)


@pytest.mark.parametrize("size", SIZES, ids=["120x40", "80x24"])
def test_every_action_is_walked(tmp_path: Path, size: tuple[int, int]) -> None:
    with world() as around:
        env = around.env(tmp_path)
        with running([], env, tmp_path, size) as terminal:
            terminal.wait("● up")
            for question in ("A first question?", f"A LONGER question? {LONG}", "A first question?"):
                assert (answer := ask(env, question))[0] == 200, answer
            assert (answer := ask(env, "Is it raining?", "gateway-premium"))[0] == 200, answer
            failed = walked(terminal, around, env)
            terminal.assert_sound()
    assert not failed, "\n\n".join(f"=== {name}: {told}" for name, told in failed.items())


def walked(terminal: Terminal, around: World, env: Mapping[str, str]) -> dict[str, str]:
    """All steps, most from the dashboard; what failed, by action."""
    failed: dict[str, str] = {}
    for name, moves in STEPS.items():
        own = DEFAULT_KEYS[name].partition(",")[0]
        if name in PREPARED:
            PREPARED[name](around, env)
        try:
            if moves[0] is not HERE:
                home(terminal)
            for one in moves:
                take(terminal, one, own)
        except AssertionError as error:
            failed[name] = str(error)
    return failed

"""Every place, pane, question and toast there is, each with the keys that lead to it: what the looks are tested on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from textual.pilot import Pilot

from gateway_core.model import CommandResult, Snapshot
from llmgw_tui import ink
from llmgw_tui.app import ControlCentre
from llmgw_tui.clock import FrozenClock
from llmgw_tui.setup import Setup
from llmgw_tui.widgets import chart
from tests.fakes import details, local, snapshots
from tests.fakes.source import FakeSource
from tests.tui.looks import typed

NOW = snapshots.NOW
SIZES = ((80, 24), (120, 40), (200, 60), (40, 12), (20, 5))
OPENED = "down down down down down enter"


def pulling() -> Snapshot:
    return replace(snapshots.busy(), local=replace(local.ollama(NOW), pulls=local.pulls(NOW)))


def absent() -> Snapshot:
    return replace(snapshots.busy(), local=local.absent(NOW))


def lm_studio() -> Snapshot:
    return replace(snapshots.busy(), local=local.lm_studio(NOW))


@dataclass(frozen=True)
class Situation:
    """What is on the screen: a moment of the gateway, and the keys that were typed in it."""

    moment: Callable[[], Snapshot]
    keys: str = ""


def keys_of(text: str) -> str:
    """``text`` as keys."""
    named = {" ": "space", ":": "colon", ">": "greater_than_sign", "!": "exclamation_mark"}
    return " ".join(named.get(character, character) for character in text)


SITUATIONS = {
    "busy": Situation(snapshots.busy),
    "empty": Situation(snapshots.empty),
    "killed": Situation(snapshots.killed),
    "demo": Situation(snapshots.demo),
    "pulling": Situation(pulling),
    "no local server": Situation(absent),
    "LM Studio": Situation(lm_studio),
    "wrong filter": Situation(snapshots.busy, f"slash {keys_of('xyz>1')} enter"),
    "filter": Situation(snapshots.busy, f"slash {keys_of('tier:')}"),
    "zoomed requests": Situation(snapshots.busy, "z"),
    "zoomed tiers": Situation(snapshots.busy, "tab z"),
    "zoomed cache": Situation(snapshots.busy, "tab tab z"),
    "zoomed spend": Situation(snapshots.busy, "tab tab tab z"),
    "zoomed local": Situation(pulling, "tab tab tab tab z"),
    "zoomed, no local server": Situation(absent, "tab tab tab tab z"),
    "requests": Situation(snapshots.busy, "r"),
    "no requests": Situation(snapshots.empty, "r"),
    "requests by first token": Situation(snapshots.busy, "r o o o o o"),
    "requests, wrong filter": Situation(snapshots.busy, f"r slash {keys_of('status:bar')} enter"),
    "models": Situation(pulling, "m"),
    "models, no server": Situation(absent, "m"),
    "models of LM Studio": Situation(lm_studio, "m"),
    "a model": Situation(pulling, "m enter"),
    "spend": Situation(snapshots.busy, "dollar_sign"),
    "spend of a month by model": Situation(snapshots.busy, "dollar_sign tab tab o"),
    "nothing spent": Situation(snapshots.empty, "dollar_sign"),
    "cache": Situation(snapshots.busy, "c"),
    "hits": Situation(snapshots.busy, "c tab"),
    "a cached answer": Situation(snapshots.busy, "c enter"),
    "line-up": Situation(snapshots.busy, "t"),
    "decisions": Situation(snapshots.busy, "t tab"),
    "routes": Situation(snapshots.busy, "t tab tab"),
    "learning": Situation(snapshots.busy, "t shift+tab"),
    "what was learned": Situation(snapshots.busy, "t shift+tab down down enter"),
    "a model of the line-up": Situation(snapshots.busy, "t down enter"),
    "a trial": Situation(snapshots.busy, "t i P r o v e enter"),
    "log": Situation(snapshots.busy, "g"),
    "an entry of the log": Situation(snapshots.busy, "g down down down down enter"),
    "settings": Situation(snapshots.busy, "comma"),
    "a setting": Situation(snapshots.busy, f"comma slash {keys_of('budget_h')} enter down enter"),
    "a request": Situation(snapshots.busy, OPENED),
    "headers": Situation(snapshots.busy, f"{OPENED} h"),
    "upstream": Situation(snapshots.busy, f"{OPENED} u"),
    "two answers": Situation(snapshots.busy, f"{OPENED} e enter"),
    "help": Situation(snapshots.busy, "question_mark"),
    "help in models": Situation(pulling, "m question_mark"),
    "palette": Situation(snapshots.busy, "ctrl+p"),
    "palette, searched": Situation(snapshots.busy, "ctrl+p k i l"),
    "release?": Situation(snapshots.killed, "k"),
    "pull?": Situation(pulling, f"m p {keys_of('x')} enter"),
    "which model?": Situation(pulling, "m p"),
    "load which?": Situation(snapshots.busy, "l"),
    "which tier?": Situation(snapshots.busy, "s"),
    "quit?": Situation(snapshots.busy, "q"),
    "which theme?": Situation(snapshots.busy, "ctrl+p t h e m e enter"),
    "limits": Situation(snapshots.busy, "dollar_sign a"),
    "what if": Situation(snapshots.busy, "W"),
    "what if, more premium": Situation(snapshots.busy, "W shift+right shift+right o"),
    "what if, all premium": Situation(snapshots.busy, "W a tab"),
    "what if, which model?": Situation(snapshots.busy, "W n"),
    "toasts": Situation(snapshots.busy, "1 2 w w 3 y"),
}


def source_of(moment: Callable[[], Snapshot]) -> FakeSource:
    """A gateway at ``moment`` that can run a request again."""
    source = FakeSource(moment())
    source.fits["llama3.2:3b"] = local.fits("llama3.2:3b")
    again = details.detail()
    source.details["req_again"] = replace(again, row=replace(again.row, id="req_again", replay_of=again.row.id))
    return source


@asynccontextmanager
async def shown(
    name: str, size: tuple[int, int] = (80, 24), setup: Setup | None = None
) -> AsyncIterator[tuple[ControlCentre, Pilot[None]]]:
    """The control centre in the situation ``name``, all of it read and drawn."""
    chart.load()
    ink.load("json", "python", "sql")
    situation = SITUATIONS[name]
    source = source_of(situation.moment)
    if name == "two answers":
        source.answer = CommandResult(True, "", "req_again")
    app = ControlCentre(source, setup or Setup(), clock=FrozenClock(NOW))
    async with app.run_test(size=size, notifications=True) as pilot:
        await typed(pilot, situation.keys.split())
        yield app, pilot

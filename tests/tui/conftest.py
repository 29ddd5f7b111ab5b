"""An app on a fake source, its clock frozen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot

from gateway_core.model import Snapshot
from llmgw_tui import ink
from llmgw_tui.app import ControlCentre
from llmgw_tui.clock import FrozenClock
from llmgw_tui.keymap import Keys
from llmgw_tui.setup import Setup
from llmgw_tui.widgets import chart
from tests.fakes import snapshots
from tests.fakes.source import FakeSource
from tests.tui.idling import wait_for_idle
from tests.tui.seen import Seen


@dataclass
class Stage(Seen):
    """A running app, with what a test does to it and sees of it."""

    app: ControlCentre
    source: FakeSource
    pilot: Pilot[None]

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def until(self, done: Callable[[], bool]) -> None:
        """Returns once the screen shows what is waited for."""
        async with asyncio.timeout(10):
            while not done():
                await self.pilot.pause(0.05)

    @property
    def ran(self) -> list[tuple[str, dict[str, object]]]:
        return self.source.ran


_parse = Stylesheet._parse_rules
_parsed: dict[tuple[object, ...], list[RuleSet]] = {}


def _parse_once(sheet: Stylesheet, *asked: Any, **named: Any) -> list[RuleSet]:
    """A thousand apps have the same style sheets; Textual (version 8) keeps what it has parsed for each app alone."""
    key = (*asked, *named.items(), *sheet._variables.items())
    if key not in _parsed:
        _parsed[key] = _parse(sheet, *asked, **named)
    return _parsed[key]


@pytest.fixture(autouse=True)
def _parsing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stylesheet, "_parse_rules", _parse_once)


@pytest.fixture(autouse=True)
def _idling(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("app", "pilot"):
        monkeypatch.setattr(f"textual.{module}.wait_for_idle", wait_for_idle)


Staging = Callable[..., AbstractAsyncContextManager[Stage]]


@asynccontextmanager
async def _stage(
    snapshot: Snapshot | None,
    *,
    size: tuple[int, int] = (120, 40),
    attached: bool = False,
    keys: Keys | None = None,
    ascii_only: bool = False,
    setup: Setup | None = None,
) -> AsyncIterator[Stage]:
    chart.load()
    ink.load("json", "python")
    source = FakeSource(snapshot, attached=attached)
    app = ControlCentre(
        source, setup or Setup(keys=keys or Keys(), ascii_only=ascii_only), clock=FrozenClock(snapshots.NOW)
    )
    async with app.run_test(size=size) as pilot:
        stage = Stage(app, source, pilot)
        await stage.settle()
        yield stage


@pytest.fixture
def staging() -> Staging:
    return _stage

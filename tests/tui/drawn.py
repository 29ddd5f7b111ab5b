"""Views as text, and the moments that they are drawn of."""

from __future__ import annotations

from collections.abc import Callable

from textual.strip import Strip

from gateway_core.model import (
    Snapshot,
)
from llmgw_tui.panes.draw import Drawn, Look
from llmgw_tui.panes.header import Link, header_view
from tests.fakes import snapshots

LOOK = Look(snapshots.NOW)
View = Callable[[Snapshot, Look, int, int], Drawn]
MOMENTS = (snapshots.busy, snapshots.empty, snapshots.killed, snapshots.over_budget, snapshots.demo, snapshots.hostile)


def text_of(lines: tuple[Strip, ...]) -> str:
    return "\n".join(strip.text for strip in lines)


def pane(view: View, snapshot: Snapshot, width: int = 78, height: int = 12, look: Look = LOOK) -> str:
    return text_of(view(snapshot, look, width, height).lines)


def header(snapshot: Snapshot | None, link: Link | None = None, width: int = 120, height: int = 3) -> str:
    return text_of(header_view(snapshot, link or Link(), LOOK, width, height))

"""Pictures of the models screen. After a wanted change: ``pytest tests/tui/test_looks_models.py --snapshot-update``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from gateway_core.model import LocalServer
from llmgw_tui.app import ControlCentre
from llmgw_tui.clock import FrozenClock
from llmgw_tui.setup import Setup
from llmgw_tui.widgets import chart
from tests.fakes import local, snapshots
from tests.fakes.source import FakeSource
from tests.tui.looks import SIZES, typed

Compare = Callable[..., bool]
NOW = snapshots.NOW


def pulling(now: float) -> LocalServer:
    return replace(local.ollama(now), pulls=local.pulls(now))


SERVERS = {"pulling": pulling, "absent": local.absent, "lm_studio": local.lm_studio}


def _looks_as_before(
    compare: Compare, server: LocalServer, size: tuple[int, int], press: Iterable[str], *, ascii_only: bool = False
) -> bool:
    chart.load()
    source = FakeSource(replace(snapshots.busy(), local=server))
    source.fits["llama3.2:3b"] = local.fits("llama3.2:3b")

    app = ControlCentre(source, Setup(ascii_only=ascii_only), clock=FrozenClock(NOW))
    return compare(app, terminal_size=size, run_before=lambda pilot: typed(pilot, press))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("server", SERVERS)
def test_models(snap_compare: Compare, server: str, size: str) -> None:
    assert _looks_as_before(snap_compare, SERVERS[server](NOW), SIZES[size], ["m"])


@pytest.mark.parametrize("size", SIZES)
def test_one_model(snap_compare: Compare, size: str) -> None:
    assert _looks_as_before(snap_compare, local.ollama(NOW), SIZES[size], ["m", "enter"])


def test_models_in_ascii(snap_compare: Compare) -> None:
    assert _looks_as_before(snap_compare, pulling(NOW), (120, 40), ["m"], ascii_only=True)


@pytest.mark.parametrize("size", SIZES)
def test_the_question_before_a_pull(snap_compare: Compare, size: str) -> None:
    assert _looks_as_before(snap_compare, local.ollama(NOW), SIZES[size], ["m", "p", "x", "enter"])


@pytest.mark.parametrize("size", SIZES)
def test_the_context_of_a_model(snap_compare: Compare, size: str) -> None:
    assert _looks_as_before(snap_compare, local.ollama(NOW), SIZES[size], ["m", "n"])

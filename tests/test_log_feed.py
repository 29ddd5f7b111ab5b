"""Which events become a line of the log, and in which words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway_core.event_log import EventLog
from gateway_core.events import (
    CommandRan,
    LocalChanged,
    Notice,
    PullProgress,
    RequestFinished,
    RequestStarted,
)
from gateway_core.log_feed import LogFeed
from gateway_core.model import BudgetStatus, LocalServer, ProviderStatus, PullStatus, Status
from gateway_core.redaction import Redactor
from tests.fakes.snapshots import busy
from tests.store.support import NOON, FakeClock

ROW = busy().requests[3]
BUDGET = BudgetStatus("2026-11-23", 0, 0, 5_000_000, 15_000_000, 50_000_000, NOON)


class Heard:
    def __init__(self) -> None:
        self.budget = BUDGET
        self.log = EventLog(FakeClock(), Redactor())
        self.feed = LogFeed(self.log, lambda: self.budget)

    def lines(self) -> list[str]:
        """The oldest first."""
        return [f"{entry.level} {entry.source}: {entry.text}" for entry in reversed(self.log.page().entries)]


@pytest.fixture
def heard() -> Heard:
    return Heard()


def test_a_command_is_told_with_who_ran_it_and_what_it_changed(heard: Heard) -> None:
    heard.feed.hear(CommandRan(NOON, "api", "force_tier", "tier=cheap", True, "Every request goes to cheap."))
    heard.feed.hear(CommandRan(NOON, "key", "reload", "", True, "Nothing has changed."))
    heard.feed.hear(CommandRan(NOON, "attached", "pull", "model=x", False, "No Ollama."))
    assert heard.lines() == [
        "warning commands: force_tier tier=cheap, by the API: Every request goes to cheap.",
        "info commands: reload, by you: Nothing has changed.",
        "warning commands: pull model=x, by an attached screen: No Ollama.",
    ]


def test_limits_are_told_once_when_they_are_reached_and_when_they_are_not(heard: Heard) -> None:
    for spent in (1_000_000, 5_010_000, 6_000_000, 50_000_000, 0):
        heard.budget = replace(BUDGET, spent_microusd=spent)
        heard.feed.hear(RequestFinished(NOON, replace(ROW, status=Status.OK)))
    assert [line.partition(": ")[2] for line in heard.lines()] == [
        "The soft daily limit is reached (5.01 of 5.00 USD).",
        "The hard daily limit is reached: paid tiers are stopped (50.00 of 50.00 USD).",
        "Spend is below the hard daily limit again.",
    ]


def test_requests_that_failed_are_counted_and_those_that_went_well_are_not_told(heard: Heard) -> None:
    failed = replace(ROW, status=Status.FAILED, provider="groq", model="m", error_code="upstream_error")
    for row in (replace(ROW, status=Status.OK), failed, failed, replace(ROW, status=Status.CANCELLED)):
        heard.feed.hear(RequestStarted(NOON, row))
        heard.feed.hear(RequestFinished(NOON, row))
    heard.feed.hear(
        RequestFinished(NOON, replace(ROW, status=Status.REFUSED, provider=None, error_code="rate_limit_exceeded"))
    )
    assert heard.lines() == [
        "warning requests: A request failed at groq/m: upstream_error.",
        "info requests: A request was refused: rate_limit_exceeded.",
    ]
    assert heard.log.page(query="upstream_error").entries[0].count == 2


def test_the_local_server_is_told_at_first_and_with_another_model(heard: Heard) -> None:
    """That it goes and comes back is told by a notice, once: see tests/ollama/test_presence.py."""
    up = LocalServer("ollama", "http://127.0.0.1:11434", True, current_model="qwen3:8b")
    down = LocalServer("ollama", "http://127.0.0.1:11434", False, detail="connection refused")
    builtin = LocalServer("builtin", "http://127.0.0.1:40001", True, current_model="small")
    moved = replace(up, base_url="http://127.0.0.1:1234")
    for server in (down, builtin, up, up, replace(up, current_model="other"), down, builtin, up, moved):
        heard.feed.hear(LocalChanged(NOON, server))
    assert [line.replace("info local models: The local server at http://127.0.0.1", "") for line in heard.lines()] == [
        ":11434 does not answer: connection refused",
        ":11434 has changed, serving other.",
        ":1234 answers, serving qwen3:8b.",
    ]


def test_a_pull_is_told_at_its_ends(heard: Heard) -> None:
    for pull in (
        PullStatus("m", "pulling", 1, 10),
        PullStatus("m", "pulling", 5, 10),
        PullStatus("m", "success", done=True),
        PullStatus("n", "pulling"),
        PullStatus("n", "failed", error="no space", done=True),
    ):
        heard.feed.hear(PullProgress(NOON, pull))
    assert [line.partition(": ")[2] for line in heard.lines()] == [
        "Pulling m began.",
        "Pulling m ended: success.",
        "Pulling n began.",
        "Pulling n failed: no space",
    ]


def test_notices_providers_and_strangers_are_told(heard: Heard) -> None:
    heard.feed.hear(Notice(NOON, "warning", "groq is left alone", "providers"))
    heard.feed.provider(ProviderStatus("anthropic", "anthropic", "", "ok"))
    heard.feed.provider(ProviderStatus("groq", "openai", "", "unknown"))
    for state in ("down", "down", "ok"):
        heard.feed.provider(ProviderStatus("groq", "openai", "", state, "its key is not taken"))
    for _ in range(42):
        heard.feed.refused("a wrong key", "127.0.0.1")
    assert heard.lines() == [
        "warning providers: groq is left alone",
        "warning providers: groq cannot be used: its key is not taken",
        "info providers: groq can be used again.",
        "warning access: Refused: a wrong key, from 127.0.0.1.",
    ]
    assert heard.log.page().entries[0].count == 42

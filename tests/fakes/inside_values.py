"""Frozen values for the routing, log and settings screens, foreign text among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

from gateway_core.learning_values import (
    Figures,
    HeadVersion,
    LearningStatus,
    SampleQuality,
    ShownLabel,
    Trial,
    WaitingSample,
)
from gateway_core.log_entries import LEVELS, LogEntry
from gateway_core.provenance import provenance
from gateway_core.routing_values import (
    JudgeStanding,
    LineupPlace,
    OwnLimit,
    PinnedSession,
    RouteCount,
    RouteDecision,
    RouteTrial,
    RoutingStatus,
)
from gateway_core.setting_values import SettingsReport
from gateway_core.settings import Settings
from gateway_core.store.operator import BudgetOverride, Limits, OperatorState
from tests.fakes.snapshots import NOW

_SAID = (
    ("info", "start", "llmgw 0.1.0 started.", 1),
    ("info", "local models", "The local server at http://127.0.0.1:11434 answers, serving qwen3:8b.", 1),
    ("warning", "commands", "force_tier tier=cheap, by you: Every request goes to cheap.", 1),
    ("warning", "providers", "groq/openai/gpt-oss-120b is left alone for 10 s, 5 failures: overloaded \x1b[31mred", 3),
    ("warning", "access", "Refused: a wrong key, from 127.0.0.1.", 42),
    ("info", "settings", "Configuration reloaded: DAILY_BUDGET_HARD 50.0 -> 20.0.", 1),
    ("error", "local models", "Pulling llama3.3:70b failed: no space left on device", 1),
    ("warning", "limits", "The soft daily limit is reached (5.01 of 5.00 USD).", 1),
    ("info", "providers", "groq/openai/gpt-oss-120b answers again.", 1),
)


def log_entries(many: int = len(_SAID)) -> tuple[LogEntry, ...]:
    """Newest first; more than there are words for are told again with a number."""
    entries = []
    for number in range(1, many + 1):
        level, source, text, count = _SAID[(number - 1) % len(_SAID)]
        at = NOW - (many - number) * 47.0
        told = text if number <= len(_SAID) else f"{text} #{number}"
        entries.append(LogEntry(number, number, at, level, source, told, count, at - 20.0 * (count > 1)))
    return tuple(reversed(entries))


def counts(entries: Iterable[LogEntry]) -> tuple[tuple[str, int], ...]:
    found = Counter(entry.level for entry in entries)
    return tuple((level, found[level]) for level in LEVELS)


@cache
def settings() -> SettingsReport:
    """Most at their defaults, a few set by the operator or by a program."""
    given = Settings(
        host="127.0.0.1",
        port=8000,
        data_dir=Path("/home/ada/.local/share/llmgw"),
        gateway_secret="a-secret-that-nobody-may-see-9f31",
        local_llm_url="http://ada:hunter22@127.0.0.1:11434/v1",
        rate_limit_rpm=120,
        anthropic_api_key=None,
        anthropic_setup_token=None,
        groq_api_key="gsk_nobody_may_see_this_either_77c2",
        openai_api_key=None,
    )
    limits = Limits(5_000_000, 15_000_000, 20_000_000)
    state = OperatorState(
        budget=BudgetOverride(limits, Limits(5_000_000, 15_000_000, 50_000_000)),
        changed={"budget": NOW - 3_600},
    )
    report = provenance(given, None, state)
    told = tuple(
        replace(one, default="/home/ada/.local/share/llmgw") if one.name == "LLMGW_DATA_DIR" else one
        for one in report.settings
    )
    return replace(report, settings=told)


def trial(prompt: str) -> RouteTrial:
    return RouteTrial(
        prompt,
        "premium",
        "anthropic",
        "claude-sonnet-5-5",
        "hard",
        0.78,
        ("hard: difficulty 0.78: design +0.26, reasoning +0.22", "target: anthropic/claude-sonnet-5-5 as premium"),
        ("groq/openai/gpt-oss-120b", "local/qwen3:8b"),
        122_955,
    )


def learning() -> LearningStatus:
    """Two versions, one that was not taken up, labels of most kinds, and two answers that wait for a thumb."""
    trial = Trial(Figures(14, 0.21, 11, 0.49, 0.95), Figures(14, 0.26, 9, 0.35, 0.87), Figures(14, 0.31, 7, 0.23, 0.77))
    few = Trial(Figures(3, 0.2, 2), Figures(3, 0.25, 2), Figures(3, 0.25, 2))
    judged = (
        ("Design a queue that never loses a message \x1b[31mred", "thumb", "cheap", 1.0, 1.0, False, "down"),
        ("What is the capital of Ghana?", "thumb", "local", 0.0, 1.0, True, "up"),
        ("Compare both designs, step by step", "choice", "cheap", 1.0, 1.0, False, "premium"),
        ("Rename this variable everywhere", "override", "premium", 0.5, 0.8, False, ""),
        ("Why does the test hang?", "retry", "local", 0.5, 0.3, False, ""),
        ("Explain the borrow checker", "sample", "premium", 0.5, 0.0, False, "up"),
    )
    labels = tuple(
        ShownLabel(
            f"req_{number:04d}",
            NOW - 60 - number * 977,
            source,
            text,
            tier,
            wanted,
            weight,
            held,
            said,
            difficulty=0.31,
        )
        for number, (text, source, tier, wanted, weight, held, said) in enumerate(judged)
    )
    imported = ShownLabel("import:5a", NOW - 90_000, "import", "Summarise this \x1b]0;title\x07mail", "", 0.0, 1.0)
    return LearningStatus(
        at=NOW,
        labels=64,
        held_out=14,
        sources=(("import", 40), ("thumb", 14), ("retry", 5), ("choice", 3), ("override", 1), ("sample", 1)),
        newest=(*labels, imported),
        versions=(
            HeadVersion(3, NOW - 400, 50, trial, False, "worse than what was in force, by more than chance"),
            HeadVersion(2, NOW - 4_000, 41, trial, True, "better than before", in_force=True),
            HeadVersion(1, NOW - 90_000, 12, few, True, "too few to tell: 3 of 10 held-out labels"),
        ),
        in_force=2,
        until_refit=6,
        samples=(
            WaitingSample("req_0001", NOW - 300, "Refactor \x1b]0;title\x07the parser", "premium"),
            WaitingSample("req_0002", NOW - 900, "And now?", "cheap"),
        ),
        quality=SampleQuality(10, 12, 0.52, 0.98),
    )


def routing() -> RoutingStatus:
    """A busy router: one provider left alone, one nearly at its own limit, one without a key."""
    return RoutingStatus(
        at=NOW,
        default_tier="cheap",
        lineup=(
            LineupPlace(
                "local",
                "local",
                "qwen3:8b",
                True,
                chosen=True,
                context_tokens=32_768,
                tools=True,
                vision=False,
                structured=True,
                ratio=1.12,
                loaded=False,
                load_s=12.4,
                pushes_out="qwen3:8b is not loaded, and loading it would push out qwen3:14b, used 40 s ago",
                seconds_plain=14.2,
                seconds_openclaw=131.0,
                tries_last_hour=120,
                errors_last_hour=1,
                requests_today=412,
                samples=200,
                latency_p50_ms=840.0,
                latency_p95_ms=4_210.0,
                first_token_p50_ms=212.0,
            ),
            LineupPlace(
                "cheap",
                "groq",
                "openai/gpt-oss-120b",
                obstacle="openai/gpt-oss-120b: circuit open after 5 failures, next try in 8 s",
                input_usd=0.15,
                output_usd=0.6,
                context_tokens=131_072,
                tools=True,
                circuit="open",
                wait_s=8.0,
                last_error="groq answered 503: overloaded \x1b[31mred",
                last_error_at=NOW - 12,
                tries_last_hour=64,
                errors_last_hour=9,
                requests_today=233,
                samples=200,
                latency_p50_ms=420.0,
                latency_p95_ms=1_900.0,
                first_token_p50_ms=95.0,
            ),
            LineupPlace(
                "cheap",
                "mistral",
                "mistral-small-latest",
                chosen=True,
                input_usd=0.1,
                output_usd=0.3,
                price_known=False,
                context_tokens=131_072,
                tries_last_hour=9,
                requests_today=9,
                samples=9,
                latency_p50_ms=610.0,
                latency_p95_ms=980.0,
                first_token_p50_ms=180.0,
                limits=(OwnLimit("requests a minute", 18, 20), OwnLimit("USD a day", 0.31, 1.0)),
            ),
            LineupPlace("premium", unavailable="ANTHROPIC_API_KEY is not set"),
        ),
        trials=(
            ("easy", RouteTrial("Hello!", "local", "local", "qwen3:8b", "simple", 0.0)),
            ("unclear", RouteTrial("Tell me", "cheap", "mistral", "mistral-small-latest", "default>cheap", 0.42)),
            ("hard", RouteTrial("Design", route="no_provider", problem="No tier can take this request.")),
        ),
        counted=500,
        routes=(
            RouteCount("simple", 240, 0.48, 0),
            RouteCount("cache:exact", 120, 0.24, 0),
            RouteCount("default", 70, 0.14, 21_000),
            RouteCount("hard", 40, 0.08, 480_000),
            RouteCount("session:tool-loop", 20, 0.04, 150_000),
            RouteCount("background:heartbeat", 10, 0.02, 0),
        ),
        lanes=(RouteCount("interactive", 490, 0.98, 651_000), RouteCount("background", 10, 0.02, 0)),
        moved=31,
        fallbacks=12,
        repairs=3,
        judge=JudgeStanding("groq", "openai/gpt-oss-20b", 12.0, 88),
        pinned=(PinnedSession("agent:main:main", "anthropic/claude-sonnet-5-5", 14, NOW - 31),),
        decisions=tuple(
            RouteDecision(
                f"req_{number:04d}",
                NOW - number * 13,
                preview,
                "openclaw",
                "interactive",
                route,
                served_by,
                target,
                status,
                0.31,
                (f"{route.partition('>')[0]}: difficulty 0.31: a short fact -0.20", f"target: {target} as {served_by}"),
                cost,
            )
            for number, (preview, route, served_by, target, status, cost) in enumerate(
                (
                    ("What is the capital of Ghana?", "simple", "local", "local/qwen3:8b", "ok", 0),
                    ("Refactor \x1b]0;title\x07the parser", "hard", "premium", "anthropic/claude", "ok", 41_200),
                    ("And now?", "default>mistral", "cheap", "mistral/mistral-small-latest", "ok", 310),
                    ("Hallo", "exact", "cache", "local/qwen3:8b", "ok", 0),
                    ("Compare both designs", "hard", "premium", "anthropic/claude", "failed", 0),
                )
            )
        ),
    )

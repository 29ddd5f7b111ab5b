"""Frozen snapshots as a gateway would make them: busy, empty, killed, over budget, hostile."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from gateway_core.model import (
    BudgetStatus,
    CacheEntry,
    CacheEntryDetail,
    CacheHit,
    CacheStats,
    CacheStatus,
    ErrorRate,
    Expected,
    Forecast,
    KillSwitch,
    Lane,
    LaneSpend,
    LimitReached,
    ProviderStatus,
    PullStatus,
    RequestRow,
    Saved,
    Savings,
    SemanticStats,
    Series,
    Snapshot,
    Status,
    Tier,
    TierStats,
)
from tests.fakes import local

NOW = datetime(2026, 11, 23, 14, 3, 22, tzinfo=UTC).timestamp()
MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC).timestamp()

SONNET = ("anthropic", "claude-sonnet-5-5")
CHEAP = ("groq", "llama-4-scout")
LOCAL = ("ollama", "qwen3:8b")
BY_TIER = {Tier.LOCAL: LOCAL, Tier.CHEAP: CHEAP, Tier.PREMIUM: SONNET}


def row(number: int, preview: str, tier: Tier | None = Tier.LOCAL, **changes: object) -> RequestRow:
    """A request ``number`` × 7 seconds before :data:`NOW`, answered by ``tier``."""
    provider, model = BY_TIER[tier] if tier else (None, None)
    base = RequestRow(
        id=f"req_{0x19ABCDEF000 - number:011x}{number:09x}",
        at=NOW - 7 * number,
        status=Status.OK,
        client="openclaw",
        lane=Lane.INTERACTIVE,
        purpose="chat",
        session="main",
        asked_model="gateway-auto",
        preview=preview,
        input_tokens=1200 + 137 * number,
        output_tokens=80 + 31 * (number % 9),
        tools=12,
        stream=True,
        tier=tier,
        provider=provider,
        model=model,
        route="simple",
        latency_ms=900.0 + 113 * (number % 13),
        first_token_ms=210.0 + 17 * (number % 7),
        finish_reason="stop",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def _rows() -> tuple[RequestRow, ...]:
    shown = (
        row(
            0,
            "Refactor the retry loop in sync.py so that it backs off",
            Tier.PREMIUM,
            status=Status.RUNNING,
            route="hard:code",
            output_tokens=0,
            latency_ms=0.0,
            first_token_ms=None,
            finish_reason=None,
        ),
        row(
            1,
            "What is the capital of Australia?",
            cache=CacheStatus.EXACT,
            latency_ms=2.4,
            first_token_ms=1.9,
            saved_microusd=1830,
        ),
        row(
            2,
            "Which city is the capital of Australia",
            cache=CacheStatus.SEMANTIC,
            latency_ms=14.0,
            saved_microusd=1790,
        ),
        row(
            3,
            "Summarise the meeting notes from Tuesday",
            Tier.CHEAP,
            cost_microusd=412,
            saved_microusd=3900,
            route="medium:summary",
        ),
        row(4, "Schreib eine höfliche Absage an Frau Müller", Tier.LOCAL, saved_microusd=2100),
        row(
            5,
            "Design a schema for multi-tenant billing with audits",
            Tier.PREMIUM,
            cost_microusd=48_300,
            route="hard:design",
            input_tokens=18_420,
            output_tokens=2_210,
            latency_ms=21_400.0,
            first_token_ms=830.0,
        ),
        row(
            6,
            "HEARTBEAT",
            lane=Lane.BACKGROUND,
            purpose="heartbeat",
            route="background",
            output_tokens=3,
            latency_ms=310.0,
        ),
        row(
            7,
            "rm -rf / on the production host",
            None,
            status=Status.REFUSED,
            error_code="policy_violation",
            route="policy",
            output_tokens=0,
            latency_ms=1.1,
            first_token_ms=None,
            model=None,
        ),
        row(8, "日本語で自己紹介を書いてください", Tier.CHEAP, cost_microusd=260, route="medium:language"),
        row(
            9,
            "Explain this stack trace",
            Tier.PREMIUM,
            status=Status.FAILED,
            error_code="upstream_error",
            route="hard:code",
            output_tokens=0,
            latency_ms=3_020.0,
            first_token_ms=None,
        ),
        row(10, "List the files that changed today", Tier.LOCAL, route="tools"),
        row(
            11,
            "Write the release notes for 2.4",
            Tier.PREMIUM,
            status=Status.CANCELLED,
            route="forced:caller",
            cost_microusd=9_120,
        ),
    )
    themes = (
        "Rename this variable",
        "Convert the table to CSV",
        "Is this regex safe?",
        "Plan my week",
        "Translate to French",
        "Why is the build red?",
        "Draft a reply to Sam",
        "Name three test cases",
    )
    tiers = (Tier.LOCAL, Tier.CHEAP, Tier.LOCAL, Tier.PREMIUM, Tier.LOCAL)
    costs = {Tier.LOCAL: 0, Tier.CHEAP: 310, Tier.PREMIUM: 12_700}
    more = tuple(
        row(
            n, f"{themes[n % len(themes)]}, part {n}", tiers[n % len(tiers)], cost_microusd=costs[tiers[n % len(tiers)]]
        )
        for n in range(12, 60)
    )
    return shown + more


def busy() -> Snapshot:
    """An afternoon's work: every tier, every status, a pull, a soft limit not yet reached."""
    hours = [0.0] * 7 + [0.04, 0.21, 0.48, 0.66, 0.31, 0.12, 0.52, 0.08]
    rates = [0.0, 0.0, 0.1, 0.25, 0.2, 0.33, 0.5, 0.4, 0.3, 0.25, 0.4, 0.6] * 5
    return Snapshot(
        at=NOW,
        version="0.1.0",
        started_at=NOW - 18_000,
        address="http://127.0.0.1:8000",
        state="running",
        state_detail="",
        simulated=False,
        read_only=False,
        kill=KillSwitch(),
        forced_tier=None,
        budget=BudgetStatus(
            *("2026-11-23", 3_420_000, 150_000, 5_000_000, 15_000_000, 50_000_000, MIDNIGHT + 86_400),
            background=LaneSpend(120_000, 30_000, 500_000),
        ),
        cache=CacheStats(
            118,
            31,
            203,
            9,
            412,
            812_000,
            1_240_000,
            88_000,
            SEMANTIC,
            Savings(Saved(118, 610_000, 412_000.0), Saved(31, 202_000, 98_000.0)),
            Savings(Saved(1_904, 9_410_000, 6_120_000.0), Saved(388, 2_330_000, 1_240_000.0)),
        ),
        tiers=(
            TierStats("local", 214, 612_000, 48_200, 0, "ollama/qwen3:8b"),
            TierStats("cheap", 61, 208_000, 19_400, 92_000, "groq/llama-4-scout"),
            TierStats("premium", 38, 431_000, 61_300, 3_328_000, "anthropic/claude-sonnet-5-5"),
            TierStats("cache", 149, 310_000, 22_100, 0, ""),
        ),
        providers=(
            ProviderStatus("ollama", "openai", "http://127.0.0.1:11434/v1", "ok"),
            ProviderStatus("groq", "openai", "https://api.groq.com/openai/v1", "ok"),
            ProviderStatus("anthropic", "anthropic", "https://api.anthropic.com", "ok"),
        ),
        local=local.ollama(NOW),
        in_flight=1,
        requests_today=462,
        requests_per_minute=8.4,
        saved_today_microusd=2_310_000,
        requests=_rows(),
        spend_by_hour=Series(MIDNIGHT, 3600, tuple(hours)),
        cache_rate_by_minute=Series(NOW - 3600, 60, tuple(rates)),
        forecast=Forecast(
            Expected(4_010_000, 5_760_000, 7_240_000),
            Expected(71_300_000, 88_400_000, 104_000_000),
            (LimitReached("soft", MIDNIGHT + 19 * 3600 + 24 * 60),),
            "from the same hours of 17 working days and what today has cost so far",
        ),
    )


def empty() -> Snapshot:
    """A first start with no local server and no key: the built-in model serves the LOCAL tier."""
    return replace(
        busy(),
        started_at=NOW - 4,
        state="degraded",
        state_detail="PREMIUM has no key",
        budget=BudgetStatus(
            *("2026-11-23", 0, 0, 5_000_000, 15_000_000, 50_000_000, MIDNIGHT + 86_400),
            background=LaneSpend(0, 0, 500_000),
        ),
        cache=CacheStats(),
        tiers=(
            TierStats("local", target="builtin/smollm2-360m"),
            TierStats("cheap"),
            TierStats("premium"),
            TierStats("cache"),
        ),
        providers=(ProviderStatus("builtin", "builtin", "http://127.0.0.1:40001/v1", "ok"),),
        local=local.absent(NOW),
        in_flight=0,
        requests_today=0,
        requests_per_minute=0.0,
        saved_today_microusd=0,
        requests=(),
        spend_by_hour=Series(MIDNIGHT, 3600, (0.0,) * 15),
        forecast=Forecast(basis="it takes 2 hours or 3 days with spend"),
        cache_rate_by_minute=Series(NOW - 3600, 60, (0.0,) * 60),
        notices=("No Ollama at 127.0.0.1:11434: the built-in model answers for LOCAL.",),
    )


def killed() -> Snapshot:
    """The kill switch is on; a request was cut off."""
    before = busy()
    stopped = replace(
        before.requests[0], status=Status.KILLED, error_code="kill_switch", latency_ms=840.0, cost_microusd=2_210
    )
    return replace(
        before,
        state="killed",
        state_detail="kill switch on",
        kill=KillSwitch(True, NOW - 42, "key"),
        in_flight=0,
        requests=(stopped, *before.requests[1:]),
    )


def over_budget() -> Snapshot:
    """The hard limit is reached: paid tiers are stopped, local goes on."""
    before = busy()
    refused = row(
        0, "Write a novel", None, status=Status.REFUSED, error_code="budget_exceeded", output_tokens=0, latency_ms=0.8
    )
    return replace(
        before,
        budget=replace(before.budget, spent_microusd=50_010_000, reserved_microusd=0),
        state="degraded",
        state_detail="hard limit reached: paid tiers stopped",
        in_flight=0,
        requests=(refused, *before.requests[1:]),
        forecast=Forecast(Expected(50_010_000, 58_200_000, 66_000_000), None, (), before.forecast.basis),
    )


def demo() -> Snapshot:
    """``llmgw demo``: simulated upstreams, the built-in model, PREMIUM forced."""
    before = busy()
    return replace(
        before,
        simulated=True,
        forced_tier=Tier.PREMIUM,
        providers=tuple(replace(provider, simulated=provider.name != "ollama") for provider in before.providers),
        local=empty().local,
        notices=("The demo's data folder is thrown away when it ends.",),
    )


_CACHED = (
    ("What is the capital of Australia?", "exact", "cheap", "llama-4-scout", 3, 5_490, 840.0),
    ("What is the capital of Australia?", "semantic", "cheap", "llama-4-scout", 5, 9_150, 5_200.0),
    ("How do I undo the last commit in git?", "semantic", "premium", "claude-sonnet-5-5", 11, 402_000, 128_000.0),
    ("Schreib eine höfliche Absage an Frau Müller", "exact", "local", "qwen3:8b", 0, 0, 0.0),
    ("Which of these two regular expressions is safe against catastrophic backtracking?", "exact", "premium",
     "claude-sonnet-5-5", 1, 48_100, 21_400.0),
)  # fmt: skip


def cache_entries() -> tuple[CacheEntry, ...]:
    """What both caches keep, newest first."""
    return tuple(
        CacheEntry(
            id=f"{'x' if kind == 'exact' else 's'}-{number:016x}",
            kind=kind,
            question=question,
            tier=tier,
            provider="groq" if tier == "cheap" else "anthropic",
            model=model,
            created_at=NOW - 400 * (number + 1),
            expires_at=NOW + 86_400 - 400 * (number + 1),
            hits=hits,
            used_at=NOW - 60 if hits else 0.0,
            saved_microusd=saved,
            saved_ms=saved_ms,
            size_bytes=900 + 40 * number,
        )
        for number, (question, kind, tier, model, hits, saved, saved_ms) in enumerate(_CACHED)
    )


def cached_answer(entry: CacheEntry) -> CacheEntryDetail:
    """An entry with its answer and, of the semantic cache, other wordings."""
    said = ("Please tell me what the capital of Australia is",) if entry.kind == "semantic" else ()
    return CacheEntryDetail(entry, {"role": "assistant", "content": "It is Canberra.\n\nNot Sydney."}, said)


def cache_hits() -> tuple[CacheHit, ...]:
    """What they answered, newest first."""
    asked = "What is the capital of Australia?"
    reworded = "Please tell me what the capital of Australia is"
    return (
        CacheHit(
            "req_1", NOW - 20, "exact", asked, asked, "same request", None, 380.0, "", "llama-4-scout", 1830, 280.0
        ),
        CacheHit(
            "req_2", NOW - 60, "semantic", reworded, asked, "words", 0.9714, 340.0, "s-1", "llama-4-scout", 1830, 270.0
        ),
    )


SEMANTIC = SemanticStats(
    state="ready",
    entries=57,
    lookups=230,
    hits=31,
    grey_waiting=4,
    grey_approved=12,
    grey_rejected=21,
    recent=ErrorRate(210, 1, 0.0048, 0.0001, 0.0262),
)


EVIL = (
    "\x1b]0;pwned\x07\x1b[2J\x9b31m\x1b]52;c;cm0gLXJm\x07[/x][bold]"
    "\u202egnp.exe\u2066\u200b\u200d\x7f\r\n\ttail\udcff\U000e0041"
)
"""A title change, a screen wipe, a C1 CSI, a clipboard write, markup, bidi, zero-width, DEL, a surrogate and a tag."""


def hostile() -> Snapshot:
    """Every foreign text tries to talk to the terminal."""
    before = busy()
    bad = tuple(
        replace(
            one,
            preview=EVIL + one.preview,
            model=EVIL,
            asked_model=EVIL,
            route=EVIL,
            client=EVIL,
            session=EVIL,
            provider=EVIL,
            error_code=EVIL if one.error_code else None,
            finish_reason=EVIL,
        )
        for one in before.requests[:20]
    )
    return replace(
        before,
        address=EVIL,
        state="degraded",
        state_detail=EVIL,
        requests=bad,
        tiers=tuple(replace(tier, target=EVIL) for tier in before.tiers),
        local=replace(
            before.local,
            version=EVIL,
            detail=EVIL,
            current_model=EVIL,
            models=tuple(replace(model, name=EVIL + model.name, quantization=EVIL) for model in before.local.models),
            pulls=(PullStatus(EVIL, EVIL, 1, 2), PullStatus(EVIL, EVIL, error=EVIL)),
        ),
        notices=(EVIL,),
    )

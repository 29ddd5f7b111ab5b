"""Requests in full, as a gateway keeps them."""

from __future__ import annotations

from dataclasses import replace

from gateway_core.model import (
    Considered,
    Decision,
    DecisionRecord,
    Difficulty,
    Example,
    Feature,
    Reason,
    Received,
    RequestDetail,
    RequestParts,
    RequestRow,
    Status,
    Step,
    Target,
    Tier,
    TierCost,
    Timeline,
    UpstreamRequest,
    Usage,
)
from gateway_core.replay_values import ReplayOffer, ReplayOffers
from tests.fakes.snapshots import BY_TIER, CHEAP, EVIL, LOCAL, busy, hostile


def record() -> DecisionRecord:
    """What was weighed for a hard prompt."""
    return DecisionRecord(
        difficulty=Difficulty(
            0.82,
            (
                Feature("design", 0.28),
                Feature("numbers", -0.13, "0 numbers"),
                Feature("your labels", 0.12, "37 labels"),
                Feature("several constraints", 0.12),
                Feature("lines", -0.09, "1 line"),
                Feature("length", 0.06, "412 characters"),
                Feature("meaning", 0.01),
            ),
            (Example("req_7", "Design the schema of the audit log", Tier.PREMIUM, 0.84),),
            labels=37,
            embedded=True,
        ),
        considered=(
            Considered(
                Tier.LOCAL, *LOCAL, "the model has no tools", True, 18_932, 32_768, 41.0, True, answer_tokens=300
            ),
            Considered(Tier.CHEAP, *CHEAP, "", False, 18_932, 131_072, most_microusd=4_120),
            Considered(Tier.PREMIUM, *BY_TIER[Tier.PREMIUM], "", False, 18_932, 200_000, most_microusd=112_400),
        ),
        otherwise=(
            "LOCAL if its difficulty were below 0.35; it is 0.82, and would be but for design (+0.28) and your labels,"
            " 37 labels (+0.12) and several constraints (+0.12)",
            "CHEAP if its difficulty were unclear, from 0.35 to below 0.65; it is 0.82",
        ),
    )


def detail(of: RequestRow | None = None) -> RequestDetail:
    """Everything of a request to PREMIUM with tools."""
    shown = of or busy().requests[5]
    tier = shown.tier or Tier.PREMIUM
    provider, model = BY_TIER[tier]
    return RequestDetail(
        row=shown,
        decision=Decision(
            target=Target(tier, provider, model, tier is Tier.LOCAL),
            fallbacks=(Target(Tier.CHEAP, *CHEAP, False), Target(Tier.LOCAL, *LOCAL, True)),
            route=shown.route,
            difficulty=0.82,
            reasons=(
                Reason(
                    "feasible",
                    "local is out: its context of 32768 tokens holds the 18420 asked, but not 12 tools with it",
                ),
                Reason("difficulty", "0.82: design verbs, two constraints, 18420 tokens of context"),
                Reason("session", "main stayed on premium for the last 3 turns"),
            ),
            record=record(),
        ),
        usage=Usage(4_020, 2_210, 14_100, 300, 0, 640),
        error_message="the upstream answered 529 overloaded" if shown.status is Status.FAILED else None,
        messages=(
            {"role": "system", "content": "You are OpenClaw, a careful assistant.\nNever touch production."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Design a schema for multi-tenant billing with audits"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "read_file", "arguments": '{"path": "schema.sql"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "create table tenant (id uuid primary key);\n" * 150},
            {"role": "user", "content": "Go on. Größe bitte in Bytes."},
        ),
        answer={
            "role": "assistant",
            "content": "One ledger table per tenant, append-only.\n\n1. tenant\n2. invoice\n3. audit_event",
        },
        tools=("read_file", "write_file", "exec", "web_search"),
        attempts=2,
        elsewhere=(TierCost(Tier.CHEAP, *CHEAP, 4_310),),
        timeline=timeline(f"{provider}/{model}") if shown.status is not Status.RUNNING else Timeline(),
    )


def timeline(target: str = "anthropic/claude-sonnet-5-5") -> Timeline:
    """A first try that failed, a pause, and an answer that streams."""
    return Timeline(
        (
            Step("received", -1.4, 1.4),
            Step("policy", 0.1, 0.05),
            Step("limits", 0.2, 0.02),
            Step("exact cache", 0.3, 0.8, "miss"),
            Step("semantic cache", 1.2, 6.3, "miss"),
            Step("router", 7.6, 0.4, "hard:design"),
            Step("budget", 8.0, 3.1, "$0.1180 set aside", target),
            Step("call", 11.2, 240.0, "Overloaded", target),
            Step("settle", 251.3, 2.0, "nothing charged", target),
            Step("pause", 253.4, 310.0, "", target),
            Step("budget", 563.5, 2.9, "$0.1180 set aside", target),
            Step("call", 566.5, 20_800.0, "", target),
            Step("first token", 830.0, 0.0),
            Step("stream", 830.0, 20_536.0),
            Step("settle", 21_366.6, 3.3, "$0.0483 in all", target),
            Step("keep", 21_370.0, 4.0),
        )
    )


def replay_offers() -> ReplayOffers:
    return ReplayOffers(
        (
            ReplayOffer("local", "ollama/qwen3:8b"),
            ReplayOffer("cheap", problem="No key is set for the cheap tier."),
            ReplayOffer("premium", "anthropic/claude-sonnet-5-5", 118_000),
        )
    )


def parts() -> RequestParts:
    """What went over the wire for :func:`detail`: an attempt that failed, and one that was answered."""
    headers = (("authorization", "Bearer [masked]"), ("user-agent", "OpenClaw/2026.9.6"), ("x-odd", "\x1b[31mred"))
    body = {"model": "gateway-auto", "messages": [{"role": "user", "content": "Go on. Größe bitte in Bytes."}]}
    sent = UpstreamRequest(
        1,
        "anthropic/claude-sonnet-5-5",
        "POST",
        "https://api.anthropic.com/v1/messages",
        (("x-api-key", "[masked]"), ("anthropic-version", "2023-06-01")),
        '{"model": "claude-sonnet-5-5", "max_tokens": 8192, "messages": [{"role": "user", "content": "Go on."}]}',
        529,
        (("request-id", "req_011"), ("retry-after", "1")),
        "Overloaded",
    )
    answered = replace(sent, attempt=2, status=200, error="", answer_headers=(("request-id", "req_012"),))
    received = Received("POST", "/v1/chat/completions", headers, 1.4, "chat", "abc")
    return RequestParts(received, body, (sent, answered))


def hostile_detail() -> RequestDetail:
    return replace(
        detail(hostile().requests[5]),
        error_message=EVIL,
        messages=({"role": EVIL, "name": EVIL, "content": EVIL, "tool_call_id": EVIL},),
        answer={"content": EVIL, "tool_calls": [{"function": {"name": EVIL, "arguments": EVIL}}]},
        tools=(EVIL,),
    )

"""Requests and landscapes for the router's tests."""

from __future__ import annotations

from typing import Any

from gateway_core.clients import read_client
from gateway_core.model import ChatRequest, Target, Tier
from gateway_core.routing.landscape import Capabilities, Landscape, Option
from gateway_core.wire.tokens import measure

LOCAL = Target(Tier.LOCAL, "local", "qwen3:8b", free=True)
CHEAP = Target(Tier.CHEAP, "groq", "openai/gpt-oss-120b", free=False)
PREMIUM = Target(Tier.PREMIUM, "anthropic", "claude-sonnet-5-5", free=False)


def request(text: str = "Hello!", model: str = "gateway-auto", **more: Any) -> ChatRequest:
    """A chat request as http makes it; what is not a field of its own goes into the body."""
    fields = {name: more.pop(name) for name in ("force_tier",) if name in more}
    body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
    return ChatRequest(
        id="req_1",
        received_at=0.0,
        caller="me",
        body=body,
        model=model,
        stream=False,
        view=read_client(body, {}),
        size=measure(body),
        **fields,
    )


def landscape(
    local: Option | None = None,
    cheap: Option | tuple[Option, ...] | None = None,
    premium: Option | tuple[Option, ...] | None = None,
    **more: Any,
) -> Landscape:
    """All three tiers served, unless said otherwise."""
    tiers = {
        Tier.LOCAL: local or Option(LOCAL, can=Capabilities(32_768)),
        Tier.CHEAP: cheap or Option(CHEAP),
        Tier.PREMIUM: premium or Option(PREMIUM),
    }
    more.setdefault("named", {"local": Tier.LOCAL, "groq": Tier.CHEAP, "anthropic": Tier.PREMIUM})
    return Landscape({tier: found if isinstance(found, tuple) else (found,) for tier, found in tiers.items()}, **more)

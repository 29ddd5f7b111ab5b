"""Requests as they are heard."""

from __future__ import annotations

from dataclasses import replace

from gateway_core.kinds import Tier
from gateway_core.learning.hearing import Heard

AT = 1_000.0
WORDS = "How do I renew the certificate of the proxy?"


def answered(request_id: str = "req_1", *, at: float = AT, took: float = 2.0, **more: object) -> Heard:
    """A request of one session that the local tier has answered."""
    plain = Heard(request_id, at, at + took, "caller", "session", WORDS, Tier.LOCAL, 0.3, decided_alone=True)
    return replace(plain, **more)  # type: ignore[arg-type]

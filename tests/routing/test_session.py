"""Sessions remember their target, and forget the oldest."""

from __future__ import annotations

from gateway_core.routing.session import Sessions
from tests.routing.requests import LOCAL, PREMIUM


def test_the_last_target_of_a_session_is_kept() -> None:
    sessions = Sessions()
    sessions.remember("a", LOCAL)
    sessions.remember("a", PREMIUM)
    assert sessions.target("a") == PREMIUM
    assert sessions.target("b") is None
    assert sessions.target(None) is None


def test_memory_is_bounded_by_the_least_recently_used() -> None:
    sessions = Sessions(capacity=2)
    for name in ("a", "b", "a", "c"):
        sessions.remember(name, LOCAL)
    assert sessions.target("b") is None
    assert sessions.target("a") == sessions.target("c") == LOCAL


def test_requests_without_a_session_are_not_remembered() -> None:
    sessions = Sessions()
    sessions.remember(None, LOCAL)
    sessions.remember("", LOCAL)
    assert sessions.target("") is None

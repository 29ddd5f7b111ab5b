"""What was read lately is kept within its bounds."""

from __future__ import annotations

from gateway_core.store.recent import Recent


def test_the_least_recently_used_go_first_and_what_has_expired_is_gone() -> None:
    recent: Recent[str] = Recent(most_entries=2, most_bytes=100)
    for key in ("a", "b"):
        recent.keep(key, key.upper(), 10.0, 1)
    assert recent.get("a", 9.0) == "A" and recent.get("a", 10.0) is None
    recent.keep("c", "C", 10.0, 1)
    assert [recent.get(key, 0.0) for key in "abc"] == ["A", None, "C"]


def test_together_they_are_never_larger_than_they_may_be() -> None:
    recent: Recent[str] = Recent(most_entries=9, most_bytes=100)
    for key in ("a", "b", "a"):
        recent.keep(key, key.upper(), 10.0, 50)
    assert [recent.get(key, 0.0) for key in "ab"] == ["A", "B"]
    recent.keep("c", "C", 10.0, 60)
    assert [recent.get(key, 0.0) for key in "abc"] == [None, None, "C"]
    recent.keep("d", "D", 10.0, 101)
    assert recent.get("d", 0.0) is None

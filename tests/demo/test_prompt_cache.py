"""The simulated prompt cache keeps Anthropic's rules, to the token."""

from __future__ import annotations

from typing import Any

import pytest

from gateway_core.demo.prompt_cache import Lookup, PromptCache
from gateway_core.model import JsonObject

MODEL = "claude-sonnet-5-5"


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> PromptCache:
    """A cache to which every block has 100 tokens, and 150 is the least that it takes."""
    return PromptCache(lambda block: 100, lambda model: 150, clock)


def block(words: str, ttl: str | None = None) -> JsonObject:
    marker = {"cache_control": {"type": "ephemeral", "ttl": ttl}} if ttl else {}
    return {"type": "text", "text": words, **marker}


def body(*blocks: JsonObject, **more: Any) -> JsonObject:
    return {"model": MODEL, "messages": [{"role": "user", "content": list(blocks)}], **more}


def ask(cache: PromptCache, sent: JsonObject) -> tuple[int, int, int, int]:
    """Read, written for 5 minutes, written for an hour, and plain tokens of a request that is answered."""
    found = cache.look_up(sent)
    cache.begin(found)
    return counts(found)


def counts(found: Lookup) -> tuple[int, int, int, int]:
    return found.read, found.written_5m, found.written_1h, found.plain


def numbered(count: int, ttl: str = "5m") -> list[JsonObject]:
    return [*(block(str(number)) for number in range(count - 1)), block(str(count - 1), ttl)]


def test_a_prefix_is_written_up_to_the_marker_and_read_by_a_longer_one(cache: PromptCache) -> None:
    assert ask(cache, body(block("a"), block("b", "5m"), block("c"))) == (0, 200, 0, 100)
    assert ask(cache, body(block("a"), block("b"), block("x"), block("y", "5m"))) == (200, 200, 0, 0)
    assert ask(cache, body(block("a"), block("z"), block("x"), block("y", "5m"))) == (0, 400, 0, 0)


def test_nothing_is_read_without_a_marker_or_below_the_minimum(cache: PromptCache) -> None:
    ask(cache, body(block("a"), block("b", "5m")))
    assert ask(cache, body(block("a"), block("b"))) == (0, 0, 0, 200)
    assert ask(cache, body(block("a", "5m"))) == (0, 0, 0, 100)


def test_tools_come_before_the_system_prompt_and_that_before_the_messages(cache: PromptCache) -> None:
    front: JsonObject = {"tools": [{"name": "t"}], "system": [block("s", "5m")]}
    assert ask(cache, body(block("a"), **front)) == (0, 200, 0, 100)
    assert ask(cache, body(block("b"), **front)) == (200, 0, 0, 100)
    assert ask(cache, body(block("b"), **{**front, "tools": [{"name": "u"}]})) == (0, 200, 0, 100)


@pytest.mark.parametrize(
    "change",
    [
        {"tool_choice": {"type": "none"}},
        {"thinking": {"type": "adaptive"}},
        {"output_config": {"effort": "low"}},
    ],
)
def test_settings_end_the_cache_of_the_messages_but_not_the_front(cache: PromptCache, change: JsonObject) -> None:
    front = {"tools": [{"name": "t"}], "system": [block("s", "5m")]}
    assert ask(cache, body(block("a", "5m"), **front)) == (0, 300, 0, 0)
    assert ask(cache, body(block("a", "5m"), **front, **change)) == (200, 100, 0, 0)


def test_the_first_image_ends_the_cache_of_the_messages(cache: PromptCache) -> None:
    ask(cache, body(block("a"), block("b", "5m")))
    assert ask(cache, body(block("a"), block("b"), {"type": "image"}, block("c", "5m"))) == (0, 400, 0, 0)


def test_another_model_reads_nothing(cache: PromptCache) -> None:
    ask(cache, body(block("a"), block("b", "5m")))
    assert ask(cache, {**body(block("a"), block("b", "5m")), "model": "claude-haiku-5-5"}) == (0, 200, 0, 0)


def test_a_marker_looks_back_over_twenty_blocks_its_own_counted(cache: PromptCache) -> None:
    ask(cache, body(*numbered(5)))
    assert ask(cache, body(*numbered(24)))[0] == 500
    cache._entries.clear()
    ask(cache, body(*numbered(5)))
    assert ask(cache, body(*numbered(25)))[0] == 0


def test_a_run_of_tool_calls_is_one_step_back(cache: PromptCache) -> None:
    calls = [{"type": "tool_use", "id": f"{number}"} for number in range(30)]
    ask(cache, body(block("a"), block("b", "5m")))
    assert ask(cache, body(block("a"), block("b"), *calls, block("c", "5m")))[0] == 200


def test_each_lifetime_ends_after_the_last_use_begun(cache: PromptCache, clock: Clock) -> None:
    for ttl, life in (("5m", 300), ("1h", 3600)):
        words = [block(ttl), block("b", ttl)]
        ask(cache, body(*words))
        for _ in range(2):
            clock.seconds += life
            assert ask(cache, body(*words)) == (200, 0, 0, 0)
        clock.seconds += life + 1
        assert ask(cache, body(*words))[0] == 0


def test_a_read_renews_for_the_life_that_was_written(cache: PromptCache, clock: Clock) -> None:
    ask(cache, body(block("a"), block("b", "1h")))
    ask(cache, body(block("a"), block("b", "5m")))
    clock.seconds += 3600
    assert ask(cache, body(block("a"), block("b", "5m")))[0] == 200
    ask(cache, body(block("x"), block("b", "5m")))
    ask(cache, body(block("x"), block("b", "1h")))
    clock.seconds += 301
    assert ask(cache, body(block("x"), block("b", "1h")))[0] == 0


def test_hours_and_minutes_are_split_where_the_last_marker_of_an_hour_is(cache: PromptCache) -> None:
    mixed = [block("a"), block("b", "1h"), block("c", "1h"), block("d", "5m"), block("e")]
    assert ask(cache, body(*mixed)) == (0, 100, 300, 100)
    assert ask(cache, body(*mixed)) == (400, 0, 0, 100)


def test_what_is_not_yet_answered_cannot_be_read(cache: PromptCache) -> None:
    words = body(block("a"), block("b", "5m"))
    first = cache.look_up(words)
    assert counts(cache.look_up(words)) == (0, 200, 0, 0)
    cache.begin(first)
    assert counts(cache.look_up(words)) == (200, 0, 0, 0)


def test_automatic_caching_marks_the_last_block(cache: PromptCache) -> None:
    automatic = {"cache_control": {"type": "ephemeral"}}
    assert ask(cache, body(block("a"), block("b"), **automatic)) == (0, 200, 0, 0)
    assert ask(cache, body(block("a"), block("b"), block("c"), **automatic)) == (200, 100, 0, 0)


def test_the_order_of_fields_counts(cache: PromptCache) -> None:
    ask(cache, body(block("a"), {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}))
    assert ask(cache, body(block("a"), {"text": "b", "type": "text", "cache_control": {"type": "ephemeral"}}))[0] == 0

"""Where prompt-cache breakpoints go, and that the caller's own win."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.clients.openclaw import is_carrier_text, steady_length
from gateway_core.model import JsonObject
from gateway_core.wire.anthropic_messages import to_messages
from gateway_core.wire.claude_models import cacheable_from
from gateway_core.wire.prompt_cache import Placed, Ttl, Wish, parts_of, place, reachable, split_system
from tests.clients.recorded import recorded_session
from tests.fakes import anthropic_rules
from tests.wire.strategies import FIELDS, anything_at_all

SHORT, LONG = Ttl.SHORT, Ttl.LONG
BOTH = Wish(SHORT, SHORT, minimum=1)


def text(words: str, **more: Any) -> JsonObject:
    return {"type": "text", "text": words, **more}


def messages_body(*blocks: list[JsonObject], **more: Any) -> JsonObject:
    """A request whose turns have these blocks, the user's first."""
    turns = [{"role": ("user", "assistant")[at % 2], "content": content} for at, content in enumerate(blocks)]
    return {"model": "claude-sonnet-5-5", "max_tokens": 10, "messages": turns, **more}


def tool(name: str, **more: Any) -> JsonObject:
    return {"name": name, "input_schema": {"type": "object", "properties": {}}, **more}


def placed(body: JsonObject, wish: Wish = BOTH, **more: Any) -> Placed:
    before = copy.deepcopy(body)
    made = place(body, parts_of(body), wish, **more)
    assert body == before
    assert parts_of(made.body) == tuple(
        part.__class__(part.where, part.path, part.data, part.kind, part.markable, dict(made.marks).get(at), part.text)
        for at, part in enumerate(made.parts)
    )
    return made


def named(made: Placed) -> list[tuple[str, str]]:
    return [(made.parts[at].where, ttl.value) for at, ttl in made.marks]


def test_tools_system_and_the_newest_block_are_marked() -> None:
    body = messages_body([text("Hello.")], tools=[tool("read"), tool("write")], system="Be brief.")
    made = placed(body)
    assert named(made) == [("tools[1]", "5m"), ("system[0]", "5m"), ("messages[0].content[0]", "5m")]
    assert made.body["system"] == [text("Be brief.", cache_control={"type": "ephemeral"})]
    assert "cache_control" not in made.body["tools"][0]
    assert not made.own


def test_string_contents_become_blocks_only_where_they_are_marked() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": word} for word in ("one", "two")]}
    made = placed(body)
    assert made.body["messages"][1]["content"] == [text("two", cache_control={"type": "ephemeral"})]
    assert made.body["messages"][0]["content"] == "one"
    assert placed(body, Wish(SHORT, None, 1)).body == body


def test_what_cannot_carry_a_marker_is_passed_over() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    body = messages_body(
        [text("Go.")],
        [text("Well"), thought, {"type": "redacted_thinking", "data": "x"}],
        [text(" ")],
        tools=[tool("read"), tool("later", defer_loading=True)],
    )
    assert named(placed(body)) == [
        ("tools[0]", "5m"),
        ("messages[1].content[0]", "5m"),
    ]


def test_longer_lifetimes_stand_before_shorter_ones() -> None:
    body = messages_body([text("Hello.")], tools=[tool("read")], system="Be brief.")
    assert [ttl for _, ttl in named(placed(body, Wish(LONG, SHORT, 1)))] == ["1h", "1h", "5m"]
    assert [ttl for _, ttl in named(placed(body, Wish(SHORT, LONG, 1)))] == ["1h", "1h", "1h"]
    assert [where for where, _ in named(placed(body, Wish(LONG, None, 1)))] == ["tools[0]", "system[0]"]
    assert placed(body, Wish(None, None, 1)).body == body


def test_nothing_below_the_models_minimum_is_marked() -> None:
    body = messages_body([text("word " * 700)], tools=[tool("read")], system="Be brief.")
    assert named(placed(body, Wish(SHORT, SHORT, 512))) == [("messages[0].content[0]", "5m")]
    assert placed(body, Wish(SHORT, SHORT, 4096)).body == body


def test_a_long_conversation_keeps_a_resting_place_within_reach() -> None:
    """However a conversation grows by up to 35 blocks a turn, without memory the next turn finds an entry."""
    for growth in range(1, 36):
        blocks, entries = 1, set[int]()
        for turn in range(12):
            made = placed(messages_body([text(f"{n}") for n in range(blocks)]))
            assert not turn or any(reachable(made.marks, made.parts, entry) for entry in entries), (growth, turn)
            entries = {at for at, _ in made.marks}
            blocks += growth


def test_a_remembered_place_is_marked_however_far_back_it_is() -> None:
    made = placed(messages_body([text(f"{n}") for n in range(100)]), Wish(SHORT, SHORT, 1, anchor=7))
    assert [at for at, _ in made.marks] == [7, 99]
    assert reachable(made.marks, made.parts, 7)


def test_a_run_of_tool_calls_is_one_step_of_the_look_back() -> None:
    calls = [{"type": "tool_use", "id": f"t{n}", "name": "read", "input": {}} for n in range(30)]
    results = [{"type": "tool_result", "tool_use_id": f"t{n}", "content": "x"} for n in range(30)]
    parts = parts_of(messages_body([text("Go.")], calls, results))
    assert reachable(((60, SHORT),), parts, 0)
    parts = parts_of(messages_body([text(f"{n}") for n in range(30)]))
    assert reachable(((29, SHORT),), parts, 10)
    assert not reachable(((29, SHORT),), parts, 9)


# --- the caller's own markers --------------------------------------------------------------------------------------


def test_the_callers_markers_are_the_only_ones() -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    body = messages_body([text("Hello.", cache_control=mark)], tools=[tool("read")], system="Be brief.")
    made = placed(body, Wish(SHORT, SHORT, 1))
    assert (made.body, made.own, named(made)) == (body, True, [("messages[0].content[0]", "1h")])


def test_a_caller_that_marks_too_far_apart_gets_a_place_between() -> None:
    blocks = [text(f"{n}") for n in range(60)]
    blocks[-1] = text("now", cache_control={"type": "ephemeral", "ttl": "1h"})
    made = placed(messages_body(blocks), Wish(SHORT, SHORT, 1, anchor=20))
    assert named(made) == [("messages[0].content[20]", "1h"), ("messages[0].content[59]", "1h")]
    assert placed(messages_body(blocks), Wish(SHORT, SHORT, 1, anchor=45)).body == messages_body(blocks)


def test_automatic_caching_counts_as_the_callers_marker() -> None:
    body = messages_body([text("Hello."), text("You.")], system="Be brief.", cache_control={"type": "ephemeral"})
    made = placed_automatic(body)
    alone = placed_automatic(messages_body([text("Hello.")], cache_control={"type": "ephemeral"}))
    assert (named(alone), alone.own) == ([("messages[0].content[0]", "5m")], True)
    assert (made.body, made.own) == (body, True)
    assert [made.parts[at].where for at, _ in made.marks] == ["messages[0].content[1]"]


def placed_automatic(body: JsonObject) -> Placed:
    return place(body, parts_of(body), BOTH)


# --- OpenClaw ------------------------------------------------------------------------------------------------------


def openclaw_bodies() -> list[JsonObject]:
    return [to_messages(request.body, "claude-sonnet-5-5", 100) for request in recorded_session()]


def openclaw_placed(body: JsonObject) -> Placed:
    body = split_system(body, steady_length)
    return place(
        body,
        parts_of(body),
        Wish(SHORT, SHORT, 512),
        steady=lambda words: steady_length(words) == len(words),
        passing=is_carrier_text,
    )


def test_the_carrier_stays_behind_the_last_marker_also_after_a_tool_result() -> None:
    bodies = openclaw_bodies()
    for body in bodies:
        made = openclaw_placed(body)
        anthropic_rules.check(made.body)
        last = made.body["messages"][-1]["content"]
        assert is_carrier_text(last[-1]["text"]) and "cache_control" not in last[-1]
        assert last[-2]["cache_control"] == {"type": "ephemeral"}
    kinds = {body["messages"][-1]["content"][0]["type"] for body in bodies}
    assert kinds == {"text", "tool_result"}


def test_the_date_and_the_model_stand_behind_the_marker_and_no_letter_is_changed() -> None:
    body = openclaw_bodies()[0]
    steady, moving = openclaw_placed(body).body["system"]
    assert steady["text"] + moving["text"] == body["system"][0]["text"]
    assert steady["cache_control"] and "cache_control" not in moving
    assert "Current date: 2026-11-28" in moving["text"] and "Current date: 2" not in steady["text"]
    assert "Current model identity:" in moving["text"] and "Current model identity:" not in steady["text"]
    tomorrow = copy.deepcopy(body)
    tomorrow["system"][0]["text"] = body["system"][0]["text"].replace(
        "Current date: 2026-11-28", "Current date: 2026-11-29"
    )
    assert openclaw_placed(tomorrow).body["system"][0] == steady


def test_an_openclaw_without_sections_is_cut_before_its_first_line_that_changes() -> None:
    system = "You help.\n## Time\nCurrent date: 2026-11-28\nAfter.\nCurrent model identity: x for the current run."
    body = split_system(messages_body([text("Hi")], system=system), steady_length)
    assert [block["text"] for block in body["system"]] == ["You help.\n## Time\n", system[18:]]


def test_no_marker_stands_behind_what_changes() -> None:
    system = [text("You help."), text("a\nCurrent date: 2026-11-28"), text("Be brief.")]
    body = openclaw_placed(messages_body([text("word " * 600)], system=system)).body
    assert ["cache_control" in block for block in body["system"]] == [False, False, False, False]
    long = [text("word " * 600), text("a\nCurrent date: 2026-11-28"), text("Be brief.")]
    body = openclaw_placed(messages_body([text("Hi")], system=long)).body
    assert ["cache_control" in block for block in body["system"]] == [False, True, False, False]


def test_a_prompt_that_does_not_change_is_left_whole() -> None:
    body = messages_body([text("Hi")], system="You help.")
    assert split_system(body, steady_length) is body
    marked = messages_body(
        [text("Hi")], system=[text("a\nCurrent date: 2026-11-28", cache_control={"type": "ephemeral"})]
    )
    assert split_system(marked, steady_length) is marked


# --- anything at all -----------------------------------------------------------------------------------------------


@given(st.integers(0, 1_000_000))
def test_malformed_bodies_come_through(seed: int) -> None:
    rng = random.Random(seed)
    body = {name: anything_at_all(rng) for name in FIELDS}
    made = place(body, parts_of(body), Wish(LONG, SHORT, 0))
    assert len(made.marks) <= max(4, len([part for part in made.parts if part.ttl]) + 1)


@given(st.integers(0, 1_000_000))
def test_markers_always_keep_the_rules(seed: int) -> None:
    rng = random.Random(seed)
    kinds = ("text", "tool_use", "thinking", "blank")
    contents = [rng.choices(kinds, k=rng.randint(1, 30)) for _ in range(rng.randint(1, 6))]
    made_of = {
        "text": text("word"),
        "tool_use": {"type": "tool_use", "id": "a", "name": "b", "input": {}},
        "thinking": {"type": "thinking", "thinking": "", "signature": ""},
        "blank": text(""),
    }
    body = messages_body(
        *[[made_of[kind] for kind in kinds] for kinds in contents],
        system=rng.choice(["", "Be brief."]),
        tools=[tool("read")] * rng.randint(0, 3),
    )
    lives_wished = (None, SHORT, LONG)
    made = placed(body, Wish(rng.choice(lives_wished), rng.choice(lives_wished), 1, rng.choice((None, 0))))
    lives = [life for _, life in made.marks]
    assert len(lives) <= 4
    assert lives == sorted(lives, key=lambda life: life is SHORT)
    assert all(made.parts[at].markable for at, _ in made.marks)


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("claude-opus-5-5", 512),
        ("claude-sonnet-5-5", 512),
        ("claude-haiku-5-5", 512),
        ("claude-fable-5-1", 512),
        ("claude-opus-5", 512),
        ("claude-sonnet-5", 1024),
        ("claude-opus-4-8", 1024),
        ("claude-sonnet-4-6", 1024),
        ("claude-opus-4-7", 2048),
        ("claude-mythos-preview", 2048),
        ("claude-opus-4-6", 4096),
        ("claude-opus-4-5-20251101", 4096),
        ("claude-haiku-4-5-20251001", 4096),
    ],
)
def test_each_model_has_its_minimum(model: str, tokens: int) -> None:
    assert cacheable_from(model) == tokens == anthropic_rules.cacheable_from(model)

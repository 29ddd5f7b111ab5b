"""Where a conversation's turns begin."""

from __future__ import annotations

from typing import Any

from gateway_core.compaction.turns import moving_tail, prompts, turn_starts
from tests.clients.recorded import recorded, recorded_session
from tests.compaction.sessions import CARRIER, call, prompts_of_a_session, result


def roles(text: str) -> list[Any]:
    """Messages from initials: s(ystem), u(ser), a(ssistant), c(all), r(esult of the call before)."""
    made: list[Any] = []
    for index, one in enumerate(text):
        if one == "c":
            made.append(call(f"call{index}"))
        elif one == "r":
            made.append(result(made[-1].get("tool_call_id") or made[-1]["tool_calls"][0]["id"], "ok"))
        else:
            role = {"s": "system", "u": "user", "a": "assistant"}[one]
            made.append({"role": role, "content": "x"})
    return made


def test_a_turn_begins_where_the_user_speaks_after_an_answer() -> None:
    assert turn_starts(roles("suaua")) == (1, 3)
    assert turn_starts(roles("sucrauu")) == (1, 5)
    assert turn_starts(roles("auau")) == (1, 3)
    assert turn_starts(roles("sa")) == ()


def test_what_is_said_into_a_tool_loop_belongs_to_its_turn() -> None:
    assert turn_starts(roles("ucru")) == (0,)
    assert turn_starts(roles("uacrucra")) == (0,)


def test_a_system_message_between_two_turns_is_no_turn() -> None:
    assert turn_starts(roles("uasu")) == (0, 3)


def test_a_turn_never_begins_between_a_call_and_its_result() -> None:
    late = [*roles("ua"), call("a_1"), {"role": "user", "content": "wait"}, result("a1", "late"), *roles("au")]
    assert turn_starts(late) == (0, 6)


def test_openclaws_carrier_is_part_of_every_turn_it_ends() -> None:
    for request in recorded_session():
        messages = request.body["messages"]
        starts = turn_starts(messages)
        assert messages[starts[-1]]["content"].find("BEGIN_OPENCLAW_INTERNAL_CONTEXT") < 0
        assert moving_tail(messages) == 1
    loop = recorded("tool_loop").body["messages"]
    assert loop[turn_starts(loop)[-1]]["role"] == "user"
    assert "tool" in [message["role"] for message in loop[turn_starts(loop)[-1] :]]


def test_every_answer_was_given_to_a_prompt() -> None:
    assert prompts(roles("sucrau")) == (2, 4, 6)
    session = prompts_of_a_session(3)
    assert prompts(session[-1])[:-1] == tuple(len(prompt) - 1 for prompt in session[:-1])
    assert session[-1][-1] == CARRIER

"""A request's place in its conversation is told by the user's words, with or without a session."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway_core.clients import read_client
from gateway_core.model import ChatRequest, Lane
from gateway_core.routing.place import Place, place_of
from gateway_core.wire.tokens import measure
from tests.clients.recorded import Recorded, recorded, recorded_session
from tests.routing.talks import asked, step


def of(sent: Recorded) -> Place:
    return place_of(ChatRequest("r", 0.0, "me", sent.body, "gateway-auto", True, sent.view(), measure(sent.body)))


def test_a_tool_loop_is_one_turn_and_the_next_question_is_another() -> None:
    places = [of(one) for one in recorded_session()]
    turns = [place.turn[-2:] for place in places]
    assert turns[2] == turns[3]
    assert turns[5] == turns[6] == turns[7]
    assert len(set(turns)) == 10
    assert [place.turns for place in places] == [1, 2, 3, 3, 4, 5, 5, 5, 6, 7, 7, 8, 9, 10]
    assert all(now.before == earlier.turn[-2:] for earlier, now in ((places[0], places[1]), (places[3], places[4])))
    assert places[0].before == ()


def test_each_step_of_a_loop_is_known_by_the_calls_that_brought_it() -> None:
    first, second = step("call_1_a"), step("call_2_b")
    begun, on = place_of(asked("Read it.", *first)), place_of(asked("Read it.", *first, *second))
    start = place_of(asked("Read it."))
    assert start.after_calls(("call1a",)) == begun.turn[0]
    assert begun.after_calls(("call2b",)) == on.turn[0]
    assert begun.turn[-2:] == on.turn[-2:] == start.turn


def test_what_clients_change_on_the_way_makes_no_other_turn() -> None:
    """Tool results are pruned, ids lose their underscores, cache markers move, the carrier says something new."""
    long, short = step("call_1", result="x" * 500), step("call1", result="[pruned]")
    assert place_of(asked("Go.", *long)).turn == place_of(asked("Go.", *short)).turn
    marked: Any = {"role": "user", "content": [{"type": "text", "text": "Go.", "cache_control": {"type": "ephemeral"}}]}
    assert place_of(asked(marked)).turn == place_of(asked("Go.")).turn
    loop = recorded("tool_loop")
    said = {"type": "text", "text": loop.body["messages"][-1]["content"][0]["text"].replace("none", "exec 4711", 1)}
    busy = Recorded(loop.headers, {**loop.body, "messages": [*loop.body["messages"][:-1], {"role": "user"}]})
    busy.body["messages"][-1]["content"] = [said]
    assert of(busy).turn == of(loop).turn


def test_conversations_differ_by_caller_session_system_lane_and_words() -> None:
    plain = asked("Hello!")
    others = [
        asked("Hello?"),
        asked("Hello!", session="s1"),
        asked("Hello!", system="Be brief."),
        replace(plain, caller="you"),
        replace(plain, view=replace(plain.view, lane=Lane.BACKGROUND, purpose="heartbeat")),
    ]
    assert len({place_of(one).turn[0] for one in (plain, *others)}) == 6


def test_pictures_are_told_apart() -> None:
    def shown(url: str) -> ChatRequest:
        return asked({"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]})

    assert place_of(shown("data:image/png;base64,AAAA")).turn != place_of(shown("data:image/png;base64,BBBB")).turn


def test_claude_codes_reminders_are_no_words_of_the_user() -> None:
    headers = {"user-agent": "claude-cli/2.1", "x-claude-code-session-id": "c1"}
    reminder = "<system-reminder>\nThe todo list is empty.\n</system-reminder>"
    call, result = step("toolu_1")

    def sent(*messages: dict[str, Any]) -> ChatRequest:
        body = {"model": "gateway-auto", "messages": list(messages)}
        return ChatRequest("r", 0.0, "me", body, "gateway-auto", True, read_client(body, headers), measure(body))

    question = {"role": "user", "content": [{"type": "text", "text": "Fix the test."}]}
    beside = {"role": "user", "content": [{"type": "text", "text": reminder}]}
    loop = sent(question, call, result, beside)
    assert loop.view.in_tool_loop
    assert loop.view.user_text == "Fix the test."
    assert place_of(loop).turn[-2:] == place_of(sent(question)).turn
    typed = sent(question, call, result, {"role": "user", "content": f"{reminder}\nStop."})
    assert not typed.view.in_tool_loop
    assert typed.view.user_text == "Stop."


def test_nothing_at_all_has_a_place() -> None:
    body: dict[str, Any] = {"messages": [{"role": "user", "content": None}, 7, {"role": "user", "content": [7, None]}]}
    place_of(ChatRequest("r", 0.0, "me", body, "auto", True, read_client(body, {}), measure({"messages": []})))
    place_of(ChatRequest("r", 0.0, "me", {}, "auto", True, read_client({}, {}), measure({})))

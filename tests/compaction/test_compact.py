"""What is left out of which conversation, in which order, and what stays."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway_core.compaction.compact import (
    Compaction,
    budget_tokens,
    compact,
    least_tokens,
    smaller_budget,
)
from gateway_core.wire.tokens import estimate_tokens
from tests.clients.recorded import recorded_session
from tests.compaction.sessions import call, prompts_of_a_session, result, words

SYSTEM: Any = {"role": "system", "content": "You read files."}
LAST: Any = [{"role": "user", "content": "And now?"}]


def user(text: Any) -> Any:
    return {"role": "user", "content": text}


def said(text: Any, **more: Any) -> Any:
    return {"role": "assistant", "content": text, **more}


def compacted(messages: list[Any], share: float = 0.5) -> Compaction:
    """The conversation compacted to a share of what can be left out of it."""
    body = {"messages": messages}
    least, whole = least_tokens(body), estimate_tokens(body)
    made = compact(body, least + int((whole - least) * share))
    assert made
    return made


def test_harmless_things_go_first_and_whole_turns_last() -> None:
    old = [
        user("Read it."),
        call("a"),
        result("a", words(3_000, 1)),
        said(words(900, 2)),
        user("More."),
        said(words(90, 3)),
    ]
    messages = [SYSTEM, *old, *LAST]
    summaries = [compacted(messages, share).summary for share in (0.95, 0.3, 0.0)]
    assert summaries[0] == "1 tool result cut"
    assert summaries[1] == "1 tool result cut, 1 long text cut"
    assert summaries[2] == "2 turns folded"


def test_a_cut_result_keeps_its_head_and_tail_and_says_how_much_is_gone() -> None:
    text = words(3_000, 3)
    made = compacted([SYSTEM, user("Read it."), call("a"), result("a", text), said("Done."), *LAST], 0.9)
    cut = made.messages[3]["content"]
    head, _, rest = cut.partition("\n[llmgw left out ")
    told, _, tail = rest.partition("]\n")
    assert text.startswith(head) and text.endswith(tail) and len(head) > 500 and len(tail) > 100
    assert told.endswith(" tokens here: m3") and " of " in told
    assert made.messages[3]["tool_call_id"] == "a"


def test_a_file_that_was_read_again_is_left_out_where_it_was_read_first() -> None:
    text = words(1_000, 4)
    first = [user("Read it."), call("a"), result("a", text), said("Read.")]
    again = [user("Read it again."), call("b"), result("b", text)]
    made = compacted([SYSTEM, *first, *again], 0.9)
    assert made.messages[3]["content"] == "[llmgw left this out: the same result comes again further down: m3]"
    assert made.messages[-3:] == again and made.summary == "1 repeated tool result left out"


def test_old_images_and_encoded_data_go_and_the_words_beside_them_stay() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    data = "QUJD" * 900
    messages = [
        user([{"type": "text", "text": "See."}, image]),
        said("Seen."),
        user(f"Decode {data} please."),
        said("No."),
    ]
    made = compacted([*messages, user([image])], 0.25)
    assert made.messages[0]["content"][0]["text"] == "See."
    assert made.messages[0]["content"][1]["text"] == "[llmgw left out the image that was here: m0]"
    assert made.messages[2]["content"] == "Decode [llmgw left out 3,600 characters of encoded data here: m2] please."
    assert made.messages[-1] == user([image])


def test_arguments_that_are_cut_are_still_json() -> None:
    written = call("a", "write", path="a.py", text=words(2_000, 5), edits=[{"old": words(900, 6)}])
    made = compacted([user("Write it."), written, result("a", "ok"), said("Done."), *LAST], 0.6)
    arguments = json.loads(made.messages[1]["tool_calls"][0]["function"]["arguments"])
    assert arguments["path"] == "a.py" and "[llmgw left out" in arguments["text"]
    assert "[llmgw left out" in arguments["edits"][0]["old"]


@pytest.mark.parametrize("arguments", ['{"text": "' + "x" * 9_000, '"' + "\\ud800 " * 2_000 + '"', "[" * 5_000])
def test_arguments_that_nobody_can_read_are_left_alone(arguments: str) -> None:
    broken = {"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}}
    old = [user(words(900, 7)), said(None, tool_calls=[broken]), result("a", "ok"), said("Done.")]
    for share in (0.9, 0.5, 0.1):
        kept = compacted([*old, *LAST], share).messages
        assert all(message.get("tool_calls") in (None, [broken]) for message in kept)


def test_old_thoughts_go_whole_and_those_of_the_running_loop_stay() -> None:
    blocks = [{"type": "thinking", "thinking": words(900, 8), "signature": "s"}]
    old = [user("Think."), said("Done.", thinking_blocks=blocks)]
    loop = [user("Again."), {**call("a"), "thinking_blocks": blocks}, result("a", "ok")]
    made = compacted([*old, *loop], 0.5)
    assert made.messages == [user("Think."), said("Done."), *loop]
    assert made.summary == "1 thought left out"


def test_folded_turns_are_told_by_what_the_user_asked_and_roles_go_on_taking_turns() -> None:
    reminder = {"type": "text", "text": "<system-reminder>x</system-reminder>"}
    asked = [
        user("The first thing."),
        user([reminder, {"type": "text", "text": "Second\nthing?"}]),
        user("[Mon 2026-11-23 15:38 UTC] Third thing"),
    ]
    old = [message for turn in asked for message in (turn, said(words(100, 9)))]
    made = compacted([SYSTEM, *old, *LAST], 0.0)
    roles = [message["role"] for message in made.messages]
    assert roles == ["system", "user", "assistant", "user"]
    assert made.messages[1] == asked[0] and made.messages[-1] == LAST[0]
    mark = 'm2-m6. The user went on to ask: "Second thing?"; "Third thing".]'
    assert made.messages[2]["content"] == f"[llmgw left out 5 older messages here: {mark}"
    assert [(one.id, one.rule) for one in made.left_out] == [("m2-m6", "turn")]


def test_system_messages_inside_what_is_folded_stay() -> None:
    inside = {"role": "developer", "content": "Be brief."}
    old = [user("One."), said(words(300, 1)), inside, user("Two."), said(words(300, 2))]
    made = compacted([SYSTEM, *old, *LAST], 0.0)
    assert [message["role"] for message in made.messages] == ["system", "user", "assistant", "developer", "user"]


def test_the_running_tool_loop_is_never_touched_and_what_it_alone_overfills_cannot_be_done() -> None:
    loop = [user("Read it."), call("a"), result("a", words(3_000, 1)), call("b"), result("b", words(3_000, 2))]
    body = {"messages": [SYSTEM, user("Hi."), said("Hello."), *loop]}
    assert compact(body, 2_000) is None
    whole = compact(body, 20_000)
    assert whole and whole.messages == body["messages"]


def test_what_fits_is_the_very_same_messages() -> None:
    messages = prompts_of_a_session(3)[-1]
    made = compact({"messages": messages}, 100_000)
    assert made and made.messages == messages and not made.left_out
    assert all(one is other for one, other in zip(made.messages, messages, strict=True))


@pytest.mark.parametrize("budget", [6_000, 8_000, 12_000])
def test_a_growing_session_is_shortened_in_steps_and_begins_the_same_in_between(budget: int) -> None:
    before: list[Any] = []
    steps = 0
    carrier = user(words(600, 5))
    session = [[*prompt[:-1], carrier] for prompt in prompts_of_a_session(30)]
    for messages in session:
        made = compact({"messages": messages}, budget)
        assert made and made.compacted_tokens <= budget
        assert made.messages[-1] == messages[-1]
        if made.messages[: len(before)] != before:
            steps += 1
            assert made.compacted_tokens < budget * 0.85
        before = made.messages[:-1]
    assert 0 < steps < len(session) * (1_700 / (budget * 0.3))


def test_openclaws_recorded_session_keeps_its_system_prompt_its_runtime_line_and_its_tool_loops() -> None:
    for request in recorded_session()[4:]:
        body, messages = request.body, request.body["messages"]
        least, whole = least_tokens(body), estimate_tokens(body)
        made = compact(body, max(least, whole - 20))
        assert made and made.messages[0] == messages[0] and "Runtime:" in str(made.messages[1]["content"])
        assert made.messages[-2:] == messages[-2:]


def test_the_budget_leaves_room_for_the_answer_and_for_a_wrong_estimate() -> None:
    assert budget_tokens(8_192, None) == budget_tokens(8_192, 64_000) == 5_632
    assert budget_tokens(8_192, 100) > budget_tokens(8_192, None)
    assert budget_tokens(16_384, None) == budget_tokens(16_500, None)


def test_a_model_that_finds_it_too_long_gets_less_each_time() -> None:
    assert smaller_budget(5_632, 9_000, 0) == 5_632
    assert smaller_budget(5_632, 9_000, 1) == 5_632
    once, twice = smaller_budget(5_632, 5_000, 1), smaller_budget(5_632, 5_000, 2)
    assert twice < once < 5_000


def test_no_budget_is_made_no_smaller() -> None:
    assert smaller_budget(0, 0, 1) == smaller_budget(0, 9_000, 3) == 0

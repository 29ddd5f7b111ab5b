"""Chat completions arrive at Ollama's own chat with all that it can say."""

from __future__ import annotations

import base64
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model import JsonObject, Refused
from gateway_core.wire.ollama_chat import Loading, to_ollama
from gateway_core.wire.validation import validate
from tests.fakes.ollama_chat import problem

PIXEL = base64.b64encode(b"\x89PNG").decode()
TOOL: JsonObject = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
OTHER: JsonObject = {"type": "function", "function": {"name": "g", "parameters": {"type": "object"}}}
USER: JsonObject = {"role": "user", "content": "hi"}


def sent(
    *messages: JsonObject, model: str = "m", thinks: bool = True, limit: int | None = None, **more: object
) -> JsonObject:
    """The request, which the fake must take from a model that can do everything."""
    body = {"messages": list(messages or [USER]), **more}
    request = to_ollama(body, model, Loading(8192), max_output_tokens=limit, thinks=thinks)
    assert problem(request, ["tools", "thinking", "vision"]) is None
    return request


def test_a_prompt_is_never_cut_and_the_context_is_asked_for() -> None:
    request = sent()
    assert (request["truncate"], request["shift"], request["stream"]) == (False, False, True)
    assert request["options"] == {"num_ctx": 8192}, "the model's own temperature stays"
    assert "keep_alive" not in request and "think" not in request and "format" not in request


@pytest.mark.parametrize("keep_alive", [-1, "30m", 0])
def test_how_long_the_model_stays_is_handed_on(keep_alive: int | str) -> None:
    request = to_ollama({"messages": [USER]}, "m", Loading(4096, keep_alive), max_output_tokens=None, thinks=False)
    assert request["keep_alive"] == keep_alive


def test_what_is_known_by_the_same_name_is_an_option() -> None:
    request = sent(temperature=0.5, top_p=1, top_k=40.0, seed=7.0, frequency_penalty=0, stop="x", min_p=None, limit=99)
    assert request["options"] == {
        "num_ctx": 8192, "temperature": 0.5, "top_p": 1, "top_k": 40, "frequency_penalty": 0, "seed": 7, "stop": ["x"],
        "num_predict": 99,
    }  # fmt: skip


def test_every_role_arrives() -> None:
    call = {"id": "call_5", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    messages = sent(
        {"role": "developer", "content": "Be kind."},
        {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": "I look."},
        {"role": "tool", "tool_call_id": "call5", "content": "done"},
        {"role": "function", "name": "old", "content": None},
        {"role": "assistant", "content": None, "refusal": "No."},
    )["messages"]
    assert messages == [
        {"role": "system", "content": "Be kind."},
        {
            "role": "assistant",
            "content": "",
            "thinking": "I look.",
            "tool_calls": [{"id": "call_5", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}],
        },
        {"role": "tool", "content": "done", "tool_name": "f", "tool_call_id": "call5"},
        {"role": "tool", "content": "", "tool_name": "old"},
        {"role": "assistant", "content": "No."},
    ]


@pytest.mark.parametrize(
    ("arguments", "object_"),
    [("", {}), (" ", {}), ("nonsense", {"arguments": "nonsense"}), ("[1]", {"arguments": [1]})],
)
def test_arguments_are_an_object_whatever_the_model_wrote(arguments: str, object_: JsonObject) -> None:
    call = {"id": "1", "function": {"name": "f", "arguments": arguments}}
    (message,) = sent({"role": "assistant", "content": None, "tool_calls": [call]})["messages"]
    assert message["tool_calls"][0]["function"]["arguments"] == object_


def test_images_go_in_base64_also_in_a_tools_result() -> None:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    plain = {"type": "image_url", "image_url": {"url": "data:image/svg+xml,%3Csvg%2F%3E"}}
    texts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    user, tool = sent(
        {"role": "user", "content": [texts[0], image, texts[1], plain]},
        {"role": "tool", "tool_call_id": "1", "content": [image]},
    )["messages"]
    assert user == {"role": "user", "content": "one\ntwo", "images": [PIXEL, base64.b64encode(b"<svg/>").decode()]}
    assert tool["images"] == [PIXEL]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}},
        {"type": "image_url", "image_url": "nothing"},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_data": "AAAA"}},
    ],
)
def test_what_ollama_cannot_take_is_refused_in_words(part: JsonObject) -> None:
    with pytest.raises(Refused) as refused:
        sent({"role": "user", "content": [part]})
    assert refused.value.refusal.code == "invalid_request"


def test_formats_are_json_or_the_schema() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    assert "format" not in sent(response_format={"type": "text"})
    assert sent(response_format={"type": "json_object"})["format"] == "json"
    assert sent(response_format={"type": "json_schema", "json_schema": {"schema": schema}})["format"] == schema
    assert sent(response_format={"type": "json_schema"})["format"] == "json"


@pytest.mark.parametrize(
    ("model", "more", "think"),
    [
        ("qwen3:8b", {"reasoning_effort": "high"}, True),
        ("qwen3:8b", {"reasoning_effort": "none"}, False),
        ("gpt-oss:20b", {"reasoning_effort": "minimal"}, "low"),
        ("gpt-oss:20b", {"reasoning_effort": "xhigh"}, "high"),
        ("gpt-oss:20b", {"reasoning_effort": "odd"}, "medium"),
        ("qwen3:8b", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, True),
        ("qwen3:8b", {"thinking": {"type": "disabled"}, "reasoning_effort": "high"}, False),
    ],
)
def test_thinking_is_asked_for_as_the_model_takes_it(model: str, more: JsonObject, think: object) -> None:
    assert sent(model=model, **more)["think"] == think
    assert "think" not in sent(model=model, thinks=False, **more), "a model without it would answer 400"


def test_tools_go_as_they_are() -> None:
    assert sent(tools=[TOOL, OTHER], tool_choice="auto")["tools"] == [TOOL, OTHER]
    assert sent(functions=[TOOL["function"]])["tools"] == [TOOL]
    assert "tools" not in sent(tools=[TOOL], tool_choice="none")


@pytest.mark.parametrize(
    ("choice", "tools", "line"),
    [
        ("required", [TOOL, OTHER], "one of the tools"),
        ({"type": "function", "function": {"name": "g"}}, [OTHER], "the tool g"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [TOOL]}}, [TOOL], "one of the tools"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [OTHER]}}, [OTHER], ""),
    ],
)
def test_a_tool_that_must_be_called_is_offered_and_asked_for(
    choice: object, tools: list[JsonObject], line: str
) -> None:
    system = {"role": "system", "content": "Be kind."}
    for messages in ([USER], [system, USER]):
        request = sent(*messages, tools=[TOOL, OTHER], tool_choice=choice)
        assert request["tools"] == tools
        told = request["messages"][0]["content"]
        assert (line in told and request["messages"][0]["role"] == "system") if line else told in ("hi", "Be kind.")


def test_tools_of_other_kinds_are_refused() -> None:
    with pytest.raises(Refused):
        sent(tools=[{"type": "custom", "custom": {"name": "f"}}])


def test_logprobs_are_asked_for() -> None:
    request = sent(logprobs=True, top_logprobs=3)
    assert (request["logprobs"], request["top_logprobs"]) == (True, 3)
    assert "logprobs" not in sent(logprobs=False, top_logprobs=3)


SHAPES: list[object] = [
    None, True, 0, -1.5, float("nan"), float("inf"), "", "x", [], [None], [1], ["x"], [{}], {}, {"type": 1},
    {"type": "function"}, {"type": "function", "function": 3}, {"type": "function", "function": {"name": 4}},
    {"type": "allowed_tools", "allowed_tools": 5}, {"type": "allowed_tools", "allowed_tools": {"tools": 6, "mode": 7}},
    {"name": 8}, {"type": "json_schema", "json_schema": 9}, {"type": "json_schema", "json_schema": {"schema": 10}},
]  # fmt: skip
FIELDS = (
    "tool_choice functions function_call response_format thinking seed top_logprobs top_k temperature logprobs tools"
)


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
@pytest.mark.parametrize("place", [*FIELDS.split(), *("message." + name for name in ("tool_calls", "function_call"))])
def test_whatever_passes_validation_is_translated_or_refused(place: str, shape: object) -> None:
    where, _, name = place.rpartition(".")
    message: JsonObject = {"role": "assistant", "content": None}
    body: JsonObject = {"model": "m", "tools": [TOOL], "messages": [USER, message]}
    (message if where else body)[name] = shape
    if validate(body) is None:
        with suppress(Refused):
            to_ollama(body, "m", Loading(4096), max_output_tokens=None, thinks=True)


words = st.text(max_size=30)


@given(
    st.lists(
        st.one_of(
            st.builds(lambda text: {"role": "system", "content": text}, words),
            st.builds(lambda text: {"role": "user", "content": [{"type": "text", "text": text}]}, words),
            st.builds(
                lambda name, value: {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "c", "function": {"name": name, "arguments": json.dumps({"v": value})}}],
                },
                words,
                words,
            ),
        )
    )
)
def test_no_word_is_lost(messages: list[JsonObject]) -> None:
    made = to_ollama({"messages": messages}, "m", Loading(4096), max_output_tokens=None, thinks=False)["messages"]
    assert len(made) == len(messages)
    for before, after in zip(messages, made, strict=True):
        if calls := before.get("tool_calls"):
            function = after["tool_calls"][0]["function"]
            assert function["name"] == calls[0]["function"]["name"]
            assert function["arguments"] == json.loads(calls[0]["function"]["arguments"])
        else:
            content = before["content"]
            assert after["content"] == (content if isinstance(content, str) else content[0]["text"])

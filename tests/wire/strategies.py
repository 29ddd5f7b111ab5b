"""Requests and completions of every legal shape, for property tests."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

text = st.text(max_size=80)
names = st.from_regex(r"\A[a-zA-Z][a-zA-Z0-9_-]{0,20}\Z")
call_ids = st.one_of(st.from_regex(r"\Acall[_:.#]?[a-z0-9]{0,4}\Z"), st.just(""), text)
arguments = st.one_of(st.just(""), st.just("{}"), st.just('{"city": "Köln"}'), text)

text_parts = st.builds(lambda value: {"type": "text", "text": value}, text)
image_parts = st.sampled_from(
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        {"type": "image_url", "image_url": {"url": "data:image/jpg;charset=x;base64,/9j/4AAQ", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/cat.webp"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "a.pdf"}},
    ]
)
flags = st.booleans()
text_content = st.one_of(text, st.lists(text_parts, max_size=3))
content = st.one_of(text, st.lists(st.one_of(text_parts, image_parts), max_size=3))
tool_calls = st.lists(
    st.builds(
        lambda call_id, name, args: {
            "id": call_id,
            "type": "function",
            "function": {"name": name, "arguments": args},
        },
        call_ids,
        st.one_of(names, text),
        arguments,
    ),
    max_size=3,
)


@st.composite
def assistants(draw: st.DrawFn) -> Json:
    message: Json = {"role": "assistant", "content": draw(st.one_of(st.none(), text_content))}
    if calls := draw(tool_calls):
        message["tool_calls"] = calls
    return message


@st.composite
def conversations(draw: st.DrawFn) -> list[Json]:
    """Messages in any order a client may send them, tool results for calls that were and that never were included."""
    messages: list[Json] = []
    seen: list[str] = []
    for _ in range(draw(st.integers(1, 8))):
        role = draw(st.sampled_from(["system", "developer", "user", "user", "assistant", "assistant", "tool", "tool"]))
        if role == "assistant":
            message = draw(assistants())
            seen += [call["id"] for call in message.get("tool_calls", ())]
        elif role == "tool":
            call_id = draw(st.sampled_from([*seen, "x"]) if draw(flags) else call_ids)
            message = {"role": "tool", "tool_call_id": call_id, "content": draw(content)}
        else:
            message = {"role": role, "content": draw(content if role == "user" else text_content)}
        messages.append(message)
    return messages


schemas = st.sampled_from(
    [
        None,
        {},
        {"type": "object", "properties": {"city": {"type": "string", "minLength": 2}}, "required": ["city"]},
        {"properties": {"n": {"type": "integer", "minimum": 1}}, "anyOf": [{"required": ["n"]}]},
        {"type": "object", "oneOf": [{"properties": {"a": {"type": "object"}}}, {"properties": {"b": True}}]},
        {"$ref": "#/definitions/x", "definitions": {"x": {"type": "object", "patternProperties": {}}}},
    ]
)


@st.composite
def requests(draw: st.DrawFn) -> Json:
    """A valid body of ``POST /v1/chat/completions``."""
    body: Json = {"model": "gateway-auto", "messages": draw(conversations())}
    tools = draw(st.lists(st.tuples(names, schemas), max_size=3))
    if tools:
        body["tools"] = [
            {"type": "function", "function": {"name": name, "description": "does it", "parameters": schema}}
            for name, schema in tools
        ]
        named = {"type": "function", "function": {"name": tools[0][0]}}
        body["tool_choice"] = draw(st.sampled_from([None, "auto", "none", "required", named]))
        body["parallel_tool_calls"] = draw(st.sampled_from([None, True, False]))
    optional = {
        "stream": st.booleans(),
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "stop": st.one_of(text, st.lists(text, max_size=3)),
        "user": text,
        "reasoning_effort": st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh"]),
        "seed": st.integers(0, 9),
        "frequency_penalty": st.floats(-2, 2),
        "x_unknown": text,
        "response_format": st.one_of(
            st.just({"type": "json_object"}),
            schemas.filter(bool).map(
                lambda schema: {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
            ),
        ),
    }
    for name, strategy in optional.items():
        if draw(st.booleans()):
            body[name] = draw(strategy)
    return body


@st.composite
def completions(draw: st.DrawFn) -> Json:
    """A whole ``chat.completion`` without usage."""
    message: Json = {"role": "assistant", "content": draw(st.one_of(st.none(), text, st.text(max_size=400)))}
    for name in ("refusal", "reasoning_content", "reasoning"):
        if draw(st.booleans()):
            message[name] = draw(st.one_of(st.none(), text))
    if draw(st.booleans()):
        message["annotations"] = [
            {
                "type": "url_citation",
                "url_citation": {"url": "u", "title": draw(text), "start_index": 0, "end_index": 1},
            }
        ]
    calls = draw(
        st.lists(
            st.builds(
                lambda name, args: {"type": "function", "function": {"name": name, "arguments": args}}, names, text
            ),
            max_size=3,
        )
    )
    if calls:
        message["tool_calls"] = [{"id": f"call_{index}", **call} for index, call in enumerate(calls)]
    choice: Json = {"index": 0, "message": message}
    choice["finish_reason"] = draw(st.sampled_from(["stop", "length", "tool_calls", "content_filter"]))
    if draw(st.booleans()):
        logprobs = [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}]
        choice["logprobs"] = draw(st.sampled_from([None, {"content": logprobs, "refusal": None}]))
    head: Json = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": draw(names)}
    if draw(st.booleans()):
        head["system_fingerprint"] = draw(st.sampled_from([None, "fp_1"]))
    return {**head, "choices": [choice]}


FIELDS = ("messages", "system", "tools", "tool_choice")
_NAMES = (*FIELDS, "type", "text", "content", "role", "cache_control", "ttl")


def anything_at_all(rng: random.Random, depth: int = 5) -> Any:
    """JSON that has a request's names in places where they may not belong."""
    kind = rng.randrange(9) if depth else rng.randrange(5)
    if kind > 6:
        return [anything_at_all(rng, depth - 1) for _ in range(rng.randrange(5))]
    if kind > 4:
        return {rng.choice(_NAMES): anything_at_all(rng, depth - 1) for _ in range(rng.randrange(6))}
    return (None, True, 3, "text", "1h")[kind]

"""Messages requests of every shape that Anthropic takes, for property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(str.strip)
names = st.from_regex(r"\A[a-zA-Z][a-zA-Z0-9_-]{0,12}\Z")
markers = st.sampled_from([{}, {}, {}, {"cache_control": {"type": "ephemeral", "ttl": "1h"}}])
values = st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | texts, st.lists, max_leaves=4)
inputs = st.dictionaries(st.text(max_size=5), values, max_size=3)
base64s = st.sampled_from(["", "AAAA", "iVBORw0KGgo="])
images = st.one_of(
    st.builds(lambda data: {"type": "base64", "media_type": "image/png", "data": data}, base64s),
    st.just({"type": "url", "url": "https://example.org/a.png"}),
)
documents = st.one_of(
    st.builds(lambda data: {"type": "base64", "media_type": "application/pdf", "data": data}, base64s),
    st.just({"type": "url", "url": "https://example.org/a.pdf"}),
)
text_blocks = st.builds(lambda text, mark: {"type": "text", "text": text, **mark}, texts, markers)
given_blocks = st.one_of(
    text_blocks,
    st.builds(lambda source, mark: {"type": "image", "source": source, **mark}, images, markers),
    st.builds(
        lambda source, more, mark: {"type": "document", "source": source, **more, **mark},
        documents,
        st.sampled_from([{}, {"title": "a.pdf"}, {"title": "b", "context": "c"}, {"citations": {"enabled": True}}]),
        markers,
    ),
)
thinking_blocks = st.one_of(
    st.builds(lambda text: {"type": "thinking", "thinking": text, "signature": "sig"}, st.text(max_size=20)),
    st.just({"type": "redacted_thinking", "data": "opaque"}),
)


@st.composite
def answers(draw: st.DrawFn, ids: list[str]) -> list[Json]:
    """An assistant's turn in any order of blocks that Claude writes: it never ends in thinking."""
    blocks: list[Json] = []
    for _ in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):
            blocks += draw(st.lists(thinking_blocks, min_size=1, max_size=2))
        if draw(st.booleans()):
            blocks.append(draw(text_blocks))
        else:
            ids.append(f"toolu_{len(ids)}")
            call: Json = {"type": "tool_use", "id": ids[-1], "name": draw(names), "input": draw(inputs)}
            blocks.append({**call, **draw(markers)})
    return blocks


@st.composite
def results(draw: st.DrawFn, call_id: str) -> Json:
    made: Json = {"type": "tool_result", "tool_use_id": call_id}
    content = draw(st.none() | texts | st.lists(given_blocks, min_size=1, max_size=2))
    if content is not None:
        made["content"] = content
    if draw(st.booleans()):
        made["is_error"] = True
    return {**made, **draw(markers)}


@st.composite
def messages_requests(draw: st.DrawFn) -> Json:
    """A valid body of ``POST /v1/messages``, which ends with the user."""
    ids: list[str] = []
    messages: list[Json] = [{"role": "user", "content": draw(texts | st.lists(given_blocks, min_size=1, max_size=3))}]
    for _ in range(draw(st.integers(0, 3))):
        before = len(ids)
        said: Any = draw(texts) if draw(st.booleans()) else draw(answers(ids))
        messages.append({"role": "assistant", "content": said})
        answered = [draw(results(call_id)) for call_id in ids[before:]]
        asked = draw(st.lists(given_blocks, min_size=0 if answered else 1, max_size=2))
        messages.append({"role": "user", "content": [*answered, *asked]})
    body: Json = {"model": "claude-sonnet-5-5", "max_tokens": draw(st.integers(1, 64_000)), "messages": messages}
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
    optional = {
        "system": texts | st.lists(text_blocks, min_size=1, max_size=2),
        "stop_sequences": st.lists(texts, min_size=1, max_size=5),
        "stream": st.just(True),
        "metadata": st.builds(lambda text: {"user_id": f"u{text}"}, names),
        "thinking": st.sampled_from([{"type": "adaptive", "display": "omitted"}, {"type": "disabled"}]),
        "output_config": st.sampled_from(
            [{"effort": "max"}, {"effort": "low"}, {"format": {"type": "json_schema", "schema": schema}}]
        ),
        "cache_control": st.just({"type": "ephemeral"}),
    }
    for name, strategy in optional.items():
        if draw(st.booleans()):
            body[name] = draw(strategy)
    if tools := draw(st.lists(names, max_size=3, unique=True)) or (["tool"] if ids else []):
        body["tools"] = [_tool(name, draw(markers), draw(st.booleans())) for name in tools]
        choice = draw(st.sampled_from([None, {"type": "auto"}, {"type": "none"}, {"type": "auto", "x": True}]))
        if choice:
            single = {"disable_parallel_tool_use": True} if choice.pop("x", None) else {}
            body["tool_choice"] = {**choice, **single}
    return body


def _tool(name: str, marker: Json, more: bool) -> Json:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    extras = {"strict": True, "eager_input_streaming": True, "description": "does it"} if more else {}
    return {"name": name, "input_schema": schema, **extras, **marker}

"""Responses over HTTP as a test sees them, every event held against the SDK's types and the stream's own rules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from tests.http.inside import Client
from tests.wire.published import problems

Json = dict[str, Any]

_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
_TERMINAL = ("response.completed", "response.incomplete", "response.failed")
WEATHER: Json = {
    "type": "function",
    "name": "weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


async def respond(
    llmgw: Client, asked: Any = "Say hello.", headers: Mapping[str, str] | None = None, **more: Any
) -> tuple[int, Mapping[str, str], Json]:
    """Status, headers and JSON of a response that is not streamed; a success is a legal Response."""
    body = {"model": "gateway-premium", "input": asked, **more}
    async with llmgw.http.post("/v1/responses", json=body, headers=headers) as answer:
        content = await answer.json()
        if answer.status == 200:
            check_response(content)
        return answer.status, answer.headers.copy(), content


async def stream(
    llmgw: Client, asked: Any = "Say hello.", headers: Mapping[str, str] | None = None, **more: Any
) -> list[Json]:
    """The events of a stream, checked one by one."""
    body = {"model": "gateway-premium", "input": asked, "stream": True, **more}
    async with llmgw.http.post("/v1/responses", json=body, headers=headers) as answer:
        text = await answer.text()
        assert answer.status == 200, text
    events = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        events.append(event)
    check_stream(events)
    return events


def kinds(events: list[Json]) -> list[str]:
    """The types of the events without their common beginning."""
    return [event["type"].removeprefix("response.") for event in events]


def said(response: Json) -> str:
    """All text of a response."""
    parts = [part for item in response["output"] if item["type"] == "message" for part in item["content"]]
    return "".join(part.get("text") or part.get("refusal") or "" for part in parts)


def check_response(response: Json) -> None:
    """A Response as the SDK's types and OpenAI's published schema require it, nothing missing."""
    Response.model_validate(response, strict=True)
    assert problems(response, "Response") == []


def check_stream(events: list[Json]) -> None:
    """Legal event by event, and as a whole: numbered, nested, and ended with what was said."""
    for event in events:
        _EVENT.validate_python(event, strict=True)
        assert problems(event, "ResponseStreamEvent") == []
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert kinds(events[:2]) == ["created", "in_progress"]
    assert [event["type"] for event in events if event["type"] in _TERMINAL] == [events[-1]["type"]]
    assert len({event["response"]["id"] for event in events if "response" in event}) == 1
    done = _items(events)
    assert events[-1]["response"]["output"] == [done[index] for index in sorted(done)]


def _items(events: list[Json]) -> dict[int, Json]:
    """The finished items by index: each added once, its parts inside it, its pieces making its whole."""
    added: dict[int, str] = {}
    done: dict[int, Json] = {}
    pieces: dict[tuple[Any, ...], str] = {}
    open_parts: set[tuple[Any, ...]] = set()
    for event in events:
        kind, index = event["type"].removeprefix("response."), event.get("output_index")
        if kind == "output_item.added":
            assert index == len(added)
            added[index] = event["item"]["id"]
            continue
        if index is None:
            continue
        assert index in added and index not in done, f"{kind} outside its item"
        if kind == "output_item.done":
            assert event["item"]["id"] == added[index]
            done[index] = event["item"]
            continue
        assert event["item_id"] == added[index]
        part = (index, event.get("content_index", event.get("summary_index")))
        if kind.endswith("part.added"):
            open_parts.add(part)
        elif kind.endswith("part.done"):
            open_parts.remove(part)
        elif part[1] is not None:
            assert part in open_parts, f"{kind} outside its part"
        name, _, step = kind.rpartition(".")
        if step == "delta":
            pieces[(name, *part)] = pieces.get((name, *part), "") + event["delta"]
        elif step == "done" and "part" not in name:
            whole = next(event[field] for field in ("text", "refusal", "arguments", "input") if field in event)
            assert pieces.get((name, *part), "") == whole
    assert not open_parts or events[-1]["type"] == "response.failed"
    return done

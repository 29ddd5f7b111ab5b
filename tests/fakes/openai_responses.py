"""OpenAI's Responses for the fake: what it refuses, and what it answers.

The rules are those of the real API as its errors name them (openai-python 3.54's types and the API's error texts quoted
in public issues, 2026-11). Only what a gateway can get wrong is checked.
"""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.script import JsonObject, Reply, pieces, tokens

_PARAMETERS = frozenset(
    [
        "background",
        "context_management",
        "conversation",
        "include",
        "input",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "model",
        "moderation",
        "parallel_tool_calls",
        "previous_response_id",
        "prompt",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning",
        "safety_identifier",
        "service_tier",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "truncation",
        "user",
    ]
)
_PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "custom_tool_call": "ctc",
}
_INPUT_PARTS = ("input_text", "input_image", "input_file", "input_audio")
_OUTPUT_PARTS = ("output_text", "refusal")
ENCRYPTED = "gAAAAA"
"""What the real API's ``encrypted_content`` begins with."""


class Broken(Exception):
    """A rule was broken. ``code`` and ``param`` are as the API gives them."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


def check(body: JsonObject, known: dict[str, JsonObject]) -> None:
    """Raises :class:`Broken` for what the real API refuses. ``known`` are the responses that are stored."""
    for name in body:
        if name not in _PARAMETERS:
            raise Broken(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    limit = body.get("max_output_tokens")
    if limit is not None and limit < 16:
        text = f"Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got {limit}"
        raise Broken(text, "max_output_tokens", "integer_below_min_value")
    previous = body.get("previous_response_id")
    if previous is not None and previous not in known:
        text = f"Previous response with id '{previous}' not found."
        raise Broken(text, "previous_response_id", "previous_response_not_found")
    given = body.get("input")
    if not isinstance(given, str) and (not isinstance(given, list) or not given):
        raise Broken("Missing required parameter: 'input'.", "input", "missing_required_parameter")
    for index, tool in enumerate(body.get("tools") or ()):
        if tool.get("type") == "function" and not tool.get("name"):
            raise Broken(f"Missing required parameter: 'tools[{index}].name'.", f"tools[{index}].name")
    _check_items(given if isinstance(given, list) else [], _calls_before(previous, known))


def _calls_before(previous: str | None, known: dict[str, JsonObject]) -> set[str]:
    calls: set[str] = set()
    while previous is not None:
        calls |= {item["call_id"] for item in known[previous]["output"] if "call_id" in item}
        previous = known[previous].get("previous_response_id")
    return calls


def _check_items(items: list[JsonObject], calls: set[str]) -> None:
    for index, item in enumerate(items):
        where = f"input[{index}]"
        kind = item.get("type", "message")
        prefix = _PREFIXES.get(kind)
        if prefix and item.get("id") is not None and not item["id"].startswith(prefix):
            raise Broken(f"Invalid '{where}.id': '{item['id']}'. Expected an ID that begins with '{prefix}'.", where)
        if "_llmgw_" in str(item.get("id", "")):
            raise Broken(f"Item with id '{item['id']}' not found.", where)
        if kind == "message":
            _check_message(item, where)
        elif kind == "reasoning":
            encrypted = item.get("encrypted_content")
            if encrypted is not None and not encrypted.startswith(ENCRYPTED):
                text = "The encrypted content could not be verified. Reason: Encrypted content could not be decrypted."
                raise Broken(text, None, "invalid_encrypted_content")
        elif kind in ("function_call", "custom_tool_call"):
            calls.add(item["call_id"])
        elif kind in ("function_call_output", "custom_tool_call_output") and item["call_id"] not in calls:
            raise Broken(f"No tool call found for function call output with call_id {item['call_id']}.", "input")


def _check_message(item: JsonObject, where: str) -> None:
    if item.get("role") not in ("user", "assistant", "system", "developer"):
        raise Broken(f"Invalid value: '{item.get('role')}'.", f"{where}.role", "invalid_value")
    wanted = _OUTPUT_PARTS if item["role"] == "assistant" else _INPUT_PARTS
    content = item.get("content")
    for number, part in enumerate(content if isinstance(content, list) else ()):
        if part.get("type") not in wanted:
            text = f"Invalid value: '{part.get('type')}'. Supported values are: {', '.join(map(repr, wanted))}."
            raise Broken(text, f"{where}.content[{number}]", "invalid_value")


def response_of(body: JsonObject, reply: Reply, number: int) -> JsonObject:
    """The whole response to a request that was accepted."""
    output: list[JsonObject] = []
    if reply.reasoning:
        summary = [{"type": "summary_text", "text": reply.reasoning}]
        output.append(
            {"id": f"rs_{number}", "type": "reasoning", "summary": summary, "encrypted_content": f"{ENCRYPTED}{number}"}
        )
    if reply.text or not reply.tools:
        part = {"type": "output_text", "annotations": [], "logprobs": [], "text": reply.text}
        message = {"id": f"msg_{number}", "type": "message", "status": "completed", "role": "assistant"}
        output.append({**message, "content": [part]})
    custom = {tool["name"] for tool in body.get("tools") or () if tool.get("type") == "custom"}
    for index, (name, arguments) in enumerate(reply.tools):
        call: JsonObject = {"call_id": f"call_{number}_{index}", "name": name}
        if name in custom:
            output.append(
                {"id": f"ctc_{number}_{index}", "type": "custom_tool_call", "input": arguments["input"], **call}
            )
        else:
            made = {"id": f"fc_{number}_{index}", "type": "function_call", "status": "completed", **call}
            output.append({**made, "arguments": json.dumps(arguments)})
    prompt, written = tokens([body.get("input"), body.get("instructions"), body.get("tools")]), tokens(output)
    usage: JsonObject = {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": 3 if reply.reasoning else 0},
        "total_tokens": prompt + written,
        **reply.usage,
    }
    stop = {"length": "max_output_tokens"}.get(reply.stop or "", reply.stop)
    cut = stop if stop in ("max_output_tokens", "content_filter") else None
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1_795_000_000,
        "status": "incomplete" if cut else "completed",
        "background": False,
        "error": None,
        "incomplete_details": {"reason": cut} if cut else None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "model": body["model"],
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": body.get("previous_response_id"),
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": body.get("store") is not False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [{"strict": True, "parameters": None, **tool} for tool in body.get("tools") or ()],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": {name: value for name, value in usage.items() if value is not None} or None,
        "metadata": body.get("metadata") or {},
    }


def events_of(response: JsonObject) -> list[JsonObject]:
    """The stream of a response, event by event."""
    begun = {**response, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    events: list[JsonObject] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for index, item in enumerate(response["output"]):
        events += [{**event, "output_index": index} for event in _item_events(item)]
    events.append({"type": f"response.{response['status']}", "response": response})
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def _item_events(item: JsonObject) -> list[JsonObject]:
    where: JsonObject = {"item_id": item["id"]}
    events: list[JsonObject] = []
    if item["type"] == "message":
        opened = {**item, "status": "in_progress", "content": []}
        for number, part in enumerate(item["content"]):
            place = {**where, "content_index": number}
            events.append({"type": "response.content_part.added", **place, "part": {**part, "text": ""}})
            for piece in pieces(part["text"]):
                delta = {"delta": piece, "logprobs": [], "obfuscation": "x"}
                events.append({"type": "response.output_text.delta", **place, **delta})
            events.append({"type": "response.output_text.done", **place, "text": part["text"], "logprobs": []})
            events.append({"type": "response.content_part.done", **place, "part": part})
    elif item["type"] == "reasoning":
        opened = {**item, "summary": []}
        for number, part in enumerate(item["summary"]):
            place = {**where, "summary_index": number}
            empty = {**part, "text": ""}
            events.append({"type": "response.reasoning_summary_part.added", **place, "part": empty})
            for piece in pieces(part["text"]):
                events.append({"type": "response.reasoning_summary_text.delta", **place, "delta": piece})
            events.append({"type": "response.reasoning_summary_text.done", **place, "text": part["text"]})
            events.append({"type": "response.reasoning_summary_part.done", **place, "part": part})
    else:
        field = "arguments" if item["type"] == "function_call" else "input"
        kind = "function_call_arguments" if field == "arguments" else "custom_tool_call_input"
        opened = {**item, field: ""}
        text = item[field]
        events += [
            {"type": f"response.{kind}.delta", **where, "delta": text[start : start + 9]}
            for start in range(0, len(text), 9)
        ]
        done: dict[str, Any] = {"type": f"response.{kind}.done", **where, field: text}
        events.append({**done, "name": item["name"]} if field == "arguments" else done)
    added = {"type": "response.output_item.added", "item": opened}
    return [added, *events, {"type": "response.output_item.done", "item": item}]

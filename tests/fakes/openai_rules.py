"""What OpenAI's chat completions refuse, as the API's own errors word it.

From the types of openai 3.54 and error texts quoted in public issues, as of November 2026. Only what a gateway can get
wrong is checked.
"""

from __future__ import annotations

import re
from typing import Any

from tests.fakes.script import JsonObject

_PARAMETERS = {
    "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "max_completion_tokens",
    "max_tokens", "messages", "metadata", "modalities", "model", "moderation", "n", "parallel_tool_calls", "prediction",
    "presence_penalty", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning_effort",
    "response_format", "safety_identifier", "seed", "service_tier", "stop", "store", "stream", "stream_options",
    "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity", "web_search_options",
}  # fmt: skip
_MESSAGES = {
    "system": {"role", "content", "name"},
    "developer": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "assistant": {"role", "content", "name", "refusal", "audio", "tool_calls", "function_call"},
    "tool": {"role", "content", "tool_call_id"},
}
_PARTS = {
    "system": {"text"},
    "developer": {"text"},
    "user": {"text", "image_url", "input_audio", "file"},
    "assistant": {"text", "refusal"},
    "tool": {"text"},
}
_PART_FIELDS = {
    "text": {"type", "text"},
    "refusal": {"type", "refusal"},
    "image_url": {"type", "image_url"},
    "input_audio": {"type", "input_audio"},
    "file": {"type", "file"},
}
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_REASONING = re.compile(r"^(o\d|gpt-5)")


def problem(body: JsonObject) -> str | None:
    """The first rule that ``body`` breaks, in the API's words; None when it is accepted."""
    for check in (_top, _messages, _pairs, _tools, _choice, _format):
        if said := check(body):
            return said
    return None


def _top(body: JsonObject) -> str | None:
    for name in body:
        if name not in _PARAMETERS:
            return f"Unrecognized request argument supplied: {name}"
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        return "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
    stop = body.get("stop")
    if isinstance(stop, list) and len(stop) > 4:
        return f"Invalid 'stop': array too long. Expected an array with maximum length 4, but got {len(stop)}."
    if "stream_options" in body and not body.get("stream"):
        return "The 'stream_options' parameter is only allowed when 'stream' is enabled."
    if _REASONING.match(body["model"]) and body.get("max_tokens") is not None:
        return "Unsupported parameter: 'max_tokens' is not supported with this model."
    if not body.get("tools") and body.get("parallel_tool_calls") is not None:
        return "'parallel_tool_calls' is only allowed when 'tools' are specified."
    return None


def _messages(body: JsonObject) -> str | None:
    for index, message in enumerate(body["messages"]):
        where, role = f"messages[{index}]", message.get("role")
        if role not in _MESSAGES:
            return f"Invalid value: '{role}' for '{where}.role'."
        for name in message:
            if name not in _MESSAGES[role]:
                return f"Unknown parameter: '{where}.{name}'."
        if said := _content(message, role, where):
            return said
    return None


def _content(message: JsonObject, role: str, where: str) -> str | None:
    content = message.get("content")
    if content is None:
        asks = message.get("tool_calls") or message.get("refusal") or message.get("function_call")
        return None if role == "assistant" and asks else f"Invalid value for '{where}.content': expected a string."
    if isinstance(content, str):
        return None
    if not content:
        return f"Invalid '{where}.content': empty array."
    for number, part in enumerate(content):
        kind = part.get("type")
        if kind not in _PARTS[role]:
            return f"Invalid value: '{kind}' for '{where}.content[{number}].type'."
        for name in part:
            if name not in _PART_FIELDS[kind]:
                return f"Unknown parameter: '{where}.content[{number}].{name}'."
        if kind == "image_url" and not isinstance(part["image_url"], dict):
            return f"Invalid type for '{where}.content[{number}].image_url': expected an object."
    return None


def _pairs(body: JsonObject) -> str | None:
    """Every tool call is answered right behind it, and nothing else is."""
    open_calls: list[str] = []
    for index, message in enumerate(body["messages"]):
        if message["role"] == "tool":
            if message.get("tool_call_id") not in open_calls:
                return (
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with"
                    " 'tool_calls'."
                )
            open_calls.remove(message["tool_call_id"])
            continue
        if open_calls:
            return (
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each"
                f" 'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(open_calls)}"
            )
        calls = message.get("tool_calls")
        if calls == []:
            return f"Invalid 'messages[{index}].tool_calls': empty array."
        for call in calls or ():
            if said := _call(call, f"messages[{index}].tool_calls"):
                return said
            open_calls.append(call["id"])
    return f"No tool output found for {', '.join(open_calls)}" if open_calls else None


def _call(call: JsonObject, where: str) -> str | None:
    function: Any = call.get("function")
    if call.get("type") != "function" or not isinstance(function, dict):
        return f"Missing required parameter: '{where}[0].function'."
    if not isinstance(call.get("id"), str) or not call["id"] or len(call["id"]) > 40:
        return f"Invalid '{where}[0].id': string too long. Expected a string with maximum length 40."
    if not _NAME.fullmatch(str(function.get("name"))):
        return f"Invalid '{where}[0].function.name': string does not match pattern."
    if not isinstance(function.get("arguments"), str):
        return f"Invalid type for '{where}[0].function.arguments': expected a string."
    if extra := set(call) - {"id", "type", "function"}:
        return f"Unknown parameter: '{where}[0].{extra.pop()}'."
    return None


def _tools(body: JsonObject) -> str | None:
    tools = body.get("tools")
    if tools is None:
        return None
    if not tools:
        return "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead."
    for index, tool in enumerate(tools):
        where, function = f"tools[{index}]", tool.get("function")
        if tool.get("type") != "function" or not isinstance(function, dict):
            return f"Missing required parameter: '{where}.function'."
        if extra := set(tool) - {"type", "function"}:
            return f"Unknown parameter: '{where}.{extra.pop()}'."
        if extra := set(function) - {"name", "description", "parameters", "strict"}:
            return f"Unknown parameter: '{where}.function.{extra.pop()}'."
        if not _NAME.fullmatch(str(function.get("name"))):
            return f"Invalid '{where}.function.name': string does not match pattern '^[a-zA-Z0-9_-]+$'."
        parameters = function.get("parameters")
        if parameters is not None and parameters.get("type") != "object":
            return (
                f"Invalid schema for function '{function['name']}': schema must be a JSON Schema of 'type: \"object\"'."
            )
    return None


def _choice(body: JsonObject) -> str | None:
    choice = body.get("tool_choice")
    if choice is None:
        return None
    if not body.get("tools"):
        return "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
    if isinstance(choice, str):
        return None if choice in ("none", "auto", "required") else f"Invalid value: '{choice}'."
    names = [tool["function"]["name"] for tool in body["tools"]]
    named = (choice.get("function") or {}).get("name")
    if choice.get("type") == "function" and named not in names:
        return "Invalid value for 'tool_choice': the tool is not among 'tools'."
    return None


def _format(body: JsonObject) -> str | None:
    form = body.get("response_format")
    if form is None:
        return None
    if form.get("type") not in ("text", "json_object", "json_schema"):
        return f"Invalid value: '{form.get('type')}'."
    described = form.get("json_schema")
    if form["type"] == "json_schema" and not (
        isinstance(described, dict) and _NAME.fullmatch(str(described.get("name")))
    ):
        return "Missing required parameter: 'response_format.json_schema.name'."
    said = str(body["messages"]).lower()
    if form["type"] == "json_object" and "json" not in said:
        return "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
    return None

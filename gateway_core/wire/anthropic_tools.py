"""Tools, tool choice and answer formats of a chat completion, as Anthropic's Messages API takes them."""

from __future__ import annotations

import re
from typing import Any

from gateway_core.model import JsonObject, Refused
from gateway_core.wire import claude_models
from gateway_core.wire.errors import invalid_request
from gateway_core.wire.json_values import as_object
from gateway_core.wire.messages_requests import TOOL_EXTRAS

NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_COMBINERS = ("oneOf", "anyOf", "allOf")
_SCHEMA_WORDS = ("type", "required", "enum", "const", "description", "title", "format", "additionalProperties")
_FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid")


def safe(text: str, longest: int) -> str:
    """``text`` in Anthropic's alphabet of names and ids."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", text)[:longest]


def tools_of(body: JsonObject, used: list[str]) -> list[JsonObject]:
    """The tool definitions. ``used`` are the tools called in the history: Anthropic wants definitions for them.

    Raises :class:`Refused` for a tool that has no counterpart.
    """
    tools: dict[str, JsonObject] = {}
    for index, tool in enumerate(body.get("tools") or ()):
        made = _tool(tool, f"tools[{index}]")
        tools.setdefault(made["name"], made)
    if not tools:
        empty = {"type": "object", "properties": {}}
        tools = {name: {"name": name, "input_schema": empty} for name in used}
    return list(tools.values())


def _tool(tool: JsonObject, where: str) -> JsonObject:
    function = tool.get("function")
    if tool.get("type") != "function" or not isinstance(function, dict):
        if isinstance(tool.get("name"), str) and "function" not in tool and tool.get("type") != "custom":
            return tool
        raise Refused(invalid_request(f"{where}: Claude takes function tools only", where))
    if not NAME.fullmatch(function["name"]):
        text = f"{where}.function.name: may only have letters, digits, '_' and '-', 128 at most"
        raise Refused(invalid_request(text, f"{where}.function.name"))
    made: JsonObject = {"name": function["name"], "input_schema": _input_schema(function.get("parameters"))}
    if isinstance(function.get("description"), str):
        made["description"] = function["description"]
    if marker := function.get("cache_control"):
        made["cache_control"] = marker
    return {**made, **{name: tool[name] for name in TOOL_EXTRAS if tool.get(name) is not None}}


def _input_schema(parameters: Any) -> JsonObject:
    """A schema whose top is a plain object: Anthropic refuses combined ones there, so their properties are merged."""
    schema = dict(parameters) if isinstance(parameters, dict) else {}
    properties = _properties(schema)
    for word in _COMBINERS:
        variants = schema.pop(word, None)
        for variant in variants if isinstance(variants, list) else ():
            properties = {**_properties(variant), **properties}
    return {**schema, "type": "object", "properties": properties}


def _properties(schema: Any) -> JsonObject:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return properties if isinstance(properties, dict) else {}


def choice_of(body: JsonObject, tools: list[JsonObject], model: str) -> tuple[JsonObject | None, str | None]:
    """``tool_choice``, and an instruction that stands in for it where the model takes no forced tool."""
    if not tools:
        return None, None
    if not body.get("tools"):
        return {"type": "none"}, None
    wish = body.get("tool_choice")
    named = _wished_name(wish)
    kind = (
        "tool" if named else {"required": "any", "none": "none"}.get(wish, "auto") if isinstance(wish, str) else "auto"
    )
    instruction = None
    if kind in ("any", "tool") and not claude_models.takes_forced_tools(model):
        instruction = f"Answer by calling the tool {named}." if named else "Answer by calling a tool."
        kind = "auto"
    choice: JsonObject = {"type": kind, "name": named} if kind == "tool" else {"type": kind}
    if body.get("parallel_tool_calls") is False and kind != "none":
        choice["disable_parallel_tool_use"] = True
    return (choice if wish is not None or len(choice) > 1 else None), instruction


def _wished_name(wish: Any) -> str | None:
    name = as_object(as_object(wish).get("function")).get("name")
    return name if isinstance(name, str) else None


def format_of(body: JsonObject) -> tuple[JsonObject | None, str | None]:
    """``output_config.format`` for a schema; an instruction for "any JSON", which Anthropic has no format for."""
    wish = as_object(body.get("response_format"))
    kind = wish.get("type")
    if kind == "json_object":
        return None, "Answer with one JSON object and nothing else."
    schema = as_object(wish.get("json_schema")).get("schema")
    if kind != "json_schema" or not isinstance(schema, dict):
        return None, None
    return {"type": "json_schema", "schema": closed(schema)}, None


def closed(schema: Any) -> Any:
    """A schema as structured output takes it: objects closed, and what it cannot enforce said in the description.

    Follows ``transform_schema`` of the anthropic SDK.
    """
    if not isinstance(schema, dict):
        return schema
    made: JsonObject = {}
    notes: JsonObject = {}
    for word, value in schema.items():
        if word in ("properties", "$defs", "definitions") and isinstance(value, dict):
            made["$defs" if word == "definitions" else word] = {name: closed(inner) for name, inner in value.items()}
        elif word in _COMBINERS and isinstance(value, list):
            made["anyOf" if word == "oneOf" else word] = [closed(inner) for inner in value]
        elif word == "items":
            made[word] = closed(value)
        elif word == "format" and value not in _FORMATS:
            notes[word] = value
        elif word == "$ref" and isinstance(value, str):
            made[word] = value.replace("#/definitions/", "#/$defs/")
        elif word in _SCHEMA_WORDS:
            made[word] = value
        elif not word.startswith("$"):
            notes[word] = value
    kind = made.get("type")
    if kind == "object" or "properties" in made or (isinstance(kind, list) and "object" in kind):
        made = {"type": "object", **made, "additionalProperties": False}
    if notes:
        said = ", ".join(f"{word}: {value}" for word, value in notes.items())
        before = made.get("description")
        made["description"] = "\n\n".join([*([before] if isinstance(before, str) and before else []), "{" + said + "}"])
    return made

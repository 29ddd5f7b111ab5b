"""What `POST /v1/messages` accepts, as the API of version 2026-10-21 says it and anthropic 2.12 types it.

Fields nobody knows are refused, sampling parameters among them, and so are the things that models of today refuse:
prefill, forced tools on the 5.5 line, manual thinking budgets.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Iterator
from typing import Any

JsonObject = dict[str, Any]

VERSIONS = ("2026-10-21", "2023-06-01")
_TOP = {
    "cache_control", "container", "diagnostics", "inference_geo", "max_tokens", "messages", "metadata", "model",
    "output_config", "service_tier", "speed", "stop_sequences", "stream", "system", "thinking", "tool_choice", "tools",
}  # fmt: skip
_TOOL = {
    "allowed_callers", "cache_control", "defer_loading", "description", "eager_input_streaming", "input_examples",
    "input_schema", "name", "strict", "type",
}  # fmt: skip
_BLOCKS = {
    "text": {"text", "cache_control", "citations"},
    "image": {"source", "cache_control", "transformations"},
    "document": {"source", "cache_control", "citations", "context", "title"},
    "tool_use": {"id", "name", "input", "cache_control"},
    "tool_result": {"tool_use_id", "content", "is_error", "cache_control"},
    "thinking": {"thinking", "signature"},
    "redacted_thinking": {"data"},
}
_ALLOWED = {
    "user": {"text", "image", "document", "tool_result"},
    "assistant": {"text", "tool_use", "thinking", "redacted_thinking"},
}
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_CONTEXT_MANAGEMENT = "context-management-2025-06-27"
_PER_TURN = frozenset({"per-turn-control-2026-07-01", "mid-conversation-output-config-2026-07-01"})
"""Betas that allow an effort for a turn: Claude Code 2.1.332 asks for the first, anthropic 2.12 names the second."""
_ID = re.compile(r"^[a-zA-Z0-9_-]+$")
_NAME = re.compile(r"^[a-zA-Z0-9_-]{1,128}$")


class Broken(Exception):
    """A rule of the API is broken; the message is what the API would say."""


def check(body: JsonObject, betas: Collection[str] = ()) -> None:
    """Raises :class:`Broken` for the first rule that ``body`` breaks. ``betas`` are those its header names."""
    managed = {"context_management"} if _CONTEXT_MANAGEMENT in betas else set()
    _fields("", body, _TOP | managed)
    need("model", isinstance(body.get("model"), str) and bool(body["model"]), "Field required")
    limit = body.get("max_tokens")
    need("max_tokens", isinstance(limit, int) and not isinstance(limit, bool), "Field required")
    need("max_tokens", limit in range(1, 128_001), "must be between 1 and 128000")
    need("stream", isinstance(body.get("stream", False), bool), "Input should be a valid boolean")
    _system(body)
    _messages(body, {"output_config"} if _PER_TURN & {*betas} else set())
    _tools(body)
    _choice(body)
    _rest(body)
    lives = list(_markers(body))
    need(
        "cache_control",
        len(lives) <= 4,
        f"A maximum of 4 blocks with cache_control may be provided. Found {len(lives)}",
    )
    mixed = "1h" in lives[lives.index("5m") :] if "5m" in lives else False
    need("cache_control.ttl", not mixed, "a ttl='1h' cache_control block must not come after a ttl='5m' one")


def need(where: str, holds: Any, what: str) -> None:
    if not holds:
        raise Broken(f"{where}: {what}")


def _fields(where: str, value: Any, known: set[str]) -> None:
    need(where or "body", isinstance(value, dict), "Input should be a valid dictionary")
    for name in value:
        need(f"{where}.{name}".lstrip("."), name in known, "Extra inputs are not permitted")
    marker = value.get("cache_control")
    if marker is not None:
        need(f"{where}.cache_control", marker.get("type") == "ephemeral", "Input should be 'ephemeral'")
        need(f"{where}.cache_control.ttl", marker.get("ttl", "5m") in ("5m", "1h"), "Input should be '5m' or '1h'")


def _markers(body: JsonObject) -> Iterator[str]:
    """The lifetimes of all markers, in the order tools, system, messages; the automatic one is the last."""
    for name in ("tools", "system", "messages"):
        yield from _marked(body.get(name))
    yield from _marked({"cache_control": body.get("cache_control")})


def _marked(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for inner in value:
            yield from _marked(inner)
    if isinstance(value, dict):
        for key, inner in value.items():
            if key != "cache_control":
                yield from _marked(inner)
        if marker := value.get("cache_control"):
            yield marker.get("ttl", "5m")


def _text(where: str, text: Any) -> None:
    need(where, isinstance(text, str), "Input should be a valid string")
    need(where, text != "", "text content blocks must be non-empty")
    need(where, text.strip(), "text content blocks must contain non-whitespace text")


def _system(body: JsonObject) -> None:
    system = body.get("system")
    if system is None or isinstance(system, str):
        return
    need("system", isinstance(system, list), "Input should be a valid array")
    for index, block in enumerate(system):
        need(f"system.{index}", block.get("type") == "text", "Input should be a text block")
        _block(f"system.{index}", block)


def _messages(body: JsonObject, of_turns: set[str]) -> None:
    """``of_turns`` are fields that a system message may have for its turn."""
    messages = body.get("messages")
    need("messages", isinstance(messages, list), "Field required")
    assert isinstance(messages, list)
    need("messages", messages, "at least one message is required")
    turns: list[tuple[str, list[JsonObject]]] = []
    for index, message in enumerate(messages):
        role, content = message.get("role"), message.get("content")
        _fields(f"messages.{index}", message, {"role", "content"} | (of_turns if role == "system" else set()))
        if role == "system":
            _fields(f"messages.{index}.output_config", message.get("output_config", {}), {"effort"})
            need(f"messages.{index}.role", _takes_system(body["model"]), "role 'system' is not supported on this model")
            need("messages", turns, "first message must use the user role")
            _system({"system": content})
            continue
        need(f"messages.{index}.role", role in _ALLOWED, "Input should be 'user' or 'assistant'")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        need(f"messages.{index}.content", isinstance(blocks, list), "Field required")
        need(f"messages.{index}", blocks, "all messages must have non-empty content")
        for number, block in enumerate(blocks):
            where = f"messages.{index}.content.{number}"
            _block(where, block)
            need(where, block["type"] in _ALLOWED[role], f"block {block['type']} is not allowed in a {role} message")
        if turns and turns[-1][0] == role:
            turns[-1][1].extend(blocks)
        else:
            turns.append((role, list(blocks)))
    need("messages", turns[0][0] == "user", "first message must use the user role")
    if _modern(body["model"]):
        need("messages", turns[-1][0] == "user", "This model does not support assistant message prefill")
    _pairs(turns)


def _takes_system(model: str) -> bool:
    """Whether a conversation may hold system messages: Claude Code 2.1.332 sends them to claude-opus-5-5."""
    return _version(model) >= (5, 5)


def _block(where: str, block: Any) -> None:
    need(where, isinstance(block, dict), "Input should be a valid dictionary")
    kind = block.get("type")
    need(f"{where}.type", kind in _BLOCKS, f"Input tag {kind!r} is not known")
    _fields(where, block, {"type", *_BLOCKS[kind]})
    if kind == "text":
        _text(f"{where}.text", block.get("text"))
        need(f"{where}.citations", not block.get("citations"), "citations are not allowed here")
    elif kind == "image":
        _source(where, block.get("source"), _IMAGES)
    elif kind == "document":
        _source(where, block.get("source"), ("application/pdf",))
    elif kind == "tool_use":
        need(f"{where}.id", _ID.match(str(block.get("id"))), f"String should match pattern '{_ID.pattern}'")
        need(f"{where}.name", _NAME.match(str(block.get("name"))), f"String should match pattern '{_NAME.pattern}'")
        need(f"{where}.input", isinstance(block.get("input"), dict), "Input should be a valid dictionary")
    elif kind == "tool_result":
        _result(where, block)
    elif kind == "thinking":
        need(f"{where}.signature", isinstance(block.get("signature"), str), "Field required")


def _source(where: str, source: Any, types: tuple[str, ...]) -> None:
    need(f"{where}.source", isinstance(source, dict), "Field required")
    if source.get("type") == "url":
        _fields(f"{where}.source", source, {"type", "url"})
        need(f"{where}.source.url", str(source.get("url")).startswith(("http://", "https://")), "Only HTTP URLs")
        return
    need(f"{where}.source.type", source.get("type") == "base64", "Input should be 'base64' or 'url'")
    _fields(f"{where}.source", source, {"type", "media_type", "data"})
    need(f"{where}.source.media_type", source.get("media_type") in types, f"Input should be one of {types}")
    try:
        base64.b64decode(source["data"], validate=True)
    except (KeyError, TypeError, binascii.Error):
        raise Broken(f"{where}.source.data: Invalid base64 data") from None


def _result(where: str, block: JsonObject) -> None:
    need(f"{where}.tool_use_id", _ID.match(str(block.get("tool_use_id"))), f"String should match '{_ID.pattern}'")
    need(f"{where}.is_error", isinstance(block.get("is_error", False), bool), "Input should be a valid boolean")
    content = block.get("content")
    if isinstance(content, list):
        for index, part in enumerate(content):
            need(where, part.get("type") in ("text", "image", "document"), "not allowed in a tool_result")
            _block(f"{where}.content.{index}", part)
    else:
        need(f"{where}.content", content is None or isinstance(content, str), "Input should be a string or an array")


def _pairs(turns: list[tuple[str, list[JsonObject]]]) -> None:
    """Every tool use is answered at the start of the very next turn, and nothing else is."""
    seen: set[str] = set()
    for index, (role, blocks) in enumerate(turns):
        if role == "assistant":
            used = [block["id"] for block in blocks if block["type"] == "tool_use"]
            need("messages", len({*used}) == len(used) and not seen & {*used}, "tool_use ids must be unique")
            seen |= {*used}
            after = turns[index + 1][1] if index + 1 < len(turns) else []
            answered = [block["tool_use_id"] for block in after if block["type"] == "tool_result"]
            missing = [one for one in used if one not in answered]
            need(
                f"messages.{index}",
                not missing,
                f"tool_use ids without tool_result blocks immediately after: {missing}",
            )
            continue
        kinds = [block["type"] == "tool_result" for block in blocks]
        need(f"messages.{index}", kinds == sorted(kinds, reverse=True), "tool_result blocks must come first")
        before = turns[index - 1][1] if index else []
        used = [block["id"] for block in before if block["type"] == "tool_use"]
        answers = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        need(f"messages.{index}", len({*answers}) == len(answers), "each tool_use must have a single result")
        for one in answers:
            need(f"messages.{index}", one in used, f"unexpected tool_use_id in tool_result blocks: {one}")


def _tools(body: JsonObject) -> None:
    tools = body.get("tools", [])
    need("tools", isinstance(tools, list), "Input should be a valid array")
    names = [tool.get("name") for tool in tools]
    need("tools", len({*names}) == len(names), "Tool names must be unique")
    for index, tool in enumerate(tools):
        where = f"tools.{index}"
        _fields(where, tool, _TOOL)
        need(f"{where}.name", _NAME.match(str(tool.get("name"))), f"String should match pattern '{_NAME.pattern}'")
        need(f"{where}.description", isinstance(tool.get("description", ""), str), "Input should be a valid string")
        deferred = tool.get("defer_loading") is True and tool.get("cache_control")
        need(f"{where}.cache_control", not deferred, "cannot be used together with defer_loading")
        schema = tool.get("input_schema")
        need(f"{where}.input_schema", isinstance(schema, dict), "Field required")
        need(f"{where}.input_schema.type", schema.get("type") == "object", "Input should be 'object'")
        for word in ("oneOf", "allOf", "anyOf"):
            need(
                f"{where}.input_schema", word not in schema, "does not support oneOf, allOf, or anyOf at the top level"
            )
    uses = any(
        isinstance(message["content"], list) and any(block["type"] == "tool_use" for block in message["content"])
        for message in body["messages"]
    )
    need("tools", tools or not uses, "Requests which include tool_use or tool_result blocks must define tools")


def _choice(body: JsonObject) -> None:
    choice = body.get("tool_choice")
    if choice is None:
        return
    need("tool_choice", body.get("tools"), "may only be specified while providing tools")
    kind = choice.get("type")
    need("tool_choice.type", kind in ("auto", "any", "tool", "none"), "Input tag is not known")
    known = (
        {"type"}
        | ({"disable_parallel_tool_use"} if kind != "none" else set())
        | ({"name"} if kind == "tool" else set())
    )
    _fields("tool_choice", choice, known)
    if kind == "tool":
        names = [tool["name"] for tool in body["tools"]]
        need("tool_choice.name", choice.get("name") in names, "Tool not found in provided tools")
    if kind in ("any", "tool"):
        version = _version(body["model"])
        always_thinking = version >= (5, 1) or re.search("fable|mythos", body["model"])
        need("tool_choice", not always_thinking, "forced tool use is not supported on this model")
        thinking = (body.get("thinking") or {}).get("type") in ("enabled", "adaptive")
        need("tool_choice", not thinking, "Thinking may not be enabled when tool_choice forces tool use")


def _rest(body: JsonObject) -> None:
    for index, text in enumerate(body.get("stop_sequences", [])):
        need(f"stop_sequences.{index}", isinstance(text, str) and text.strip(), "must contain non-whitespace")
    if "metadata" in body:
        _fields("metadata", body["metadata"], {"user_id"})
        user = body["metadata"].get("user_id")
        need("metadata.user_id", user is None or (isinstance(user, str) and len(user) <= 256), "at most 256 characters")
        need("metadata.user_id", "@" not in (user or ""), "user_id appears to contain an email address")
    if thinking := body.get("thinking"):
        _thinking(body, thinking)
    config = body.get("output_config", {})
    _fields("output_config", config, {"effort", "format"})
    if effort := config.get("effort"):
        need("output_config.effort", effort in ("low", "medium", "high", "xhigh", "max"), "Input is not known")
        need("output_config.effort", _modern(body["model"]), "This model does not support the effort parameter")
    if form := config.get("format"):
        _fields("output_config.format", form, {"type", "schema"})
        need("output_config.format.type", form.get("type") == "json_schema", "Input should be 'json_schema'")
        _closed(form.get("schema"))


def _thinking(body: JsonObject, thinking: JsonObject) -> None:
    kind = thinking.get("type")
    need("thinking.type", kind in ("enabled", "disabled", "adaptive", "between_tools"), "Input tag is not known")
    if kind == "enabled":
        need("thinking", not _version(body["model"]) >= (4, 7), "thinking.type.enabled is not supported on this model")
        budget = thinking.get("budget_tokens")
        need("thinking.budget_tokens", isinstance(budget, int) and budget >= 1024, "must be at least 1024")
        need("max_tokens", body["max_tokens"] > budget, "must be greater than thinking.budget_tokens")
    if kind == "adaptive":
        need("thinking", _modern(body["model"]), "adaptive thinking is not supported on this model")


def _closed(schema: Any) -> None:
    """Structured output takes closed objects only, and no bounds on numbers, lengths or patterns."""
    if isinstance(schema, list):
        for inner in schema:
            _closed(inner)
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object":
        need(
            "output_config.format.schema", schema.get("additionalProperties") is False, "must set additionalProperties"
        )
    for word in ("minimum", "maximum", "minLength", "maxLength", "multipleOf", "oneOf"):
        need("output_config.format.schema", not isinstance(schema.get(word), int | list), f"{word} is not supported")
    for inner in schema.values():
        _closed(inner)


def _version(model: str) -> tuple[int, int]:
    """(5, 5) of claude-sonnet-5-5, (4, 5) of claude-haiku-4-5-20251001."""
    match = re.search(r"-(\d)(?:-(\d)(?!\d))?", model)
    return (int(match[1]), int(match[2] or 0)) if match else (9, 0)


def _modern(model: str) -> bool:
    return _version(model) >= (4, 6)


def cacheable_from(model: str) -> int:
    """The least prompt in tokens that is cached, as Anthropic's page "Prompt caching" lists it (October 2026)."""
    listed = {
        "claude-fable-5": 512, "claude-mythos-5": 512, "claude-opus-5": 512, "claude-sonnet-5-5": 512,
        "claude-haiku-5-5": 512, "claude-sonnet-5": 1024, "claude-opus-4-8": 1024, "claude-sonnet-4": 1024,
        "claude-mythos-preview": 2048, "claude-opus-4-7": 2048, "claude-opus-4-6": 4096, "claude-opus-4-5": 4096,
        "claude-haiku-4-5": 4096,
    }  # fmt: skip
    names = sorted((name for name in listed if model.startswith(name)), key=len)
    return listed[names[-1]] if names else 1024

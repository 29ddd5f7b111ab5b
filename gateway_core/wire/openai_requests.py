"""Takes what is not OpenAI's out of a chat completion request: the extensions that ``messages_requests`` documents.

What can be said in OpenAI's words is said in them: documents as files or as their text, pictures in a tool's result in
a user message behind it. A plain chat request passes unchanged.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from gateway_core.model import ApiKind, ChatRequest, JsonObject, Refused
from gateway_core.wire.errors import invalid_request
from gateway_core.wire.messages_requests import CALL_EXTRAS, TOOL_EXTRAS, data_url

_FOREIGN = ("thinking", "anthropic", "metadata")
"""Fields of a translated body that OpenAI does not have. It takes ``metadata`` only of what it may store."""
_REASONS = re.compile(r"(?:^|/)(?:gpt-[5-9]|o[1-9]\b|gpt-oss)")
"""Models that take ``reasoning_effort``; others answer 400 to it (OpenAI, Groq and Ollama, November 2026)."""
_MOST_STOPS = 4
"""OpenAI and Groq answer 400 to more (https://platform.openai.com/docs/api-reference/chat, November 2026)."""
_EFFORTS = ("low", "medium", "high")


def in_openais_words(request: ChatRequest, model: str, *, strict: bool) -> JsonObject:
    """The request's body without what the hub format can say and OpenAI's protocol cannot.

    Those are the extensions that carry what a Messages caller said, and pictures in a tool's result, which any caller
    may send.
    """
    if request.api is ApiKind.MESSAGES:
        return from_messages(request.body, model, strict=strict)
    messages = request.body["messages"]
    for message in messages:
        if message["role"] == "tool" and isinstance(message["content"], list) and _split(message)[1]:
            return {**request.body, "messages": _pictures_behind(messages)}
    return request.body


def from_messages(body: JsonObject, model: str, *, strict: bool) -> JsonObject:
    """The translation of a Messages request as a server of OpenAI's protocol takes it.

    ``strict`` servers answer 400 to fields they do not know. Raises :class:`Refused` for what only Anthropic can do.
    """
    made = {name: value for name, value in body.items() if name not in _FOREIGN}
    made["messages"] = openai_messages(body["messages"])
    if not strict:
        made["messages"] = _system_first(made["messages"])
    if effort := _effort(body):
        made["reasoning_effort"] = effort
    if not _REASONS.search(model):
        made.pop("reasoning_effort", None)
    if body.get("tools"):
        made["tools"] = [_tool(tool, f"tools.{index}") for index, tool in enumerate(body["tools"])]
    if strict:
        made.pop("top_k", None)
        if body.get("stop"):
            made["stop"] = body["stop"][:_MOST_STOPS]
    return made


def _effort(body: JsonObject) -> str | None:
    """Effort as most models know it: what was asked for, else told from the budget of thinking tokens."""
    wish, thinking = body.get("reasoning_effort"), body.get("thinking") or {}
    if isinstance(wish, str):
        return wish if wish in _EFFORTS else "high"
    if thinking.get("type") == "enabled":
        budget = thinking.get("budget_tokens") or 0
        return "low" if budget < 4096 else "medium" if budget < 16_384 else "high"
    return "medium" if thinking.get("type") == "adaptive" else None


def _tool(tool: JsonObject, where: str) -> JsonObject:
    if tool.get("type") != "function":
        text = f"{where}: tools of type {tool.get('type')!r} run at Anthropic only, and this model is not there"
        raise Refused(invalid_request(text, where))
    return {name: value for name, value in tool.items() if name not in TOOL_EXTRAS}


def openai_messages(messages: list[JsonObject]) -> list[JsonObject]:
    """The messages in OpenAI's words. Raises :class:`Refused` for a part that has no counterpart."""
    made: list[JsonObject] = []
    for index, message in enumerate(messages):
        said = _message(message, f"messages.{index}")
        if message["role"] == "assistant" and _goes_on(made, said):
            made[-1] = _joined(made[-1], said)
        else:
            made.append(said)
    return _pictures_behind(made)


def _pictures_behind(messages: list[JsonObject]) -> list[JsonObject]:
    """Results of tools hold text only: their pictures follow as the user's, behind the last of them."""
    made: list[JsonObject] = []
    pictures: list[JsonObject] = []
    for message in messages:
        if message["role"] == "tool":
            message, seen = _split(message)
            pictures += seen
        elif pictures:
            made.append({"role": "user", "content": pictures})
            pictures = []
        made.append(message)
    return [*made, {"role": "user", "content": pictures}] if pictures else made


def _system_first(messages: list[JsonObject]) -> list[JsonObject]:
    """System messages inside the conversation as the user's: chat templates of local models take them at its start."""
    made: list[JsonObject] = []
    for message in messages:
        if message["role"] == "system" and any(before["role"] != "system" for before in made):
            message = {"role": "user", "content": f"<system-reminder>\n{message['content']}\n</system-reminder>"}
        made.append(message)
    return made


def _message(message: JsonObject, where: str) -> JsonObject:
    role, content = message["role"], message.get("content")
    if message.get("tool_calls"):
        message = {**message, "tool_calls": [_without(call, CALL_EXTRAS) for call in message["tool_calls"]]}
    if isinstance(content, list):
        parts = [
            made
            for index, part in enumerate(content)
            for made in _parts(part, f"{where}.content.{index}", spoken=role == "assistant")
        ]
        if all(part["type"] == "text" for part in parts):
            message = {**message, "content": "\n\n".join(part["text"] for part in parts)}
        else:
            message = {**message, "content": parts}
    if message.get("tool_calls") and not message.get("content"):
        message = {**message, "content": None}
    return _without(message, ("is_error", "thinking_blocks", "cache_control"))


def _without(value: JsonObject, names: tuple[str, ...]) -> JsonObject:
    return {name: inner for name, inner in value.items() if name not in names} if set(names) & set(value) else value


def _parts(part: JsonObject, where: str, *, spoken: bool) -> list[JsonObject]:
    """A part in OpenAI's words; nothing for blocks of Claude's own turns, which other models cannot read."""
    kind = part["type"]
    if kind == "text":
        return [_text(part["text"])]
    if kind == "document":
        return _document(part, where)
    if kind == "search_result":
        inner = part.get("content")
        said = [str(block.get("text", "")) for block in inner] if isinstance(inner, list) else []
        return [_text("\n".join([f"{part.get('title', '')} ({part.get('source', '')})", *said]))]
    if spoken and kind not in ("refusal", "audio"):
        return []
    if kind in ("image", "container_upload"):
        raise Refused(invalid_request(f"{where}: only Anthropic can read files by their id", where))
    if kind == "file" and isinstance(part.get("file"), dict) and "filename" not in part["file"]:
        return [{**part, "file": {"filename": "document.pdf", **part["file"]}}]
    return [part]


def _document(part: JsonObject, where: str) -> list[JsonObject]:
    source = part.get("source") or {}
    about = [_text(str(part[name])) for name in ("title", "context") if part.get(name)]
    kind = source.get("type")
    if kind == "text":
        return [*about, _text(str(source.get("data", "")))]
    if kind == "content":
        inner = source.get("content")
        blocks = [_text(inner)] if isinstance(inner, str) else inner or []
        return [*about, *(made for block in blocks for made in _parts(block, where, spoken=False))]
    if kind == "base64" and str(source.get("media_type", "")).startswith("text/"):
        return [*about, _text(_decoded(source.get("data")))]
    if kind == "base64":
        file = {"filename": part.get("title") or "document.pdf", "file_data": data_url(source)}
        return [*about[1:], {"type": "file", "file": file}]
    what = "documents at a URL" if kind == "url" else "files by their id"
    raise Refused(invalid_request(f"{where}: only Anthropic can read {what}; send the document itself", where))


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def _decoded(data: Any) -> str:
    try:
        return base64.b64decode(str(data)).decode("utf-8", "replace")
    except binascii.Error:
        return ""


def _split(result: JsonObject) -> tuple[JsonObject, list[JsonObject]]:
    """A tool's result with its text alone, and the pictures and files that were in it."""
    content = result["content"]
    if not isinstance(content, list):
        return result, []
    seen = [part for part in content if part["type"] != "text"]
    text = "\n".join(part["text"] for part in content if part["type"] == "text")
    if seen:
        text = f"{text}\n(The result's {len(seen)} images or files follow.)".strip()
        seen = [_text(f"From the result of tool call {result['tool_call_id']}:"), *seen]
    return {**result, "content": text}, seen


def _goes_on(made: list[JsonObject], said: JsonObject) -> bool:
    """Whether an assistant message must be part of the one before it: calls are followed by their results only."""
    return bool(made) and made[-1]["role"] == "assistant" and bool(made[-1].get("tool_calls"))


def _joined(first: JsonObject, second: JsonObject) -> JsonObject:
    joined = {**first, **{name: value for name, value in second.items() if value is not None}}
    joined["content"] = "\n\n".join(text for text in (first.get("content"), second.get("content")) if text) or None
    joined["tool_calls"] = [*first["tool_calls"], *(second.get("tool_calls") or ())]
    return joined

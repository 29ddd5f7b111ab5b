"""The input items of a Responses request as chat messages, in order, with nothing lost that a chat message can say."""

from __future__ import annotations

from typing import Any

import orjson

from gateway_core.model import JsonObject
from gateway_core.wire.responses_items import (
    SUMMARY_BREAK,
    encrypted_details,
    is_sealed,
    reasoning_text,
    unseal,
)
from gateway_core.wire.responses_tools import chat_name, check_native, wrong

_ROLES = ("user", "assistant", "system", "developer")
_OUTPUTS = ("function_call_output", "custom_tool_call_output")
_CALLS = ("function_call", "custom_tool_call")
_STORED = "is kept by OpenAI, so its size and price are not known here: send its content instead"


def to_chat_messages(body: JsonObject) -> list[JsonObject]:
    """The messages of ``instructions`` and ``input``. Raises :class:`Refused` for what is malformed or impossible."""
    conversation = _Conversation()
    instructions, given = body.get("instructions"), body.get("input")
    if isinstance(instructions, str):
        conversation.messages.append({"role": "system", "content": instructions})
    elif instructions is not None:
        raise wrong("instructions", "must be a string")
    if isinstance(given, str):
        conversation.messages.append({"role": "user", "content": given})
    elif isinstance(given, list) and given:
        for index, item in enumerate(given):
            if not isinstance(item, dict):
                raise wrong(f"input[{index}]", "must be an object")
            conversation.add(item, f"input[{index}]", body)
    else:
        raise wrong("input", "must be a string or a list of items that is not empty")
    return conversation.close()


class _Conversation:
    """Messages in the making. Reasoning, text and calls that follow one another are one assistant message.

    A new one begins where the order would be lost otherwise: with reasoning after words, and with words after calls.
    """

    def __init__(self) -> None:
        self.messages: list[JsonObject] = []
        self._open: JsonObject | None = None

    def add(self, item: JsonObject, where: str, body: JsonObject) -> None:
        kind = item.get("type", "message" if "role" in item else None)
        if kind == "message":
            self._message(item, where)
        elif kind == "reasoning":
            self._reasoning(item, where)
        elif kind in _CALLS:
            self._call(item, where)
        elif kind in _OUTPUTS:
            self._close()
            self.messages.append(_result(item, where))
        elif not isinstance(kind, str):
            raise wrong(f"{where}.type", "must be the type of an item")
        elif kind == "item_reference":
            text = f"there is no item {item.get('id')!r} in a response that is kept: send the item itself"
            raise wrong(where, text)
        else:
            check_native(body, where, f"an item of type {kind}")
            self._close()
            self.messages.append({"role": "assistant", "content": orjson.dumps(item).decode()})

    def close(self) -> list[JsonObject]:
        self._close()
        return self.messages

    def _close(self) -> None:
        if self._open is not None and len(self._open) > 1:
            self.messages.append({"content": None, **self._open})
        self._open = None

    def _assistant(self, *, unless: tuple[str, ...]) -> JsonObject:
        """The open assistant message, or a new one where that already has one of the fields ``unless``."""
        if self._open is not None and any(name in self._open for name in unless):
            self._close()
        if self._open is None:
            self._open = {"role": "assistant"}
        return self._open

    def _message(self, item: JsonObject, where: str) -> None:
        role = item.get("role")
        if role not in _ROLES:
            raise wrong(f"{where}.role", f"must be one of {', '.join(_ROLES)}")
        if role == "assistant":
            said = _said(item.get("content"), f"{where}.content")
            message = self._assistant(unless=("content", "refusal", "tool_calls"))
            message.update(said)
        else:
            self._close()
            self.messages.append({"role": role, "content": content_of(item.get("content"), f"{where}.content")})

    def _reasoning(self, item: JsonObject, where: str) -> None:
        message = self._assistant(unless=("content", "refusal", "tool_calls"))
        if text := reasoning_text(item):
            before = message.get("reasoning_content")
            message["reasoning_content"] = f"{before}{SUMMARY_BREAK}{text}" if before else text
        if is_sealed(item):
            try:
                blocks = unseal(item["encrypted_content"])
            except ValueError:
                text = "was changed since llmgw made it: send the item as it was given, or leave it out"
                raise wrong(f"{where}.encrypted_content", text) from None
            if blocks:
                message["thinking_blocks"] = [*message.get("thinking_blocks", ()), *blocks]
        if details := encrypted_details(item):
            message["reasoning_details"] = [*message.get("reasoning_details", ()), *details]

    def _call(self, item: JsonObject, where: str) -> None:
        call_id, name = item.get("call_id"), item.get("name")
        if not isinstance(call_id, str):
            raise wrong(f"{where}.call_id", "must be the id of the call")
        if not isinstance(name, str) or not name:
            raise wrong(f"{where}.name", "must be the name of a tool")
        field = "arguments" if item["type"] == "function_call" else "input"
        text = item.get(field)
        if not isinstance(text, str):
            raise wrong(f"{where}.{field}", "must be a string")
        if field == "input":
            text = orjson.dumps({"input": text}).decode()
        namespace = item.get("namespace")
        called = chat_name(name, namespace if isinstance(namespace, str) else None)
        call = {"id": call_id, "type": "function", "function": {"name": called, "arguments": text}}
        self._assistant(unless=()).setdefault("tool_calls", []).append(call)


def _said(content: Any, where: str) -> JsonObject:
    """An assistant's words: ``content``, a string where it is one text, and ``refusal``."""
    if isinstance(content, str):
        return {"content": content}
    if not isinstance(content, list):
        raise wrong(where, "must be a string or a list of parts")
    texts: list[str] = []
    refusals: list[str] = []
    for index, part in enumerate(content):
        here = f"{where}[{index}]"
        kind = part.get("type") if isinstance(part, dict) else None
        field = {"output_text": "text", "input_text": "text", "text": "text", "refusal": "refusal"}.get(str(kind))
        if field is None:
            raise wrong(f"{here}.type", "must be output_text or refusal in an assistant's message")
        (refusals if field == "refusal" else texts).append(_text(part, field, here))
    said: JsonObject = {"content": None}
    if texts:
        said["content"] = texts[0] if len(texts) == 1 else [{"type": "text", "text": text} for text in texts]
    if refusals:
        said["refusal"] = "".join(refusals)
    return said


def content_of(content: Any, where: str) -> str | list[JsonObject]:
    """The content of any other message, or a tool's output: a string where it is one text, else its parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise wrong(where, "must be a string or a list of parts")
    parts = [_part(part, f"{where}[{index}]") for index, part in enumerate(content)]
    if len(parts) == 1 and parts[0]["type"] == "text":
        return str(parts[0]["text"])
    return parts


def _part(part: Any, where: str) -> JsonObject:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind in ("input_text", "output_text", "text"):
        return {"type": "text", "text": _text(part, "text", where)}
    if kind == "input_image":
        return _image(part, where)
    if kind == "input_file":
        return _file(part, where)
    if kind == "input_audio" and isinstance(part.get("input_audio"), dict):
        return {"type": "input_audio", "input_audio": part["input_audio"]}
    raise wrong(f"{where}.type", "must be input_text, input_image, input_file or input_audio")


def _text(part: JsonObject, field: str, where: str) -> str:
    text = part.get(field)
    if not isinstance(text, str):
        raise wrong(f"{where}.{field}", "must be a string")
    return text


def _image(part: JsonObject, where: str) -> JsonObject:
    url = part.get("image_url")
    if part.get("file_id") and not url:
        raise wrong(f"{where}.file_id", f"the image {_STORED}, as a data URL in image_url")
    if not isinstance(url, str) or not url:
        raise wrong(f"{where}.image_url", "must be a URL or a data URL")
    detail = part.get("detail")
    return {"type": "image_url", "image_url": {"url": url, **({"detail": detail} if isinstance(detail, str) else {})}}


def _file(part: JsonObject, where: str) -> JsonObject:
    data = part.get("file_data")
    if not data and part.get("file_id"):
        raise wrong(f"{where}.file_id", f"the file {_STORED}, in file_data")
    if not data and part.get("file_url"):
        raise wrong(f"{where}.file_url", "the file's size is not known before it is charged: send it in file_data")
    if not isinstance(data, str) or not data:
        raise wrong(f"{where}.file_data", "must be the file as a data URL")
    file = {name: part[name] for name in ("filename", "file_data") if isinstance(part.get(name), str)}
    return {"type": "file", "file": file}


def _result(item: JsonObject, where: str) -> JsonObject:
    call_id = item.get("call_id")
    if not isinstance(call_id, str):
        raise wrong(f"{where}.call_id", "must be the id of the tool call this answers")
    return {"role": "tool", "tool_call_id": call_id, "content": content_of(item.get("output"), f"{where}.output")}

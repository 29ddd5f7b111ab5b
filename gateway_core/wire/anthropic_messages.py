"""A chat completion request as Anthropic's Messages API takes it (API version 2026-10-21).

That version refuses every field it does not know, temperature and top_p included, so only what is named here is sent.
Prompt-cache markers are the caller's own: ``cache_control`` on a message, a part, a call or a tool is kept. The
extensions that ``messages_requests`` documents are read back.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from gateway_core.model import JsonObject, Refused
from gateway_core.wire.anthropic_thinking import thinking_for, thinking_of
from gateway_core.wire.anthropic_tools import choice_of, format_of, safe, tools_of
from gateway_core.wire.call_numbers import unique
from gateway_core.wire.errors import invalid_request
from gateway_core.wire.json_values import as_object
from gateway_core.wire.messages_requests import CALL_EXTRAS
from gateway_core.wire.openai_chat import call_arguments

_FIRST_WORD = "(start)"
"""What the user says where a conversation begins with the assistant."""
_LAST_WORD = "Continue."
"""What the user says where it ends with the assistant: models of today refuse to go on in its words."""
_NO_RESULT = "(no result)"
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w=.+-]+)*;base64,")
_ANSWERED = re.compile(r"server_tool_use|mcp_tool_use|[a-z_]+_tool_result|container_upload|compaction|fallback")
"""Blocks of Claude's own turns that chat has no part for, and that Anthropic takes back."""
_GIVEN = ("search_result", "container_upload")
"""The same in a user's turn."""
_OWN = ("cache_control", "container", "context_management", "mcp_servers")
"""Anthropic's own fields that a body may carry in ``anthropic``."""
_PLAIN_USER = re.compile(r"(?=.*[a-zA-Z])[a-zA-Z0-9_.:-]{1,128}")


def to_messages(body: JsonObject, model: str, max_tokens: int) -> JsonObject:
    """The Messages request for a valid chat completion request.

    Raises :class:`Refused` where the request asks for something that has no counterpart.
    """
    turns = _Turns()
    system = _converse(body["messages"], turns)
    messages = turns.close()
    tools = tools_of(body, turns.tools_used)
    choice, choose = choice_of(body, tools, model)
    form, formulate = format_of(body)
    system += [_text_block(text) for text in (choose, formulate) if text]
    request: JsonObject = {"model": model, "max_tokens": max_tokens, "messages": messages}
    optional: JsonObject = {
        "system": system,
        "tools": tools,
        "tool_choice": choice,
        "stop_sequences": _stops(body.get("stop")),
        "metadata": _metadata(body),
        "stream": body.get("stream") is True,
        **thinking_for(body, messages, model, max_tokens, forced=bool(choice and choice["type"] in ("any", "tool"))),
    }
    own = as_object(body.get("anthropic"))
    optional.update({name: own[name] for name in _OWN if name in own})
    if form:
        optional["output_config"] = {**optional.get("output_config", {}), "format": form}
    return {**request, **{name: value for name, value in optional.items() if value}}


def _converse(messages: list[JsonObject], turns: _Turns) -> list[JsonObject]:
    """Feeds the conversation to ``turns``; returns the system's words, wherever they stood."""
    system: list[JsonObject] = []
    for index, message in enumerate(messages):
        role, where = message["role"], f"messages[{index}].content"
        if role in ("system", "developer"):
            system += _marked(_blocks(message.get("content"), where, only_text=True), message)
        elif role == "user":
            turns.user(_marked(_blocks(message.get("content"), where), message))
        elif role == "assistant":
            said = _marked(_blocks(message.get("content"), where, only_text=True), message)
            turns.assistant(said, _calls(message), thinking_of(message))
        else:
            turns.result(message.get("tool_call_id"), _blocks(message.get("content"), where), message)
    if not turns.begun and system:
        turns.user([system.pop()])
    return system


class _Turns:
    """The turns of a conversation in the making: user and assistant by turns, every tool call answered in the next.

    Ids are made unique and put into Anthropic's alphabet; a call that was never answered gets an empty error as result,
    a result that nobody asked for becomes the user's text.
    """

    def __init__(self) -> None:
        self._done: list[JsonObject] = []
        self._said: list[JsonObject] = []
        self._results: list[JsonObject] = []
        self._open: list[tuple[str, str]] = []
        """Calls without a result: the client's id and ours."""
        self._ids: set[str] = set()
        self.tools_used: list[str] = []

    @property
    def begun(self) -> bool:
        return bool(self._done or self._said or self._results)

    def user(self, blocks: list[JsonObject]) -> None:
        self._said += blocks

    def assistant(self, blocks: list[JsonObject], calls: list[JsonObject], thinking: list[JsonObject]) -> None:
        """A turn of thinking alone is left out: Anthropic refuses one that ends in it."""
        if not blocks and not calls:
            return
        if not self._done and not self._said:
            self._said.append(_text_block(_FIRST_WORD))
        if self._said or self._results:
            self._end_user_turn()
            self._done.append({"role": "assistant", "content": []})
        content: list[JsonObject] = self._done[-1]["content"]
        content += [*thinking, *blocks]
        for call in calls:
            function = call.get("function") or {}
            name = safe(str(function.get("name") or "tool"), 128)
            made = self._new_id(str(call.get("id") or "call"))
            self._open.append((str(call.get("id") or ""), made))
            self.tools_used.append(name)
            block = {"type": "tool_use", "id": made, "name": name, "input": call_arguments(function.get("arguments"))}
            content.append({**block, **{extra: call[extra] for extra in CALL_EXTRAS if call.get(extra)}})

    def result(self, call_id: Any, blocks: list[JsonObject], message: JsonObject) -> None:
        asked = next((pair for pair in self._open if not call_id or pair[0] == call_id), None)
        if asked is None:
            self._said += [_text_block("Result of an earlier tool call:"), *blocks] if blocks else []
            return
        self._open.remove(asked)
        result: JsonObject = {"type": "tool_result", "tool_use_id": asked[1]}
        if blocks:
            result["content"] = blocks
        if message.get("is_error") is True:
            result["is_error"] = True
        self._results += _marked([result], message)

    def close(self) -> list[JsonObject]:
        """The messages, from a user's turn to a user's turn."""
        if not self._said and not self._results and not self._open:
            self._said.append(_text_block(_LAST_WORD if self._done else _FIRST_WORD))
        self._end_user_turn()
        return self._done

    def _end_user_turn(self) -> None:
        for _, made in self._open:
            block = {"type": "tool_result", "tool_use_id": made, "content": _NO_RESULT, "is_error": True}
            self._results.append(block)
        self._done.append({"role": "user", "content": [*self._results, *self._said]})
        self._said, self._results, self._open = [], [], []

    def _new_id(self, wished: str) -> str:
        return unique(safe(wished, 64), self._ids)


def _text_block(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def _marked(blocks: list[JsonObject], message: JsonObject) -> list[JsonObject]:
    """``blocks`` with the message's own cache marker on the last."""
    marker = message.get("cache_control")
    if marker and blocks:
        return [*blocks[:-1], {**blocks[-1], "cache_control": marker}]
    return blocks


def _blocks(content: Any, where: str, only_text: bool = False) -> list[JsonObject]:
    """Content blocks. Text of nothing but white space is left out: Anthropic refuses it."""
    if isinstance(content, str):
        return [_text_block(content)] if content.strip() else []
    blocks: list[JsonObject] = []
    for index, part in enumerate(content or ()):
        block = _block(part, f"{where}[{index}]", only_text)
        if block:
            blocks += _marked([block], part)
    return blocks


def _block(part: JsonObject, where: str, only_text: bool) -> JsonObject | None:
    kind = part["type"]
    text = part.get("refusal" if kind == "refusal" else "text")
    if kind in ("text", "refusal", "input_text", "output_text"):
        cited = {"citations": part["citations"]} if only_text and part.get("citations") else {}
        return {**_text_block(text), **cited} if isinstance(text, str) and text.strip() else None
    if only_text:
        return _unmarked(part) if _ANSWERED.fullmatch(kind) else None
    if kind == "image_url":
        image = part["image_url"]
        return {"type": "image", "source": _image(image["url"] if isinstance(image, dict) else image, where)}
    if kind == "file":
        return _document(part.get("file") or {}, where)
    if kind in _GIVEN or (kind in ("image", "document") and isinstance(part.get("source"), dict)):
        return _unmarked(part)
    raise Refused(invalid_request(f"{where}: Claude takes no parts of type {kind!r}", where))


def _unmarked(part: JsonObject) -> JsonObject:
    return {name: value for name, value in part.items() if name != "cache_control"}


def _image(url: str, where: str) -> JsonObject:
    if url.startswith(("http://", "https://")):
        return {"type": "url", "url": url}
    media_type, data = _data_url(url, where)
    media_type = {"image/jpg": "image/jpeg"}.get(media_type, media_type)
    if media_type not in _IMAGES:
        raise Refused(invalid_request(f"{where}: Claude takes JPEG, PNG, GIF and WebP images, not {media_type}", where))
    return {"type": "base64", "media_type": media_type, "data": data}


def _document(file: JsonObject, where: str) -> JsonObject:
    data_url = file.get("file_data")
    media_type, data = _data_url(data_url if isinstance(data_url, str) else "", where)
    if media_type != "application/pdf":
        raise Refused(invalid_request(f"{where}: Claude takes PDF files, not {media_type}", where))
    document: JsonObject = {"type": "document", "source": {"type": "base64", "media_type": media_type, "data": data}}
    if isinstance(file.get("filename"), str):
        document["title"] = file["filename"]
    return document


def _data_url(url: str, where: str) -> tuple[str, str]:
    head = _DATA_URL.match(url[:200])
    if not head:
        raise Refused(invalid_request(f"{where}: must be an http(s) URL or a data URL in base64", where))
    return head[1].lower(), url[head.end() :]


def _calls(message: JsonObject) -> list[JsonObject]:
    calls = message.get("tool_calls") or []
    legacy = message.get("function_call")
    return [*calls, {"id": "", "function": legacy}] if isinstance(legacy, dict) else list(calls)


def _stops(stop: Any) -> list[str]:
    """Stop sequences; Anthropic refuses those of white space."""
    wished = [stop] if isinstance(stop, str) else stop or []
    return [text for text in wished if text.strip()]


def _metadata(body: JsonObject) -> JsonObject:
    """The user as an opaque id: Anthropic refuses addresses and numbers, so what may be one is hashed."""
    own = as_object(body.get("metadata")).get("user_id")
    if isinstance(own, str) and own and "@" not in own and len(own) <= 256 and re.search("[a-zA-Z]", own):
        return {"user_id": own}
    user = own or body.get("safety_identifier") or body.get("user")
    if not isinstance(user, str) or not user:
        return {}
    return {"user_id": user if _PLAIN_USER.fullmatch(user) else hashlib.sha256(user.encode()).hexdigest()}

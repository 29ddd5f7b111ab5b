"""Items of OpenAI's Responses and what they are in a chat message: reasoning above all, which must come back unchanged.

Reasoning the gateway hands out carries ``encrypted_content`` of its own: :data:`SEAL`, then base64 of JSON with the
message's ``thinking_blocks`` (Anthropic's thinking and redacted_thinking blocks, signatures included). A client that
returns its items returns them. Reasoning that OpenAI encrypted travels through chat messages in ``reasoning_details``
(OpenRouter's extension, https://openrouter.ai/docs/use-cases/reasoning-tokens, read 2026-11-28).
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from typing import Any

import orjson

from gateway_core.model import JsonObject
from gateway_core.wire.json_values import as_list, as_objects

SEAL = "llmgw1."
"""What the gateway's own ``encrypted_content`` begins with."""
OPENAI_FORMAT = "openai-responses-v1"
SUMMARY_BREAK = "\n\n"
"""Between the parts of a reasoning summary, where it is one text."""
_ENCRYPTED = "reasoning.encrypted"


def seal(thinking_blocks: list[JsonObject]) -> str:
    """``encrypted_content`` that carries the blocks; there may be none."""
    content = {"thinking_blocks": thinking_blocks} if thinking_blocks else {}
    return SEAL + urlsafe_b64encode(orjson.dumps(content)).decode()


def is_sealed(item: JsonObject) -> bool:
    """Whether a reasoning item is one that the gateway made. No provider can read it."""
    content = item.get("encrypted_content")
    return isinstance(content, str) and content.startswith(SEAL)


def unseal(encrypted: str) -> list[JsonObject]:
    """The thinking blocks inside. Raises ``ValueError`` for content that was cut or changed on its way."""
    try:
        content = orjson.loads(urlsafe_b64decode(encrypted.removeprefix(SEAL)))
    except (Base64Error, orjson.JSONDecodeError) as error:
        raise ValueError(str(error)) from None
    blocks = content.get("thinking_blocks", []) if isinstance(content, dict) else None
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise ValueError("no thinking blocks")
    return blocks


def encrypted_details(item: JsonObject) -> list[JsonObject]:
    """The ``reasoning_details`` of a reasoning item that OpenAI encrypted."""
    data = item.get("encrypted_content")
    if not isinstance(data, str) or not data or is_sealed(item):
        return []
    detail: JsonObject = {"type": _ENCRYPTED, "data": data, "format": OPENAI_FORMAT}
    return [{**detail, "id": item["id"]}] if isinstance(item.get("id"), str) else [detail]


def openai_encrypted(details: Any) -> list[JsonObject]:
    """Those of a message's ``reasoning_details`` that OpenAI's Responses can read again."""
    return [
        detail
        for detail in as_objects(details)
        if detail.get("type") == _ENCRYPTED
        and detail.get("format") == OPENAI_FORMAT
        and isinstance(detail.get("data"), str)
    ]


def reasoning_text(item: JsonObject) -> str:
    """The words of a reasoning item: its summary, or its content where it has no summary."""
    for name in ("summary", "content"):
        texts = [part["text"] for part in as_objects(item.get(name)) if isinstance(part.get("text"), str)]
        if texts:
            return SUMMARY_BREAK.join(texts)
    return ""


def reasoning_item(item_id: str, text: str, encrypted: str) -> JsonObject:
    """A reasoning item with its whole text as one part of the summary."""
    summary = [{"type": "summary_text", "text": text}] if text else []
    return {"id": item_id, "type": "reasoning", "summary": summary, "encrypted_content": encrypted}


def text_part(text: str, annotations: list[JsonObject], logprobs: list[JsonObject]) -> JsonObject:
    return {"type": "output_text", "annotations": annotations, "logprobs": logprobs, "text": text}


def refusal_part(text: str) -> JsonObject:
    return {"type": "refusal", "refusal": text}


def message_item(item_id: str, parts: list[JsonObject], status: str) -> JsonObject:
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": parts}


def annotation_of(annotation: Any) -> JsonObject | None:
    """A chat message's annotation as Responses has it; None for one it does not have."""
    if not isinstance(annotation, dict):
        return None
    kind = annotation.get("type")
    inner = annotation.get(kind) if isinstance(kind, str) else None
    if kind != "url_citation" or not isinstance(inner, dict):
        return None
    return {
        "type": "url_citation",
        "start_index": inner.get("start_index") or 0,
        "end_index": inner.get("end_index") or 0,
        "url": str(inner.get("url") or ""),
        "title": str(inner.get("title") or ""),
    }


def chat_annotation(annotation: JsonObject) -> JsonObject | None:
    """The way back: a chat message's annotation; None for one that chat does not have."""
    if annotation.get("type") != "url_citation":
        return None
    return {"type": "url_citation", "url_citation": {key: value for key, value in annotation.items() if key != "type"}}


def logprob_of(entry: Any) -> JsonObject | None:
    """A token's log probability as an ``output_text`` part carries it."""
    plain = _token(entry)
    if plain is None:
        return None
    return {**plain, "top_logprobs": [top for other in as_list(entry.get("top_logprobs")) if (top := _token(other))]}


def _token(entry: Any) -> JsonObject | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("token"), str):
        return None
    logprob, raw = entry.get("logprob"), entry.get("bytes")
    if isinstance(logprob, bool) or not isinstance(logprob, int | float):
        return None
    token = entry["token"]
    data = raw if isinstance(raw, list) else list(token.encode("utf-8", "replace"))
    return {"token": token, "logprob": logprob, "bytes": data}

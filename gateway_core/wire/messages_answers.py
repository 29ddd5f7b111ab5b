"""Whole chat completions as answers of Anthropic's Messages API."""

from __future__ import annotations

from typing import Any

from gateway_core.model import JsonObject, Usage
from gateway_core.wire.anthropic_thinking import thinking_of
from gateway_core.wire.anthropic_tools import safe
from gateway_core.wire.json_values import as_object
from gateway_core.wire.messages_requests import UNSIGNED
from gateway_core.wire.openai_chat import call_arguments, first_choice, implied_finish
from gateway_core.wire.usage import read_usage

_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
_NATIVE = ("pause_turn", "model_context_window_exceeded")


def usage_of(completion: JsonObject) -> JsonObject:
    """Anthropic's usage with ``cost`` in US dollars: input tokens without those of the prompt cache."""
    usage = read_usage(completion) or Usage()
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    made: JsonObject = {
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "output_tokens": usage.output_tokens,
    }
    if usage.reasoning_tokens:
        made["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return with_cost(made, completion)


def with_cost(usage: JsonObject, completion: JsonObject) -> JsonObject:
    """``usage`` with what the gateway says the answer cost."""
    cost = as_object(completion.get("usage")).get("cost")
    return usage if cost is None else {**usage, "cost": cost}


def to_message(completion: JsonObject, message_id: str, *, mild: bool = False) -> JsonObject:
    """A whole ``chat.completion`` as a Message.

    ``mild`` ends filtered answers with ``end_turn``: a client that takes ``refusal`` for a failure (OpenClaw) would
    hide what the answer says.
    """
    choice = first_choice(completion) or {}
    message = as_object(choice.get("message"))
    refusal = str(message.get("refusal") or "")
    calls = [call for call in message.get("tool_calls") or () if isinstance(call, dict)]
    said = message.get("content")
    text = (said if isinstance(said, str) else "") or ("" if calls else refusal)
    content = [
        *_thinking(message),
        *([{"type": "text", "text": text}] if text else []),
        *(_tool_use(call, message_id, index) for index, call in enumerate(calls)),
    ]
    finish = implied_finish(choice)
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": str(completion.get("model") or ""),
        "content": content,
        **ending(choice, finish, refusal, calls=bool(calls), mild=mild),
        "usage": usage_of(completion),
    }


def _thinking(message: JsonObject) -> list[JsonObject]:
    signed = thinking_of(message)
    thoughts = message.get("reasoning_content") or message.get("reasoning")
    if not isinstance(thoughts, str) or not thoughts or thoughts == "".join(b.get("thinking", "") for b in signed):
        return signed
    return [*signed, {"type": "thinking", "thinking": thoughts, "signature": UNSIGNED}]


def _tool_use(call: JsonObject, message_id: str, index: int) -> JsonObject:
    function = call.get("function") or {}
    name, arguments = str(function.get("name") or ""), call_arguments(function.get("arguments"))
    return {"type": "tool_use", "id": tool_id(call.get("id"), message_id, index), "name": name, "input": arguments}


def tool_id(given: Any, message_id: str, index: int) -> str:
    """The upstream's id in Anthropic's alphabet; one of our own where it gave none."""
    return safe(str(given), 64) if given else safe(f"toolu_{index}_{message_id}", 64)


def ending(choice: JsonObject, finish: str, refusal: str, *, calls: bool, mild: bool) -> JsonObject:
    """How a message ended. vLLM names the stop sequence in ``stop_reason``."""
    reason = _STOP_REASONS.get(finish, "end_turn")
    sequences = [text for name in ("stop_sequence", "stop_reason") if isinstance(text := choice.get(name), str)]
    sequence = sequences[0] if sequences and finish == "stop" else None
    if choice.get("native_finish_reason") in _NATIVE:
        reason = choice["native_finish_reason"]
    elif refusal:
        reason = "refusal"
    elif calls and reason == "end_turn":
        reason = "tool_use"
    elif sequence:
        reason = "stop_sequence"
    if reason == "refusal" and mild:
        reason = "end_turn"
    details = {"type": "refusal", "category": None, "explanation": refusal or None} if reason == "refusal" else None
    return {"stop_reason": reason, "stop_sequence": sequence, "stop_details": details}

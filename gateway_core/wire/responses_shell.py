"""The Response object around its output: what was asked, how it ended, what it used."""

from __future__ import annotations

from typing import Any

from gateway_core.model import JsonObject, Refusal
from gateway_core.wire.json_values import as_object

_ECHOED: JsonObject = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "temperature": 1.0,
    "tool_choice": "auto",
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
}
"""What OpenAI gives back of a request, and what it fills in where nothing was asked."""
_ECHOED_IF_GIVEN = ("max_tool_calls", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "user")
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
_RATE = ("rate_limit_exceeded", "budget_exceeded")


def shell(asked: JsonObject, response_id: str, created_at: int, model: str, stored: bool) -> JsonObject:
    """A response that has just begun, for the request ``asked``. ``stored`` says whether it can be asked for later."""
    text, reasoning = as_object(asked.get("text")), as_object(asked.get("reasoning"))
    given = {name: asked[name] for name in (*_ECHOED, *_ECHOED_IF_GIVEN) if asked.get(name) is not None}
    return {
        "id": response_id,
        "object": "response",
        "created_at": created_at,
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "model": model,
        "output": [],
        "usage": None,
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "service_tier": "default",
        "store": stored,
        "text": {**text, "format": text.get("format") or {"type": "text"}},
        "tools": [_tool(tool) for tool in asked.get("tools") or ()],
        **_ECHOED,
        **given,
    }


def _tool(tool: JsonObject) -> JsonObject:
    return {"parameters": None, "strict": None, **tool} if tool.get("type") == "function" else tool


def ended(response: JsonObject, output: list[JsonObject], finish: str, usage: Any, at: int) -> JsonObject:
    """The response at its end, for the finish reason and the ``usage`` of a chat completion. ``at`` is Unix seconds."""
    reason = _INCOMPLETE.get(finish)
    return {
        **response,
        "status": "incomplete" if reason else "completed",
        "completed_at": None if reason else at,
        "incomplete_details": {"reason": reason} if reason else None,
        "output": output,
        "usage": responses_usage(usage),
    }


def failed(response: JsonObject, output: list[JsonObject], refusal: Refusal) -> JsonObject:
    """The response as it failed.

    ``error.code`` is one of those OpenAI names: what cannot be mended by asking again is ``invalid_prompt``.
    """
    code = (
        "rate_limit_exceeded"
        if refusal.code in _RATE
        else "invalid_prompt"
        if refusal.http_status in (400, 403, 404, 409, 413)
        else "server_error"
    )
    error = {"code": code, "message": refusal.message}
    return {**response, "status": "failed", "error": error, "output": output}


def responses_usage(usage: Any) -> JsonObject | None:
    """The usage of a chat completion in the words of Responses, ``cost`` in US dollars included."""
    if not isinstance(usage, dict):
        return None
    prompt, output = as_object(usage.get("prompt_tokens_details")), as_object(usage.get("completion_tokens_details"))
    made: JsonObject = {
        "input_tokens": usage.get("prompt_tokens") or 0,
        "input_tokens_details": {
            "cached_tokens": prompt.get("cached_tokens") or 0,
            "cache_write_tokens": prompt.get("cache_write_tokens") or 0,
        },
        "output_tokens": usage.get("completion_tokens") or 0,
        "output_tokens_details": {"reasoning_tokens": output.get("reasoning_tokens") or 0},
        "total_tokens": usage.get("total_tokens") or 0,
    }
    return {**made, "cost": usage["cost"]} if "cost" in usage else made


def chat_usage(usage: Any) -> JsonObject | None:
    """The way back: a Response's usage as chat completions report it; None where there is none."""
    if not isinstance(usage, dict):
        return None
    return {
        "prompt_tokens": usage.get("input_tokens"),
        "completion_tokens": usage.get("output_tokens"),
        "total_tokens": usage.get("total_tokens"),
        "prompt_tokens_details": as_object(usage.get("input_tokens_details")),
        "completion_tokens_details": as_object(usage.get("output_tokens_details")),
    }

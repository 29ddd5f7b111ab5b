"""A Messages request on its way to Anthropic as its caller wrote it, and the headers that belong to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from gateway_core.model import JsonObject
from gateway_core.wire import claude_models
from gateway_core.wire.anthropic_thinking import is_signed
from gateway_core.wire.messages_requests import THINKING

_RESERVED = {
    "speed": ("standard", "fast"),
    "inference_geo": ("global", "us"),
    "service_tier": ("auto", "standard_only"),
}
"""Values of the fields with a price that are sent: fast mode and inference in the United States are set aside and
charged at their factors (``providers.pricing``), ``auto`` is what Anthropic does without a word (types of anthropic
2.12), and ``standard_only`` cannot be dearer. Any other value is not sent: nobody knows its price."""
_LIMITED_TOOLS = ("web_search", "web_fetch", "advisor")
"""Server tools that take ``max_uses`` (types of anthropic 2.12). Code execution, tool search and MCP take no limit: for
those, what is set aside is an assumption."""
_GEO_SINCE = (4, 6)
"""Older models answer 400 to ``inference_geo`` (platform.claude.com, data residency, 2026-11-28)."""
_LEAST_BUDGET = 1024
_USUAL_BUDGET = 4096
_NO_BUDGETS = (4, 7)
"""The first version that refuses ``thinking.type.enabled`` (Anthropic's migration guides, November 2026)."""
_SAMPLING = ("temperature", "top_p", "top_k")
"""Refused by the models of today (API version 2026-10-21)."""
_BETA = re.compile(r"[A-Za-z0-9._-]{1,100}")
_VERSION = re.compile(r"\d{4}-\d\d-\d\d")
_HEADERS = ("anthropic-beta", "anthropic-version")


def native_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The caller's headers that belong to its body, by lower-case name."""
    return {name: value for name in _HEADERS if (value := headers.get(name))}


def betas_of(headers: Mapping[str, str]) -> list[str]:
    """The betas that a caller's ``anthropic-beta`` names, in their order and once each."""
    named = [beta.strip() for beta in headers.get("anthropic-beta", "").split(",")]
    return list(dict.fromkeys(beta for beta in named if _BETA.fullmatch(beta)))


def with_betas(chat: JsonObject, headers: Mapping[str, str]) -> JsonObject:
    """The caller's request as a chat completion, with the betas that its headers name."""
    betas = betas_of(headers)
    return {**chat, "anthropic": {**chat.get("anthropic", {}), "betas": sorted(betas)}} if betas else chat


def headers_for(native: Mapping[str, str], betas: Iterable[str]) -> dict[str, str]:
    """What is sent upstream: the caller's version, and its betas behind ``betas``, which are the gateway's own."""
    both = list(dict.fromkeys([*betas, *betas_of(native)]))
    made = {"anthropic-beta": ",".join(both)} if both else {}
    version = native.get("anthropic-version", "")
    return {**made, "anthropic-version": version} if _VERSION.fullmatch(version) else made


def native_body(
    native: JsonObject,
    model: str,
    max_tokens: int,
    *,
    stream: bool,
    foreign: frozenset[str],
    left_out: Iterable[str] = (),
) -> JsonObject:
    """The caller's own body for ``model``, without the fields ``left_out``.

    Its limit is lowered to ``max_tokens``, and a thinking budget with it. Thinking that this model did not write is
    left out, since its signature would be refused: what other models thought, and the signatures in ``foreign``.
    """
    body = {name: value for name, value in native.items() if name not in left_out}
    body |= {"model": model, "stream": stream, "max_tokens": min(max_tokens, native.get("max_tokens") or max_tokens)}
    if not stream:
        del body["stream"]
    thinking = body.get("thinking")
    if isinstance(thinking, dict) and body["max_tokens"] < (native.get("max_tokens") or 0):
        body["thinking"] = _bounded(thinking, body["max_tokens"])
    body["messages"] = [_with_own_thinking(message, foreign) for message in native["messages"]]
    return body


def unreserved(native: JsonObject, *, us_is_priced: bool) -> list[str]:
    """The fields of a caller's body that make it dearer than what is set aside for it.

    ``us_is_priced`` says that the factor for the United States is charged: Anthropic's own, and nobody else's.
    """
    given = {name: native[name] for name in _RESERVED if native.get(name) is not None}
    return [
        name
        for name, value in given.items()
        if value not in _RESERVED[name] or (name == "inference_geo" and value == "us" and not us_is_priced)
    ]


def with_limits(body: JsonObject, uses: int) -> tuple[JsonObject, list[str]]:
    """``body`` with a limit of ``uses`` on each server tool that has none and takes one, and their names."""
    tools = body.get("tools") or []
    open_ended = [tool for tool in tools if _takes_limit(tool) and tool.get("max_uses") is None]
    if not open_ended:
        return body, []
    limited = [{**tool, "max_uses": uses} if tool in open_ended else tool for tool in tools]
    return {**body, "tools": limited}, [str(tool.get("name") or tool["type"]) for tool in open_ended]


def _takes_limit(tool: Any) -> bool:
    return isinstance(tool, dict) and str(tool.get("type") or "").startswith(_LIMITED_TOOLS)


def _bounded(thinking: JsonObject, max_tokens: int) -> JsonObject:
    budget = thinking.get("budget_tokens")
    if not isinstance(budget, int) or budget < max_tokens:
        return thinking
    if max_tokens <= _LEAST_BUDGET:
        return {"type": "disabled"}
    return {**thinking, "budget_tokens": max_tokens - 1}


def adapted(body: JsonObject, model: str) -> tuple[JsonObject, list[str]]:
    """A native body whose caller could not know that ``model`` answers, without what that model refuses.

    Returns the body and the names of the fields that were changed. The rules are those of ``claude_models``.
    """
    made = {name: value for name, value in body.items() if name not in _SAMPLING}
    changed = [name for name in _SAMPLING if name in body]
    for name in _unknown_to(model):
        if made.pop(name, None) is not None:
            changed.append(name)
    for name, change in (("thinking", _thinking_for), ("tool_choice", _choice_for), ("output_config", _config_for)):
        if isinstance(made.get(name), dict):
            before = made[name]
            made |= change(made, model)
            if made[name] != before:
                changed.append(name)
    return {name: value for name, value in made.items() if value is not None}, changed


def _unknown_to(model: str) -> list[str]:
    """Ways of inference that ``model`` does not have: only Opus has a fast mode."""
    too_old = claude_models.version(model) < _GEO_SINCE
    return [*(["speed"] if too_old or "opus" not in model else []), *(["inference_geo"] if too_old else [])]


def _thinking_for(body: JsonObject, model: str) -> JsonObject:
    """Manual budgets as effort and back: each line of models takes one of them only."""
    thinking, limit = body["thinking"], body["max_tokens"]
    kind, shown = thinking.get("type"), {name: thinking[name] for name in ("display",) if name in thinking}
    if kind == "enabled" and claude_models.version(model) >= _NO_BUDGETS:
        budget = thinking.get("budget_tokens") or 0
        effort = "low" if budget < 4096 else "medium" if budget < 16_384 else "high"
        config = {"effort": effort, **(body.get("output_config") or {})}
        return {"thinking": {"type": "adaptive", **shown}, "output_config": config}
    if kind == "adaptive" and not claude_models.takes_effort(model):
        budget = min(_USUAL_BUDGET, limit - _LEAST_BUDGET)
        return {"thinking": {"type": "enabled", "budget_tokens": budget} if budget >= _LEAST_BUDGET else None}
    return {}


def _choice_for(body: JsonObject, model: str) -> JsonObject:
    choice = body["tool_choice"]
    if choice.get("type") not in ("any", "tool") or claude_models.takes_forced_tools(model):
        return {}
    rest = {name: value for name, value in choice.items() if name not in ("type", "name")}
    return {"tool_choice": {**rest, "type": "auto"}}


def _config_for(body: JsonObject, model: str) -> JsonObject:
    if claude_models.takes_effort(model):
        return {}
    rest = {name: value for name, value in body["output_config"].items() if name != "effort"}
    return {"output_config": rest or None}


def _with_own_thinking(message: JsonObject, foreign: frozenset[str]) -> JsonObject:
    content = message["content"]
    if message["role"] != "assistant" or isinstance(content, str):
        return message
    kept = [block for block in content if block["type"] not in THINKING or _is_own(block, foreign)]
    if len(kept) == len(content):
        return message
    return {**message, "content": kept or [{"type": "text", "text": "(no words)"}]}


def _is_own(block: JsonObject, foreign: frozenset[str]) -> bool:
    return is_signed(block) and signature_of(block) not in foreign


def signature_of(block: Any) -> str:
    """What marks a block of thinking: its signature, or the data of one that is not shown."""
    return str(block.get("signature") or block.get("data") or "")

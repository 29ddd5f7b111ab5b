"""What a chat completion's body must look like for a server that speaks OpenAI's protocol more or less."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from urllib.parse import urlsplit

from gateway_core.frozen import frozen
from gateway_core.model import JsonObject
from gateway_core.providers.base import UpstreamCall
from gateway_core.wire.json_values import as_object

STRICT_KINDS = ("openai", "groq")
"""Kinds that answer 400 to fields they do not know. Every other, and every free one, is a local server and lenient."""
_NOT_OPENAI = frozenset(
    ("cache_control", "reasoning_content", "reasoning", "reasoning_details")
    + ("thinking_blocks", "untranslated_blocks", "is_error")
)
"""Message fields of other protocols, which OpenAI and Groq answer with 400."""
PRICED_APART = ("service_tier", "web_search_options")
"""Not sent to a paid provider: they make tokens dearer or add a price for each search, which is not reserved."""
STANDARD_TIER = {"service_tier": "default"}
"""Said to OpenAI, where nothing said means the tier of the project's settings, which may be priority at 2.5 times the
price (OpenAI's types of ``service_tier``: "auto" is the project's, "default" the standard price; openai 3, 2026-11)."""
_PRICED_ELSEWHERE = (*PRICED_APART, "models", "route", "plugins", "search_parameters")
"""The same of routers and of xAI: other models than the one that is reserved for, and searches
(openrouter.ai/docs, docs.x.ai, 2026-11)."""
_NOT_GROQ = (
    *("logprobs", "top_logprobs", "logit_bias", "store", "metadata", "modalities", "audio", "prediction"),
    *("prompt_cache_key", "prompt_cache_retention", "safety_identifier", "verbosity", "n"),
)
"""Answered with 400 (console.groq.com/docs/openai, 2026-11), or without a meaning there. ``n`` may only be 1."""
_GROQ_EFFORTS = {"none": "low", "minimal": "low", "low": "low", "medium": "medium", "high": "high"}
"""What gpt-oss on Groq takes for ``reasoning_effort`` (console.groq.com/docs/reasoning, 2026-11); higher is high."""


@frozen
class Dialect:
    """How a server wants its requests. ``limits`` are the fields that bound the answer, ``longest`` the longest answer
    by model, ``headers`` and ``query`` are added to every request."""

    strict: bool = False
    limits: tuple[str, ...] = ("max_tokens", "max_completion_tokens")
    groq: bool = False
    drop: tuple[str, ...] = ()
    message_drop: frozenset[str] = frozenset()
    longest: Mapping[str, int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    keeps_connections: bool = True
    fixed: Mapping[str, object] = field(default_factory=dict)
    """Fields of every request, whatever the caller says."""

    def adapt(self, call: UpstreamCall, said: JsonObject | None = None) -> JsonObject:
        """The body as this server takes it; the caller's, or ``said`` in its place, is left as it is."""
        stream, model = call.request.stream, call.target.model
        body: JsonObject = {**(call.request.body if said is None else said), "model": model, "stream": stream}
        options = body.pop("stream_options", None)
        if stream:
            body["stream_options"] = {**as_object(options), "include_usage": True}
        limit = call.max_output_tokens
        for most in (body.pop("max_completion_tokens", None), body.pop("max_tokens", None), self.longest.get(model)):
            if most is not None and (limit is None or most < limit):
                limit = most
        for name in self.drop:
            if name in body:
                del body[name]
        if self.groq and "reasoning_effort" in body:
            body.update(_groq_effort(model, body.pop("reasoning_effort")))
        if self.message_drop:
            body["messages"] = [_without(message, self.message_drop) for message in body["messages"]]
        if not self.strict:
            body["messages"] = [_with_content(message) for message in body["messages"]]
        if limit is not None:
            for name in self.limits:
                body[name] = limit
        body.update(self.fixed)
        return body


def dialect_of(kind: str, free: bool) -> Dialect:
    """The dialect of a server we know by its kind."""
    if kind not in STRICT_KINDS or free:
        limits = ("max_tokens",) if kind == "ollama" else ("max_tokens", "max_completion_tokens")
        return Dialect(limits=limits, keeps_connections=False)
    groq = kind == "groq"
    return Dialect(
        strict=True,
        limits=("max_completion_tokens",),
        groq=groq,
        drop=(*PRICED_APART, *(_NOT_GROQ if groq else ())),
        message_drop=_NOT_OPENAI | {"name"} if groq else _NOT_OPENAI,
    )


def fixed_fields(name: str, base_url: str) -> Mapping[str, object]:
    """What every request to the built-in provider ``name`` says: OpenAI itself knows :data:`STANDARD_TIER`, and what
    else answers at an address of the user's own may not."""
    host = urlsplit(base_url).hostname or ""
    return STANDARD_TIER if name == "openai" and f".{host}".endswith(".openai.com") else {}


def own_dialect(
    *,
    strict: bool,
    free: bool,
    limit: str,
    drop: tuple[str, ...],
    longest: Mapping[str, int],
    headers: Mapping[str, str],
    query: Mapping[str, str],
) -> Dialect:
    """The dialect of a provider of the user's own, as they describe it."""
    return Dialect(
        strict=strict,
        limits=(limit,),
        drop=(*drop, *(() if free else _PRICED_ELSEWHERE)),
        message_drop=_NOT_OPENAI if strict else frozenset(),
        longest=longest,
        headers=headers,
        query=query,
    )


def _groq_effort(model: str, asked: object) -> JsonObject:
    """Groq answers 400 to an effort that a model does not know, and to any for a model that does not reason."""
    if "gpt-oss" in model:
        return {"reasoning_effort": _GROQ_EFFORTS.get(str(asked), "high")}
    if "qwen" in model:
        return {"reasoning_effort": "none" if asked == "none" else "default"}
    return {}


def _with_content(message: JsonObject) -> JsonObject:
    """Ollama answers 400 to null content, which is legal beside tool calls, and servers like it know no refusals."""
    content, refusal = message.get("content"), message.get("refusal")
    if refusal and not content and message.get("role") == "assistant":
        return {**{name: value for name, value in message.items() if name != "refusal"}, "content": refusal}
    return {**message, "content": ""} if content is None else message


def _without(message: JsonObject, names: frozenset[str]) -> JsonObject:
    if not names.isdisjoint(message):
        message = {key: value for key, value in message.items() if key not in names}
    content = message.get("content")
    if isinstance(content, list) and any("cache_control" in part for part in content):
        parts = [{key: value for key, value in part.items() if key != "cache_control"} for part in content]
        message = {**message, "content": parts}
    return message

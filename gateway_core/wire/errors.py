"""Refusals as clients know them: OpenAI's error envelope, and one constructor for each code of the contract."""

from __future__ import annotations

from gateway_core.model import JsonObject, Refusal

RESTART_S = 2
"""Seconds after which a gateway that was restarted answers again."""
_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
"""OpenAI's error types by status; 4xx else ``invalid_request_error``, 5xx ``api_error``."""


def openai_error(refusal: Refusal) -> JsonObject:
    """The body of a refused chat completion."""
    status = refusal.http_status
    kind = _TYPES.get(status, "invalid_request_error" if 400 <= status < 500 else "api_error")
    error = {"message": refusal.message, "type": kind, "param": refusal.param, "code": refusal.code}
    return {"error": error}


_ANTHROPIC_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
"""Anthropic's error types by status (https://docs.claude.com/en/api/errors, November 2026); 5xx else ``api_error``."""


def anthropic_error(refusal: Refusal, request_id: str | None) -> JsonObject:
    """The body of a refused Messages request, and the data of its ``error`` event.

    Claude Code shortens a conversation by itself where it is told "prompt is too long", in Anthropic's words.
    """
    status = refusal.http_status
    kind = _ANTHROPIC_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    text = refusal.message
    if refusal.code == "context_length_exceeded" and "prompt is too long" not in text:
        text = f"prompt is too long: {text}"
    error = {"type": kind, "message": text, "code": refusal.code}
    return {"type": "error", "error": error, "request_id": request_id}


def invalid_api_key() -> Refusal:
    return Refusal(
        "invalid_api_key",
        "The gateway's key is missing or wrong. Send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'; "
        "`llmgw connect` shows it.",
        401,
    )


def policy_violation(rule: str) -> Refusal:
    """``rule`` names the rule that refused, in words for the user."""
    return Refusal("policy_violation", f"llmgw's policy refused this request: {rule}.", 403)


def rate_limited(what: str, retry_after_s: int) -> Refusal:
    """``what`` names the limit that is full, for example ``60 requests a minute``."""
    wait = max(1, retry_after_s)
    return Refusal("rate_limit_exceeded", f"llmgw: {what} reached. Try again in {wait} s.", 429, retry_after_s=wait)


def budget_exceeded(spent_microusd: int, limit_microusd: int, provider: str = "") -> Refusal:
    """The day's limit is reached, or that of one ``provider``.

    The wording is a contract: OpenClaw shows a 429 verbatim, and only once, when it says "daily limit" in at most 300
    characters; words like "quota" or "out of budget" make it disable the whole provider.
    """
    spent, limit = _usd(spent_microusd, limit_microusd), _usd(limit_microusd, limit_microusd)
    whose = f" of {provider}" if provider else ""
    text = f"llmgw: daily limit{whose} reached, {spent} of {limit} USD spent. Resets at 00:00 UTC."
    return Refusal("budget_exceeded", text, 429)


def background_exceeded(committed_microusd: int, limit_microusd: int, most_microusd: int) -> Refusal:
    """The day's limit for what nobody waits for is reached, or a request that can cost ``most_microusd`` would pass it.

    Worded for OpenClaw as :func:`budget_exceeded` is: it goes on with a fallback model behind the same gateway.
    """
    spent, limit = _usd(committed_microusd, limit_microusd), _usd(limit_microusd, limit_microusd)
    room = limit_microusd - committed_microusd
    more = f", and this request may cost {_usd(most_microusd, limit_microusd)}" if 0 < room < most_microusd else ""
    text = f"llmgw: daily limit for background work reached, {spent} of {limit} USD spent{more}. Resets at 00:00 UTC."
    return Refusal("budget_exceeded", text, 429)


def _usd(microusd: int, limit_microusd: int) -> str:
    return f"{microusd / 1e6:.2f}" if limit_microusd >= 1_000_000 else f"{microusd / 1e6:.4f}"


def kill_switch() -> Refusal:
    return Refusal(
        "kill_switch", "llmgw's kill switch is on: nothing is answered until it is released (key k, or the API).", 503
    )


def gateway_stopped() -> Refusal:
    """The gateway ends. Both SDKs try a 503 again, and so does OpenClaw (2026.9.6): it may be back by then."""
    text = "llmgw was stopped. Send the request again once it runs."
    return Refusal("gateway_stopped", text, 503, retry_after_s=RESTART_S)


def stopped_by_hand() -> Refusal:
    """One request that an operator cancelled. 409 because OpenClaw takes 499 and 5xx for a failure and asks again, up
    to eight times (``classify-core.ts`` of OpenClaw 2026.9.6, read 2026-11-28)."""
    return Refusal("stopped_by_hand", "llmgw: this request was stopped by hand, in the control centre or the API.", 409)


def invalid_request(message: str, param: str | None = None) -> Refusal:
    return Refusal("invalid_request", message, 400, param=param)


def model_not_found(model: str, hint: str) -> Refusal:
    """``hint`` says which models there are."""
    return Refusal("model_not_found", f"There is no model {model!r}. {hint}", 404, param="model")


def context_length_exceeded(tokens: int | None = None, limit: int | None = None) -> Refusal:
    """The prompt fits no model that could answer; with ``tokens`` and ``limit`` where they are known."""
    if tokens is not None and limit is not None:
        text = f"The request needs about {tokens} tokens, and the model takes {limit}. Shorten the conversation."
    else:
        text = "The request is longer than the model's context. Shorten the conversation."
    return Refusal("context_length_exceeded", text, 400, param="messages")


def body_too_large(limit_bytes: int) -> Refusal:
    return Refusal("invalid_request", f"The request is larger than {limit_bytes} bytes.", 413)


def request_timeout() -> Refusal:
    return Refusal("request_timeout", "The rest of the request's body did not come in time. Send it again.", 408)


def upstream_error(provider: str, message: str) -> Refusal:
    """``message`` is an :class:`~gateway_core.providers.base.UpstreamError`'s: clean, and for the caller."""
    return Refusal("upstream_error", _named(provider, message), 502)


def upstream_timeout(provider: str, message: str = "did not answer in time.") -> Refusal:
    return Refusal("upstream_timeout", _named(provider, message), 504)


def _named(provider: str, message: str) -> str:
    return message if message.startswith(provider) else f"{provider}: {message}"


def no_provider(message: str = "No provider can answer this request.") -> Refusal:
    """``message`` says what is missing and how to add it."""
    return Refusal("no_provider", message, 503)


def internal_error() -> Refusal:
    return Refusal("internal_error", "llmgw failed on this request; its log says where.", 500)


def idempotency_conflict() -> Refusal:
    return Refusal("idempotency_conflict", "This idempotency key was used with another request. Use a new key.", 409)

"""What OpenClaw 2026.9.6 takes for a reason to disable a provider's key, copied from its own classifier.

``src/agents/failover/message-patterns.ts`` and ``classify-core.ts`` of npm's openclaw 2026.9.6 (dist files
``message-patterns-*.mjs`` and ``classify-core-*.mjs``), read 2026-11-28. ``auth`` and ``auth_permanent`` put the key
into a cooldown, ``billing`` disables it for hours; both stop every model behind the same base URL.
"""

from __future__ import annotations

import re

_AUTH_PERMANENT = (
    r"api[_ ]?key[_ ]?(?:revoked|deactivated|deleted)",
    r"deactivated[_ ]workspace",
    "key has been disabled",
    "key has been revoked",
    "account has been deactivated",
    "not allowed for this organization",
)
_AUTH = (
    r"invalid[_ ]?api[_ ]?key(?![a-z0-9])",
    r"api[_ ]?key(?:[_ ]?(?:is[_ ]?)?(?:invalid(?![a-z0-9])|not[_ ]?valid(?![a-z0-9])))",
    r"could not (?:authenticate|validate).*(?:api[_ ]?key|credentials)",
    "permission_error",
    "incorrect api key",
    "invalid token",
    "authentication",
    "re-authenticate",
    "oauth token refresh failed",
    "unauthorized",
    "forbidden",
    "access denied",
    "insufficient permissions",
    "insufficient permission",
    r"missing scopes?:",
    "expired",
    r"\b401\b",
    r"\b403\b",
    "no credentials found",
    "no api key found",
    r"\bfailed to (?:extract|parse|validate|decode)\b.*\btoken\b",
    r'"code"\s*:\s*1113\b',
    "无权访问",
    "认证失败",
    "鉴权失败",
    "密钥无效",
    "apikey 无效",
    r"\bce-011\b",
)
_BILLING = (
    r"""["']?(?:status|code)["']?\s*[:=]\s*402\b|\bhttp\s*402\b|\berror(?:\s+code)?\s*[:=]?\s*402\b|^\s*402\s+payment""",
    r"\b(?:got|returned|received)\s+(?:a\s+)?402\b(?!\s+records\b)",
    "payment required",
    "insufficient credits",
    r"used\s+all\s+available\s+credits",
    r"(?:monthly\s+)?spend(?:ing)?\s+limit",
    r"insufficient[_ ]quota",
    r"\b(?:go|free)usagelimiterror\b",
    "available balance",
    "out of budget",
    "credit balance",
    "plans & billing",
    r"insufficient[_ ]balance",
    r"\binsufficient\s+\w+\s+balance\b",
    "insufficient usd or diem balance",
    r"requires?\s+more\s+credits",
    "out of extra usage",
    "draw from your extra usage",
    r"extra usage is required(?: for long context requests)?",
    "余额不足",
    "欠费",
    r'"code"\s*:\s*"InvalidSubscription"',
    r"\bdoes not have a valid coding\s*plan subscription\b",
    r'"code"\s*:\s*1311\b',
    r"\bcurrent\s+subscription\s+plan\b.*\b(?:does\s+not|doesn't|not)\b.*\binclude\s+access\b",
    r"\bmodel\b.*\bnot\s+available\b.*\bcurrent\s+plan\b",
)
_BILLING_HEAD = (
    r"^(?:error[:\s-]+)?billing(?:\s+error)?(?:[:\s-]+|$)"
    r"|^(?:error[:\s-]+)?(?:credit balance|insufficient credits?|payment required|http\s*402\b)"
)
_RULES = {
    "auth_permanent": _AUTH_PERMANENT,
    "auth": _AUTH,
    "billing": (*_BILLING, _BILLING_HEAD),
}
_COMPILED = {reason: [re.compile(rule, re.IGNORECASE) for rule in rules] for reason, rules in _RULES.items()}
_PERIODIC = re.compile(
    r"\b(?:daily|weekly|monthly)(?:/(?:daily|weekly|monthly))* (?:usage )?limit(?:s)?"
    r"(?: (?:exhausted|reached|exceeded))?\b",
    re.IGNORECASE,
)


def disables(status: int | None, *texts: str) -> str:
    """The reason for which OpenClaw would disable the key, empty when it would not.

    ``status`` is None for an error inside a stream, which has none; ``texts`` are its message, code and type. Stricter
    than the client, which asks for other reasons first.
    """
    if status in (401, 403):
        return "auth"
    if status == 402:
        return "billing"
    if status is not None and status >= 500:
        return ""  # "server_error", "timeout" or "overloaded", whatever the text says
    for reason, rules in _COMPILED.items():
        if any(rule.search(text) for rule in rules for text in texts):
            return reason
    return ""


def shows_verbatim(status: int, message: str) -> bool:
    """Whether the user sees the text of a refusal, after one request."""
    return status == 429 and len(message) <= 300 and bool(_PERIODIC.search(message))

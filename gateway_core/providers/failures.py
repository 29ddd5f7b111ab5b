"""An upstream's failures as :class:`UpstreamError`: what went wrong, whether to try again, and words for the caller.

An upstream's own text is handed on without keys, markup and control characters. Its 401, 402 and 403 get words of our
own, and so does a text that speaks of authentication or payment: inside a stream there is no status, and OpenClaw takes
such words, and the bare numbers, for a reason to disable the whole gateway (OpenClaw 2026.9.6,
``agents/failover/message-patterns.ts``).
"""

from __future__ import annotations

import asyncio
import math
import re
import time
import unicodedata
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import orjson

from gateway_core.credentials import without_credentials
from gateway_core.model import Refusal
from gateway_core.providers.base import UpstreamError
from gateway_core.providers.bodies import Undecodable
from gateway_core.wire.errors import invalid_request
from gateway_core.wire.json_values import as_object

_LONGEST = 400
_KEYS = r"(?i)\b(?:sk|gsk|pk|xai|key)[-_][\w*.-]{6,}|\bbearer\s+\S+"
_MARKUP = r"(?i)<\s*(?:!doctype|html|head|body|title|h1|p|div|center)\b"
_TOO_LONG = (
    r"(?i)context.{0,3}(?:length|window|size)|prompt (?:is )?too long|exceed_context_size|maximum context"
    r"|exceeds? (?:the )?(?:available )?context|context overflow|too many (?:input )?tokens|reduce the length"
)
_NO_MONEY = r"(?i)insufficient_quota|credit balance|exceeded your current quota|billing_(?:error|hard|not)"
_ALARMING = (
    r"(?i)\b40[123]\b|authenticat|unauthorized|forbidden|access denied|insufficient permission|permission_error|expired"
    r"|missing scopes?:|invalid token|oauth token refresh|no (?:credentials|api key) found|incorrect api key"
    r"|invalid[_ ]?api[_ ]?key|api[_ ]?key[_ ]?(?:is[_ ]?)?(?:invalid|not[_ ]?valid|revoked|deactivated|deleted)"
    r"|could not validate|failed to (?:extract|parse|validate|decode)\b.*\btoken"
    r"|has been (?:disabled|revoked|deactivated)"
    r"|deactivated[_ ]workspace|not allowed for this organization"
    r"|payment required|billing|insufficient[_ ](?:\w+[_ ])?(?:credits|quota|balance)|credits\b"
    r"|(?:credit|available) balance"
    r"|spend(?:ing)? limit|usagelimiterror|out of budget|extra usage|subscription|current plan"
    r"|[\u3400-\u9fff]"
)
"""What OpenClaw may read as trouble with the key or the account; the last are its Chinese patterns."""
_TOO_LARGE_FOR_PLAN = r"(?i)request too large"
"""Groq's and OpenAI's word for a request above the account's tokens a minute, with 413 and 429: waiting is no help,
another provider is (console.groq.com/docs/errors and openai.com's guide on rate limits, 2026-11)."""
_MODELS_OWN = ("tool_use_failed", "json_validate_failed", "output_parse_failed")
"""Groq's codes with 400 for a tool call or JSON that its model got wrong (console.groq.com/docs/tool-use, 2026-11)."""
_NOT_FOR_US = r"(?i)only authorized for use with claude code|oauth authentication is currently not"
"""Anthropic's word, with 400, for a setup token that it does not take here."""
_RETRYABLE = (408, 409, 425, 429, 498)
"""498 is Groq's for a service tier without capacity."""
_STATUS_OF_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}


class Failures:
    """Makes the errors of one upstream. ``key_setting`` is the name of the setting that holds its key."""

    def __init__(self, name: str, address: str, key_setting: str, secrets: Iterable[str] = ()) -> None:
        self._name = name
        self._address = without_credentials(address)
        self._key_setting = key_setting
        self._secrets = tuple(secret for secret in secrets if secret)

    def clean(self, text: str) -> str:
        """``text`` without keys, markup and control characters, and not too long; empty where nothing is left."""
        if re.search(_MARKUP, text):
            return ""
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        text = re.sub(_KEYS, "[key]", text)
        text = "".join(" " if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp") else char for char in text[:4000])
        return " ".join(text.split())[:_LONGEST]

    def protocol(self, what: str) -> UpstreamError:
        """An answer that cannot be read, or that has no end. ``what`` completes "NAME …"."""
        return UpstreamError(f"{self._name} {what}.", kind="protocol", retryable=True)

    def timeout(self, seconds: float, begun: bool) -> UpstreamError:
        what = f"sent nothing for {seconds:g} s" if begun else f"did not answer within {seconds:g} s"
        return UpstreamError(f"{self._name} {what}.", kind="timeout", retryable=not begun)

    def refused(self, refusal: Refusal) -> UpstreamError:
        """A request that was not sent because the upstream cannot take it."""
        return UpstreamError(refusal.message, kind="status", status=400, sent=False, code=refusal.code)

    def too_deep(self) -> UpstreamError:
        """A request that cannot be written as JSON: what tool calls hold in their strings, nobody has measured."""
        return self.refused(invalid_request("The request is nested too deeply."))

    def broken(self, error: BaseException, waited_s: float, begun: bool) -> UpstreamError:
        """What ended the waiting for the next bytes: the gateway's own patience of ``waited_s``, or the connection."""
        if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ClientError):
            return self.timeout(waited_s, begun)
        return self.connection(error)

    def connection(self, error: BaseException) -> UpstreamError:
        """A connection that did not come about, or that broke."""
        causes = list(_causes(error))
        if isinstance(error, Undecodable):
            return self.protocol(str(error))
        if any(isinstance(cause, aiohttp.ClientConnectorDNSError) for cause in causes):
            return self._unsent(f"cannot be found: no address for {self._address}. Check the network and the URL.")
        if any(isinstance(cause, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError) for cause in causes):
            return self._unsent(f"at {self._address} has no valid certificate.", retryable=False)
        if any(isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError) for cause in causes):
            return self._unsent(f"is not reachable at {self._address}. Is it running?")
        if any(isinstance(cause, aiohttp.InvalidURL) for cause in causes):
            return self.address()
        if any(isinstance(cause, asyncio.TimeoutError | aiohttp.ServerTimeoutError) for cause in causes):
            return UpstreamError(f"{self._name} did not answer in time.", kind="timeout", retryable=True)
        return UpstreamError(f"{self._name} closed the connection.", kind="connect", retryable=True)

    def address(self) -> UpstreamError:
        """A base URL that is none."""
        return self._unsent(f"has no usable address: {self._address}.", retryable=False)

    def _unsent(self, what: str, retryable: bool = True) -> UpstreamError:
        return UpstreamError(f"{self._name} {what}", kind="connect", retryable=retryable, sent=False)

    def status(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
        """An answer with an error status."""
        text, code = _said(body)
        wait = retry_after(headers)
        should = {"true": True, "false": False}.get(headers.get("x-should-retry", "").lower())
        made = self._made(status, text, code, wait, should, sent=status >= 500 or code in _MODELS_OWN)
        if code in _MODELS_OWN:
            made.kind = "protocol"  # the model has written something, and it may be charged
        if _too_large_for_plan(status, text, code):
            made.kind, made.status = "limit", 413
        return made

    def reported(self, report: Any) -> UpstreamError:
        """An error inside an answer that began well. What it used may be charged."""
        text, code = _said_in(report)
        kind, number = (as_object(report).get(name) for name in ("type", "code"))
        status = number if isinstance(number, int) and 400 <= number < 600 else _STATUS_OF_TYPE.get(str(kind), 500)
        made = self._made(status, text, code, None, None, sent=True)
        made.kind = "protocol"
        return made

    def _made(
        self, status: int, text: str, code: str, wait: float | None, should: bool | None, *, sent: bool
    ) -> UpstreamError:
        message, kind_of, retryable = self._judge(status, text, code)
        return UpstreamError(
            message,
            kind="status",
            status=402 if status == 429 and re.search(_NO_MONEY, f"{code} {text}") else status,
            retryable=retryable if should is None else should,
            sent=sent,
            retry_after_s=wait,
            code=kind_of,
        )

    def _judge(self, status: int, text: str, code: str) -> tuple[str, str | None, bool]:
        """The message, the refusal's code where the caller can act, and whether to try again."""
        name, said = self._name, self.clean(text)
        if re.search(_ALARMING, said):
            said = ""
        if status == 401:
            return f"{name} did not accept the gateway's key. Check {self._key_setting}.", None, False
        if status == 403 or re.search(_NOT_FOR_US, text):
            return f"{name} does not let the gateway do this. Check what {self._key_setting} is good for.", None, False
        if status == 402 or re.search(_NO_MONEY, f"{code} {text}"):
            return f"{name} does not serve the gateway's account. Look at the account's console.", None, False
        if _too_large_for_plan(status, text, code):
            return f"{name} takes no request of this size{_numbers(text)}.", None, False
        if status == 400 and code in _MODELS_OWN:
            return f"{name}'s model wrote a tool call or JSON that is none. {said}".strip(), None, True
        if 300 <= status < 400:
            return f"{name} answered with a redirect ({status}). Check its base URL.", None, False
        if status in (400, 413, 422) and code != "rate_limit_exceeded":
            if status == 413 or re.search(_TOO_LONG, f"{code} {text}"):
                return said or "The request is longer than the model takes.", "context_length_exceeded", False
            told = re.sub("(?i)time-?out", "time limit", said)
            return f"{name}: {told or 'refused the request'}", "invalid_request", False
        if status == 404:
            return f"{name} does not know this model or address (404). {said}".strip(), "model_not_found", False
        if status == 429:
            return f"{name} is limiting the rate of requests. {said}".strip(), None, True
        tail = f": {said}" if said else "."
        return f"{name} failed ({status}){tail}", None, status in _RETRYABLE or status >= 500


def _numbers(text: str) -> str:
    """What is allowed and what was asked for. The rest of the text speaks of billing, which alarms OpenClaw."""
    found = re.search(r"(?i)limit:? (\d+), requested:? (\d+)", text)
    return f": {found[1]} tokens a minute are allowed, and it needs {found[2]}" if found else ""


def _too_large_for_plan(status: int, text: str, code: str) -> bool:
    return status in (413, 429) and code == "rate_limit_exceeded" and bool(re.search(_TOO_LARGE_FOR_PLAN, text))


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds to wait as ``Retry-After`` says, in seconds or as a date; None where it says nothing usable."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        try:
            seconds = float(value) * scale
        except ValueError:
            continue
        return seconds if math.isfinite(seconds) and seconds >= 0 else None
    try:
        at = parsedate_to_datetime(headers.get("retry-after", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, at - (time.time() if now is None else now))


def _said(body: bytes) -> tuple[str, str]:
    """The text and code of an error body, in any protocol's envelope; empty where it is no JSON."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "", ""
    if not isinstance(value, dict):
        return "", ""
    return _said_in(value.get("error") or value)


def _said_in(report: Any) -> tuple[str, str]:
    if isinstance(report, str):
        return report, ""
    if not isinstance(report, dict):
        return "", ""
    text = report.get("message") or report.get("detail") or ""
    code = report.get("code") or report.get("type") or ""
    return (text if isinstance(text, str) else orjson.dumps(text).decode()), str(code)


def _causes(error: BaseException | None) -> Iterable[BaseException]:
    seen = 0
    while error is not None and seen < 20:
        yield error
        error, seen = error.__cause__ or error.__context__, seen + 1

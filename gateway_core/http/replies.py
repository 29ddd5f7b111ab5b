"""Answers as JSON, and refusals in the envelope their reader knows."""

from __future__ import annotations

import traceback
from collections.abc import Mapping

import orjson
from aiohttp import web

from gateway_core.model import JsonObject, Refusal
from gateway_core.wire.errors import openai_error


def reply(content: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """``content`` (dataclasses too) as JSON."""
    return web.Response(
        body=orjson.dumps(content, default=_plain, option=orjson.OPT_NON_STR_KEYS),
        status=status,
        content_type="application/json",
        headers=headers,
    )


def refuse(refusal: Refusal, headers: Mapping[str, str] | None = None, body: JsonObject | None = None) -> web.Response:
    """A refusal with Retry-After where waiting helps; ``body`` is OpenAI's error envelope unless it is given."""
    more = dict(headers or {})
    if refusal.retry_after_s is not None:
        more["Retry-After"] = str(refusal.retry_after_s)
    return reply(body or openai_error(refusal), status=refusal.http_status, headers=more)


def where(error: BaseException) -> str:
    """The kind and place of an exception, for the log. Its text stays out: it may hold a prompt or a key."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at " + " < ".join(f"{f.name}:{f.lineno}" for f in reversed(frames[-4:]))


def _plain(value: object) -> object:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(type(value).__name__)

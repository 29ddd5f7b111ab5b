"""Any client that speaks OpenAI's chat format and keeps no envelope of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway_core.clients.messages import (
    Sent,
    in_tool_loop,
    session_of,
    text_of,
    with_stable_tool_ids,
)
from gateway_core.model import ClientView, Lane

_PRODUCT = re.compile(r"[A-Za-z][A-Za-z0-9._+-]{0,31}(?:/[A-Za-z][A-Za-z0-9._+-]{0,15})?")


def read_generic(sent: Sent) -> ClientView:
    """The request as it stands."""
    messages, headers = sent.messages, sent.headers
    return ClientView(
        client="codex" if _is_codex(headers) else _client_name(headers.get("user-agent")),
        session=session_of(sent.body, headers),
        lane=Lane.INTERACTIVE,
        user_text=text_of(sent.users[-1].get("content")) if sent.users else "",
        system_text=sent.system,
        messages=tuple(with_stable_tool_ids(messages)),
        in_tool_loop=in_tool_loop(messages),
    )


def _is_codex(headers: Mapping[str, str]) -> bool:
    """OpenAI's Codex names its part that asks, ``codex_cli_rs`` or ``codex_exec``, in ``originator`` (Codex 0.162)."""
    return (headers.get("originator") or headers.get("user-agent") or "").lower().startswith("codex")


def _client_name(user_agent: str | None) -> str:
    """The product in front of a User-Agent, without its version: ``OpenAI/JS``, ``curl``; else ``unknown``."""
    product = _PRODUCT.match(user_agent) if user_agent else None
    return product.group() if product else "unknown"

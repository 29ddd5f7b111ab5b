"""What a request's body asks for beyond words: tools and audio, read once for all who look at them."""

from __future__ import annotations

from typing import Any

from gateway_core.frozen import frozen

SERVER_TOOLS = ("web_search", "web_fetch", "code_execution", "tool_search", "advisor", "mcp")
"""Kinds of tools that a provider runs itself; a tool's type begins with its kind."""


@frozen
class Asked:
    """What is found in a body of any shape, a chat completion's or another protocol's."""

    server_tools: tuple[tuple[str, dict[str, Any]], ...]
    """Tools that the provider runs itself, by kind; each server of its MCP connector is one."""
    audio: bool


def asked_in(body: dict[str, Any]) -> Asked:
    """Never raises."""
    found: list[tuple[str, dict[str, Any]]] = []
    tools = body.get("tools")
    for tool in tools if isinstance(tools, list) else ():
        try:
            named = tool["type"]
        except (KeyError, TypeError):
            continue
        if named != "function" and isinstance(named, str) and (kind := _kind_of(named)):
            found.append((kind, tool))
    if isinstance(body.get("web_search_options"), dict):
        found.append(("web_search", {"max_uses": 1}))
    servers = body.get("mcp_servers")
    if isinstance(servers, list) and not any(kind == "mcp" for kind, _ in found):
        found += [("mcp", server) for server in servers if isinstance(server, dict)]
    return Asked(tuple(found), _has_audio(body))


def tool_names(body: dict[str, Any]) -> tuple[str, ...]:
    """The functions' names, in order; empty for a tool without one. Never raises."""
    names: list[str] = []
    tools = body.get("tools")
    for tool in tools if isinstance(tools, list) else ():
        try:
            name = tool["function"]["name"]
        except (KeyError, TypeError):
            name = ""
        names.append(name if type(name) is str else "")
    return tuple(names)


def _kind_of(named: str) -> str | None:
    return next((kind for kind in SERVER_TOOLS if named.startswith(kind)), None)


def _has_audio(body: dict[str, Any]) -> bool:
    modalities, messages = body.get("modalities"), body.get("messages")
    if body.get("audio") or (isinstance(modalities, list) and "audio" in modalities):
        return True
    for message in messages if isinstance(messages, list) else ():
        try:
            content = message["content"]
        except (KeyError, TypeError):
            continue
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict) and part.get("type") == "input_audio":
                return True
    return False

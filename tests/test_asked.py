"""What a body asks for beyond words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway_core.asked import asked_in, tool_names
from gateway_core.wire.extras import has_server_tools
from tests.providers.calls import make_call

DEEP: Any = []
for _ in range(5000):
    DEEP = [DEEP]


def test_tools_are_named_in_order_and_the_providers_own_are_told_by_kind() -> None:
    search = {"type": "web_search_20260318", "name": "web_search"}
    tools = [{"type": "function", "function": {"name": "read"}}, search, {"type": "custom"}, "junk"]
    assert tool_names({"tools": tools}) == ("read", "", "", "")
    assert asked_in({"tools": tools}).server_tools == (("web_search", search),)


@pytest.mark.parametrize("tools", [None, "x", 1, [{"type": DEEP}], [{"function": {"name": DEEP}}], [None]])
def test_what_has_not_the_shape_of_tools_is_none(tools: Any) -> None:
    body = {"tools": tools, "mcp_servers": 1, "web_search_options": 1, "modalities": 1, "messages": [1]}
    asked = asked_in(body)
    assert not asked.server_tools and not any(tool_names(body)) and not asked.audio


def test_a_server_of_the_mcp_connector_counts_once() -> None:
    tool, server = {"type": "mcp_toolset"}, {"name": "files"}
    assert asked_in({"mcp_servers": [server, 1]}).server_tools == (("mcp", server),)
    assert asked_in({"tools": [tool], "mcp_servers": [server]}).server_tools == (("mcp", tool),)


def test_audio_is_heard_wherever_it_is_asked_for() -> None:
    spoken = {"messages": [{"role": "user", "content": ["junk", {"type": "input_audio"}]}]}
    assert all(asked_in(body).audio for body in (spoken, {"audio": {"voice": "a"}}, {"modalities": ["audio"]}))


def test_a_request_with_another_body_asks_for_what_is_in_that_one() -> None:
    plain = make_call().request
    searching = {"tools": [{"type": "web_search"}]}
    assert not has_server_tools(plain)
    assert has_server_tools(replace(plain, body={**plain.body, **searching}))
    assert has_server_tools(native := replace(plain, native=searching))
    assert not has_server_tools(replace(native, native=None))

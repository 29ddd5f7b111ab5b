"""The OpenAPI document is true: every route of the server is in it, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway_core.gateway import Gateway
from gateway_core.http.server import make_app
from tests.http.inside import Client, client, make_settings


async def served(folder: Path) -> set[tuple[str, str]]:
    """Method and path of every route, a pattern's name alone."""
    gateway = await Gateway.open(make_settings(folder))
    try:
        return {
            (route.method.lower(), re.sub(r":[^}]*}", "}", route.resource.canonical))
            for route in make_app(gateway).router.routes()
            if route.resource is not None and route.method not in ("HEAD", "*")
        }
    finally:
        await gateway.close()


async def document(llmgw: Client) -> dict[str, dict[str, dict[str, object]]]:
    found: dict[str, dict[str, dict[str, object]]] = (await llmgw.get("/openapi.json"))["paths"]
    return found


async def test_every_route_is_in_the_document_and_every_path_of_it_is_served(tmp_path: Path) -> None:
    async with client(tmp_path / "one") as llmgw:
        told = {(method, path) for path, methods in (await document(llmgw)).items() for method in methods}
        commands = {("post", f"/api/commands/{name}") for name in llmgw.gateway.commands.names}
    assert commands <= told
    routes = await served(tmp_path / "two")
    assert told - commands == routes - {("post", "/api/commands/{name}")}


async def test_the_document_needs_the_key(tmp_path: Path) -> None:
    async with client(tmp_path) as llmgw, llmgw.http.get("/openapi.json", headers={"Authorization": "no"}) as answer:
        assert answer.status == 401


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("force_tier", {"tier"}), ("set_budget", {"soft", "medium", "hard", "background"}), ("unload_all", set())],
)
async def test_a_command_is_told_with_its_arguments(tmp_path: Path, name: str, arguments: set[str]) -> None:
    async with client(tmp_path) as llmgw:
        found = llmgw.gateway.commands.arguments[name]
    assert set(found.schema["properties"]) == arguments
    assert found.summary.endswith(".")

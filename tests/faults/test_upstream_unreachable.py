"""Upstreams that are not there: nothing was sent, so nothing is charged."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import closing
from itertools import product
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.faults.upstream import KEY
from tests.http.inside import client

PROVIDERS = ("groq", "anthropic", "openai", "local")


@pytest.fixture
def closed_port() -> Iterator[str]:
    """An address where nobody listens, and nobody else will: it is bound, and refuses."""
    with closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


@pytest.mark.parametrize("fault", ["refused connection", "dns failure"])
async def test_an_upstream_that_cannot_be_reached(tmp_path: Path, closed_port: str, fault: str) -> None:
    host = closed_port if fault == "refused connection" else "upstream.invalid"
    settings = {
        "groq_api_key": SecretStr(KEY),
        "groq_base_url": f"http://{host}/v1",
        "openai_api_key": SecretStr(KEY),
        "openai_base_url": f"http://{host}/v1",
        "anthropic_api_key": SecretStr(KEY),
        "anthropic_base_url": f"http://{host}",
        "local_llm_enabled": True,
        "local_llm_url": f"http://{host}/v1",
        "local_llm_model": "faulty:1b",
        "builtin_model": "off",
    }
    words = "is not reachable" if fault == "refused connection" else "no address for"
    async with client(tmp_path, **settings) as llmgw:
        for provider, path in product(PROVIDERS, ("chat/completions", "messages")):
            asked = {
                "model": f"{provider}/faulty:1b",
                "max_tokens": 50,
                "messages": [{"role": "user", "content": path}],
            }
            async with llmgw.http.post(f"/v1/{path}", json={**asked, "stream": True}) as answer:
                error = await answer.json()
            async with asyncio.timeout(5), llmgw.http.get("/health") as health:
                assert health.status == 200
            (row,) = (await llmgw.get("/api/requests?limit=1"))["requests"]
            assert (answer.status, error["error"]["code"]) == (502, "upstream_error")
            assert (error.get("type") == "error") is (path == "messages")
            assert (words if provider != "local" else "No local server answers") in error["error"]["message"]
            assert KEY not in str(error)
            assert (row["status"], row["error_code"], row["cost_microusd"]) == ("failed", "upstream_error", 0)
            await llmgw.post("/api/commands/retry_provider", provider=provider)
        budget = await llmgw.get("/api/budget")
    assert budget["spent_usd"] == budget["reserved_usd"] == 0

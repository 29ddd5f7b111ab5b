"""What these tests share: the installed OpenClaw, the real model, and a gateway in front of upstreams."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from gateway_core.routing.lineup import DEFAULT_CHEAP_MODELS
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.real.gateway_process import KEY, GatewayProcess, gateway
from tests.real.openclaw import Installed, OpenClaw, cache_folder, install
from tests.real.proxy import RecordingProxy
from tests.real.real_model import CONTEXT_TOKENS, NAME, real_model

READ_NOTES = {
    "type": "function",
    "function": {
        "name": "read",
        "description": "Read a file.",
        "parameters": {
            "type": "object",
            "properties": {"path": {"type": "string", "enum": ["AGENTS.md"]}},
            "required": ["path"],
            "additionalProperties": False,
        },
    },
}
"""The one tool the real model may call, and the one file it may read with it."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def installed() -> Installed:
    return await install(cache_folder())


@pytest_asyncio.fixture(loop_scope="session")
async def openclaw(installed: Installed, tmp_path: Path) -> OpenClaw:
    return OpenClaw(installed, tmp_path / "openclaw")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def model_proxy() -> AsyncIterator[RecordingProxy]:
    async with real_model(cache_folder()) as model, RecordingProxy(model) as proxy:
        yield proxy


@pytest_asyncio.fixture(loop_scope="session")
async def local_gateway(
    model_proxy: RecordingProxy, openclaw: OpenClaw, tmp_path: Path
) -> AsyncIterator[GatewayProcess]:
    """A gateway whose LOCAL tier is the real model, with OpenClaw connected to it; there is no paid upstream."""
    model_proxy.bodies.clear()
    model_proxy.written.clear()
    model_proxy.tool = None
    settings = {
        "LOCAL_LLM_URL": model_proxy.base_url,
        "LOCAL_LLM_API_KEY": model_proxy.key,
        "LOCAL_LLM_MODEL": NAME,
        "LOCAL_CONTEXT_TOKENS": str(CONTEXT_TOKENS),
    }
    async with gateway(tmp_path / "gateway", **settings) as running:
        openclaw.connect(f"{running.base_url}/v1", KEY)
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def claude() -> AsyncIterator[FakeAnthropic]:
    async with FakeAnthropic() as fake:
        yield fake


@pytest_asyncio.fixture(loop_scope="session")
async def claude_gateway(claude: FakeAnthropic, openclaw: OpenClaw, tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    """A gateway whose PREMIUM tier is the fake Anthropic that checks every field, with OpenClaw connected to it."""
    settings = {
        "LOCAL_LLM_ENABLED": "false",
        "ANTHROPIC_BASE_URL": claude.base_url,
        "ANTHROPIC_API_KEY": claude.key,
    }
    async with gateway(tmp_path / "gateway", **settings) as running:
        openclaw.connect(f"{running.base_url}/v1", KEY)
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def groq() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI(kind="groq", key="gsk-fake", models=(DEFAULT_CHEAP_MODELS["groq"],)) as fake:
        yield fake


@pytest_asyncio.fixture(loop_scope="session")
async def groq_gateway(groq: FakeOpenAI, tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    """A gateway whose CHEAP tier is the fake Groq; nobody is connected to it yet."""
    settings = {"LOCAL_LLM_ENABLED": "false", "GROQ_BASE_URL": groq.base_url, "GROQ_API_KEY": groq.key or ""}
    async with gateway(tmp_path / "gateway", **settings) as running:
        yield running

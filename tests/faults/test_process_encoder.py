"""The process of the semantic cache dies, hangs, or finds damage: requests go on, and so does the cache as it can."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.cache.table.support import garble_all, table_files
from tests.e2e.harness import GatewayProcess, Reply, gateway
from tests.fakes.ollama import FakeOllama
from tests.faults.children import DYING_ENCODER, ENCODER, child_of, child_there, hurt
from tests.faults.disk import LONGEST_S, line_with

pytestmark = pytest.mark.asyncio(loop_scope="module")


def env(ollama: FakeOllama) -> dict[str, str]:
    local = {"LOCAL_LLM_ENABLED": "true", "LOCAL_LLM_URL": ollama.base_url, "LOCAL_LLM_MODEL": "qwen3:8b"}
    return {**local, "BUILTIN_MODEL": "off", "SEMANTIC_CACHE": "on"}


async def ask(llmgw: GatewayProcess, text: str) -> Reply:
    answer = await llmgw.chat(text, model="gateway-local")
    assert answer.status == 200, answer.body
    return answer


async def semantic(llmgw: GatewayProcess) -> dict[str, Any]:
    found: dict[str, Any] = (await llmgw.get("/api/snapshot"))["cache"]["semantic"]
    return found


async def until(llmgw: GatewayProcess, **wanted: object) -> None:
    async with asyncio.timeout(LONGEST_S):
        while not wanted.items() <= (await semantic(llmgw)).items():  # noqa: ASYNC110  another process's
            await asyncio.sleep(0.05)


async def works(llmgw: GatewayProcess, language: str) -> None:
    """The cache, once it is ready: what it is given it finds again by other words. A busy child may miss a question."""
    question, found = f"How are lists sorted in {language}", ""
    async with asyncio.timeout(LONGEST_S):
        await ask(llmgw, question)
        while found != "semantic":
            question += "?"
            found = (await ask(llmgw, question)).headers["x-llmgw-cache"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ollama() -> AsyncIterator[FakeOllama]:
    async with FakeOllama("qwen3:8b") as fake:
        yield fake


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def llmgw(ollama: FakeOllama, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayProcess]:
    async with gateway(tmp_path_factory.mktemp("encoder"), before=ENCODER, **env(ollama)) as process:
        await ask(process, "How are lists sorted in Python")
        await until(process, state="ready")
        yield process


async def test_a_killed_encoder_takes_no_request_with_it_and_comes_back(llmgw: GatewayProcess) -> None:
    """As the system ends it for want of memory: SIGKILL."""
    before = await child_there(llmgw)
    hurt(before, signal.SIGKILL)
    assert (await ask(llmgw, "What is a linked list in C")).tier == "local"
    await child_there(llmgw, other_than=before)
    await until(llmgw, state="ready")
    await works(llmgw, "Rust")


async def test_an_encoder_that_hangs_is_not_waited_for_and_is_replaced(llmgw: GatewayProcess) -> None:
    before = await child_there(llmgw)
    hurt(before, signal.SIGSTOP)
    async with asyncio.timeout(LONGEST_S):
        assert (await ask(llmgw, "What is a heap in Java")).tier == "local"
    await child_there(llmgw, other_than=before)
    await until(llmgw, state="ready")
    assert (await semantic(llmgw))["unanswered"] >= 1


async def test_an_encoder_that_dies_again_and_again_is_given_up_and_said_so_and_requests_go_on(
    ollama: FakeOllama, tmp_path: Path
) -> None:
    async with gateway(tmp_path, before=DYING_ENCODER, **env(ollama)) as llmgw:
        assert (await ask(llmgw, "What is a queue in Go")).tier == "local"
        await until(llmgw, state="failed", restarts=3)
        told = await line_with(llmgw, "are off until the next start")
        assert "its process ended" in told and child_of(llmgw) is None
        (notice,) = (await llmgw.get("/api/snapshot"))["notices"]
        assert notice.endswith("are off until the next start: its process ended again and again.")
        assert (await ask(llmgw, "What is a stack in Go")).tier == "local"


def garbled(folder: Path) -> None:
    garble_all(folder)


def truncated(folder: Path) -> None:
    for file in table_files(folder, "data/*"):
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def without_manifests(folder: Path) -> None:
    for file in table_files(folder, "_versions/*"):
        file.write_bytes(b"\0" * file.stat().st_size)


@pytest.mark.parametrize("damage", [garbled, truncated, without_manifests])
async def test_a_damaged_lance_table_is_told_and_set_aside_and_the_cache_is_built_anew(
    ollama: FakeOllama, tmp_path: Path, damage: Any
) -> None:
    async with gateway(tmp_path, before=ENCODER, **env(ollama)) as llmgw:
        await ask(llmgw, "What is a tree")
        await until(llmgw, state="ready")
        await works(llmgw, "Rust")
    damage(tmp_path / "semantic.lance")
    async with gateway(tmp_path, before=ENCODER, **env(ollama)) as llmgw:
        assert (await ask(llmgw, "How are lists sorted in Python")).tier == "local"
        told = await line_with(llmgw, "The semantic cache begins anew: it was damaged.")
        await until(llmgw, state="ready")
        aside = [name for name in os.listdir(tmp_path) if name.startswith("semantic.lance.corrupt-")]
        assert len(aside) == 1 and aside[0] in told
        await works(llmgw, "Java")

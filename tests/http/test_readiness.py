"""The gateway's state while upstreams come and go."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.ollama import FakeOllama
from tests.fakes.script import Failure
from tests.http.inside import Client, client, with_claude


async def state(llmgw: Client) -> tuple[str, str, list[str]]:
    await llmgw.gateway.local.refresh()
    found = await llmgw.get("/api/status")
    return found["state"], found["state_detail"], [one["name"] for one in found["down"]]


async def test_a_lost_ollama_is_a_degraded_gateway_that_says_who_is_paid_instead(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        fake = await stack.enter_async_context(FakeAnthropic())
        ollama = FakeOllama("m:1b")
        await ollama.__aenter__()
        settings = {"local_llm_enabled": True, "local_llm_url": ollama.base_url, "builtin_model": "off"}
        llmgw = await stack.enter_async_context(client(tmp_path, **settings, **with_claude(fake)))
        assert await state(llmgw) == ("running", "", [])

        await ollama.__aexit__(None, None, None)
        word, detail, down = await state(llmgw)
        assert word == "degraded" and down == ["local"]
        assert detail.startswith("Local cannot answer (") and detail.endswith("premium answers instead, for money.")

        fake.script(*[Failure(500)] * 99)
        for number in range(4):
            await llmgw.chat(f"Hello {number}")
        word, detail, down = await state(llmgw)
        assert word == "degraded" and set(down) == {"local", "anthropic"}
        assert detail.startswith("Nothing can answer. local: ") and "premium: anthropic" in detail


async def test_no_local_server_is_missed_where_none_ever_answered(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake:
        settings = {"local_llm_enabled": True, "local_llm_url": "http://127.0.0.1:9/v1", "builtin_model": "off"}
        async with client(tmp_path / "a", **settings, **with_claude(fake)) as llmgw:
            assert await state(llmgw) == ("running", "", [])
        async with client(tmp_path / "b", **settings, local_llm_model="m:1b", **with_claude(fake)) as llmgw:
            word, detail, down = await state(llmgw)
            assert (word, down) == ("degraded", ["local"]) and detail.startswith("Local cannot answer (")


async def test_a_local_tier_that_was_switched_off_is_not_missed(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, FakeOllama("m:1b") as ollama:
        settings = {"local_llm_enabled": True, "local_llm_url": ollama.base_url, "builtin_model": "off"}
        async with client(tmp_path, **settings, local_llm_model="m:1b", **with_claude(fake)) as llmgw:
            assert await state(llmgw) == ("running", "", [])
            off = llmgw.gateway.settings.model_copy(update={"local_llm_enabled": False})
            await llmgw.gateway._apply(off)
            found = await llmgw.get("/api/status")
        assert (found["state"], found["state_detail"], found["down"]) == ("running", "", [])

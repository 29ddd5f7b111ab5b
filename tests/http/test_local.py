"""Local models through the whole gateway: what an operator does, what is listed, and what outlives a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from gateway_core.events import Notice, PullProgress
from gateway_core.ollama import registry
from tests.fakes.ollama import FakeOllama
from tests.fakes.registry import GB, FakeRegistry, manifest
from tests.fakes.script import Reply
from tests.http.inside import Client, client

ONE, TWO = "1" * 64, "2" * 64


@pytest.fixture
async def ollama() -> AsyncIterator[FakeOllama]:
    async with FakeOllama("m:1b", "other:1b") as fake:
        fake.add("m:1b", weights=ONE)
        fake.add("m-8k:latest", weights=ONE, num_ctx=8192)
        fake.add("other:1b", weights=TWO)
        yield fake


@pytest.fixture
async def hub(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeRegistry]:
    async with FakeRegistry({"library/new:1b": manifest("3" * 64, 600_000_000)}) as fake:
        monkeypatch.setattr(registry, "HOSTS", {"registry.ollama.ai": fake.root})
        yield fake


def on(ollama: FakeOllama, **more: Any) -> dict[str, Any]:
    return {
        "local_llm_enabled": True,
        "local_llm_url": ollama.base_url,
        "builtin_model": "off",
        "local_registry": "off",
        **more,
    }


async def do(llmgw: Client, command: str, **arguments: Any) -> str:
    """What a command says that worked."""
    status, result = await llmgw.post(f"/api/commands/{command}", **arguments)
    assert status == 200 and result["ok"], result
    return str(result["message"])


async def refused(llmgw: Client, command: str, **arguments: Any) -> str:
    status, result = await llmgw.post(f"/api/commands/{command}", **arguments)
    assert status == 400 and not result["ok"]
    return str(result["message"])


async def listed(llmgw: Client, name: str) -> dict[str, Any]:
    await llmgw.gateway.local.refresh()
    server = await llmgw.get("/api/local/models")
    return next(model for model in server["models"] if model["name"] == name)


async def ended(llmgw: Client, model: str) -> None:
    """Returns once a pull has ended."""
    with llmgw.gateway.bus.subscribe() as events:
        pulls = llmgw.gateway.local.server.pulls
        if any(pull.model == model and not pull.running for pull in pulls):
            return
        async with asyncio.timeout(10):
            async for event in events:
                if isinstance(event, PullProgress) and event.pull.model == model and event.pull.done:
                    return


async def ask(llmgw: Client, text: str, **more: Any) -> Any:
    body = {"model": "gateway-local", "messages": [{"role": "user", "content": text}], **more}
    async with llmgw.http.post("/v1/chat/completions", json=body) as answer:
        await answer.read()
        return answer


async def test_the_list_tells_what_each_model_is_and_shares(tmp_path: Path, ollama: FakeOllama) -> None:
    async with client(tmp_path, **on(ollama)) as llmgw:
        base, alias, other = [await listed(llmgw, name) for name in ("m:1b", "m-8k:latest", "other:1b")]
        server = await llmgw.get("/api/local/models")
    assert (server["kind"], server["product"], server["reachable"]) == ("ollama", "ollama", True)
    assert all(not ability["why_not"] for ability in server["abilities"])
    assert (base["family"], base["quantization"], base["trained_context"]) == ("llama", "Q4_1", 8192)
    assert base["shares_with"] == ["m-8k:latest"] and (base["frees_bytes"], alias["frees_bytes"]) == (0, 0)
    assert alias["own_context"] == 8192
    assert other["frees_bytes"] == other["size_bytes"] == 98_362_985


async def test_deleting_says_what_is_freed_and_not_under_a_request(tmp_path: Path, ollama: FakeOllama) -> None:
    ollama.script(Reply("slow", stall_after=1))
    async with client(tmp_path, **on(ollama, local_llm_model="other:1b")) as llmgw:
        assert "nothing freed, m:1b has the same weights" in await do(llmgw, "delete_model", model="m-8k")
        await listed(llmgw, "other:1b")
        asking = asyncio.create_task(ask(llmgw, "Write long.", stream=True))
        await ollama.wait_for_requests(1)
        assert (await listed(llmgw, "other:1b"))["in_flight"] == 1
        assert "other:1b is answering a request" in await refused(llmgw, "delete_model", model="other:1b")
        assert "98 MB freed" in await do(llmgw, "delete_model", model="other:1b", even_in_use=True)
        ollama.resume()
        await asking
        assert "not there" in await refused(llmgw, "delete_model", model="other:1b")


async def test_a_pin_survives_another_context_and_a_restart_and_unload_ends_it(
    tmp_path: Path, ollama: FakeOllama
) -> None:
    async with client(tmp_path, **on(ollama)) as llmgw:
        await do(llmgw, "pin", model="m:1b")
        assert (await listed(llmgw, "m:1b"))["pinned"] and ollama.loaded["m:1b"]["expires_at"].startswith("2319")
    ollama.load("m:1b", context=8192)
    ollama.loaded["m:1b"]["expires_at"] = "2199-01-01T00:00:00Z"
    async with client(tmp_path, **on(ollama)) as llmgw:
        await llmgw.gateway.local.refresh()
        await llmgw.gateway.local.operations.pin_again()
        assert ollama.loaded["m:1b"]["expires_at"].startswith("2319")
        assert ollama.loaded["m:1b"]["context_length"] == 8192
        ollama.load("m:1b")
        ollama.loaded["m:1b"]["expires_at"] = "2026-01-01T00:00:00Z"
        await llmgw.gateway.local.refresh()
        await llmgw.gateway.local.operations.pin_again()
        assert not ollama.loaded["m:1b"]["expires_at"].startswith("2319"), "somebody puts it out: its time is over"
        assert "not pinned any more" in await do(llmgw, "unload", model="m:1b")
        assert not (await listed(llmgw, "m:1b"))["pinned"] and "m:1b" not in ollama.loaded
        assert await do(llmgw, "unload_all") == "No model was loaded."


async def test_a_context_is_asked_for_as_set_and_kept_over_a_restart(tmp_path: Path, ollama: FakeOllama) -> None:
    async with client(tmp_path, **on(ollama, local_llm_model="m:1b")) as llmgw:
        assert "6,000 tokens" in await do(llmgw, "set_context", model="m:1b", num_ctx=6000)
        assert "trained for 8,192" in await refused(llmgw, "set_context", model="m:1b", num_ctx=100_000)
        assert "too small" in await refused(llmgw, "set_context", model="m:1b", num_ctx=1)
    async with client(tmp_path, **on(ollama, local_llm_model="m:1b")) as llmgw:
        assert (await listed(llmgw, "m:1b"))["num_ctx"] == 6000
        assert (await ask(llmgw, "Hello.")).status == 200
        assert ollama.chats[-1]["options"]["num_ctx"] == 6000
        await do(llmgw, "set_context", model="m:1b", num_ctx="auto")
        assert (await listed(llmgw, "m:1b"))["num_ctx"] is None


async def test_speed_is_measured_on_real_answers_and_kept(tmp_path: Path, ollama: FakeOllama) -> None:
    ollama.script(Reply("word " * 40))
    async with client(tmp_path, **on(ollama, local_llm_model="m:1b")) as llmgw:
        assert (await listed(llmgw, "m:1b"))["speed"]["tokens_per_s"] is None
        assert (await ask(llmgw, "Tell me.")).status == 200
        model = await listed(llmgw, "m:1b")
        assert model["speed"]["answers"] == 1 and model["speed"]["tokens_per_s"] == pytest.approx(6.03, abs=0.01)
        assert model["last_used_at"]
    async with client(tmp_path, **on(ollama)) as llmgw:
        again = await listed(llmgw, "m:1b")
        assert again["speed"] == model["speed"]
        assert again["last_used_at"] == pytest.approx(model["last_used_at"], abs=60)


async def test_of_a_pull_that_never_began_nothing_is_said_to_be_kept(tmp_path: Path, ollama: FakeOllama) -> None:
    ollama.pull_as("new:1b", "pull_slow_resumed", hold_after=1)
    async with client(tmp_path, **on(ollama)) as llmgw:
        await do(llmgw, "pull", model="new:1b")
        assert await do(llmgw, "cancel_pull", model="new:1b") == "Stopped pulling new:1b. Nothing has arrived."
        assert await do(llmgw, "forget_pull", model="new:1b") == "The pull of new:1b is off the list."
        assert await do(llmgw, "pull", model="new:1b") == "Pulling new:1b."


async def test_a_pull_interrupted_by_the_end_of_llmgw_is_listed_and_resumed(tmp_path: Path, ollama: FakeOllama) -> None:
    ollama.pull_as("new:1b", "pull_slow_resumed", hold_after=4)
    async with client(tmp_path, **on(ollama)) as llmgw:
        assert await do(llmgw, "pull", model="new:1b") == "Pulling new:1b."
        assert "already" in await do(llmgw, "pull", model="new:1b")
    async with client(tmp_path, **on(ollama)) as llmgw:
        (pull,) = (await llmgw.get("/api/local/models"))["pulls"]
        assert (pull["model"], pull["interrupted"]) == ("new:1b", True)
        await llmgw.gateway.local.refresh()
        ollama.resume()
        assert "resumes" in await do(llmgw, "pull", model="new:1b")
        await ended(llmgw, "new:1b")
        (pull,) = (await llmgw.get("/api/local/models"))["pulls"]
        assert pull["share"] == 1.0 and pull["error"] is None
        assert "off the list" in await do(llmgw, "forget_pull", model="new:1b")
        assert "no ended pull" in await refused(llmgw, "forget_pull", model="new:1b")
    async with client(tmp_path, **on(ollama)) as llmgw:
        assert (await llmgw.get("/api/local/models"))["pulls"] == []


async def test_fit_is_told_for_models_here_and_at_the_registry(
    tmp_path: Path, ollama: FakeOllama, hub: FakeRegistry
) -> None:
    async with client(tmp_path, **on(ollama, local_registry="on")) as llmgw:
        await llmgw.gateway.local.refresh()
        here = await llmgw.get("/api/local/fit?model=m:1b")
        there = await llmgw.get("/api/local/fit?model=new:1b")
        gone = await llmgw.get("/api/local/fit?model=gone:1b")
        async with llmgw.http.get("/api/local/fit") as answer:
            assert answer.status == 400
    assert here["weights_bytes"] == 98_362_985 and not here["context_estimated"] and here["download_bytes"] == 0
    assert there["weights_bytes"] == 600_000_000 and there["context_estimated"]
    assert there["download_bytes"] == 600_000_000 + 1429 + 487 and there["verdict"] in ("memory", "vram", "tight", "no")
    assert (gone["verdict"], gone["why"]) == ("unknown", "Unknown: registry.ollama.ai has no gone:1b.")
    assert {path.split("/")[3] for path in hub.asked} == {"new", "gone"}


async def test_newer_versions_are_looked_up_when_asked(tmp_path: Path, ollama: FakeOllama, hub: FakeRegistry) -> None:
    hub.models["library/m:1b"] = manifest(TWO, 4 * GB)
    hub.models["library/other:1b"] = manifest(TWO, 4 * GB)
    async with client(tmp_path, **on(ollama, local_registry="on")) as llmgw:
        await llmgw.gateway.local.refresh()
        assert hub.asked == []
        assert "Newer versions of m:1b:" in await do(llmgw, "check_updates")
        models = [await listed(llmgw, name) for name in ("m:1b", "other:1b", "m-8k:latest")]
        assert [model["update"]["newer"] for model in models] == [True, False, None]
        assert "has no m-8k" in models[2]["update"]["why_unknown"]
    async with client(tmp_path, **on(ollama)) as llmgw:
        assert (await listed(llmgw, "m:1b"))["update"]["newer"] is True
        assert "LOCAL_REGISTRY is off" in await refused(llmgw, "check_updates")


async def test_local_and_cheap_switch_for_the_next_request(tmp_path: Path, ollama: FakeOllama) -> None:
    async with client(tmp_path, **on(ollama, local_llm_model="m:1b", cheap_provider="local")) as llmgw:
        await llmgw.gateway.local.refresh()
        await do(llmgw, "switch", tier="local", model="other:1b")
        assert (await ask(llmgw, "One.")).headers["x-llmgw-model"] == "other:1b"
        await do(llmgw, "switch", tier="cheap", model="local/m:1b")
        assert (await ask(llmgw, "Two.", model="gateway-cheap")).headers["x-llmgw-model"] == "m:1b"
        assert (await ask(llmgw, "Three.")).headers["x-llmgw-model"] == "other:1b"


async def test_without_a_server_it_says_how_to_start_one_and_keeps_looking(tmp_path: Path) -> None:
    where = {"local_llm_enabled": True, "local_llm_url": "http://127.0.0.1:1/v1", "builtin_model": "off"}
    async with client(tmp_path, **where) as llmgw:
        await llmgw.gateway.local.refresh()
        assert "Nothing listens at 127.0.0.1:1" in await refused(llmgw, "load", model="m:1b")
        assert (await llmgw.get("/api/local/fit?model=m:1b"))["verdict"] == "unknown"
        server = await llmgw.get("/api/local/models")
        refusal = (await (await ask(llmgw, "Hello")).json())["error"]["message"]
    assert "Nothing listens at 127.0.0.1:1" in server["why_absent"] and not server["reachable"]
    assert server["how_to_start"] and server["how_to_start"][0].rstrip(".") in refusal
    assert ".." not in refusal and ".;" not in refusal and "`." not in refusal
    assert server["looked_at"] and server["looks_every_s"] > 0
    assert all(ability["why_not"] for ability in server["abilities"])


async def test_a_lost_server_is_one_notice_and_one_line_of_the_log_and_so_is_its_return(tmp_path: Path) -> None:
    notices: list[str] = []
    async with AsyncExitStack() as living:
        fake = await living.enter_async_context(FakeOllama("m:1b"))
        port = int(fake.root.rpartition(":")[2])
        async with client(tmp_path, **on(fake)) as llmgw:
            await llmgw.gateway.local.refresh()
            llmgw.gateway.bus.listen(lambda event: notices.append(event.text) if isinstance(event, Notice) else None)
            await living.aclose()
            for _ in range(3):
                await llmgw.gateway.local.refresh()
            async with FakeOllama("m:1b", port=port):
                for _ in range(3):
                    await llmgw.gateway.local.refresh()
            log = await llmgw.get("/api/log?q=models")
    assert notices == [
        f"Ollama at 127.0.0.1:{port} went away: nothing listens there.",
        f"Ollama at 127.0.0.1:{port} is back: it serves m:1b.",
    ]
    assert [entry["text"] for entry in log["entries"] if entry["source"] == "local models"][:2] == notices[::-1]


async def test_read_only_changes_nothing(tmp_path: Path, ollama: FakeOllama) -> None:
    async with client(tmp_path, **on(ollama)) as llmgw:
        llmgw.gateway.commands.read_only = True
        for command in ("pull", "load", "unload", "pin", "unpin", "delete_model", "forget_pull"):
            assert "read-only" in await refused(llmgw, command, model="m:1b")
    assert ollama.loads == [] and "m:1b" in ollama.tagged

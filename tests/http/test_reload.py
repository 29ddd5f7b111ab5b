"""The configuration changes while the gateway runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from gateway_core import gateway as gateway_module
from gateway_core.reload import LIVE
from gateway_core.running import running_gateway
from gateway_core.settings import Settings
from gateway_core.settings_files import SettingsFiles
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.ollama import FakeOllama
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Reply
from tests.http.inside import KEY, Client, chat_body

KEYS = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_SETUP_TOKEN",
    "GROQ_API_KEY",
    "OPENAI_API_KEY",
    "LLMGW_CONFIG",
    "RATE_LIMIT_RPM",
)


@pytest.fixture(autouse=True)
def nobody_elses_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gateway_module, "watch", _never)


async def _never(*_: object) -> None:
    await asyncio.Event().wait()


class Configured(Client):
    """A client that can rewrite the configuration of its gateway."""

    file: Path
    content: dict[str, Any]

    def write(self, **changes: Any) -> None:
        self.content = {**self.content, **changes}
        self.file.write_text(yaml.safe_dump(self.content), "utf-8")

    async def reload(self, **changes: Any) -> tuple[bool, str]:
        if changes:
            self.write(**changes)
        _, result = await self.post("/api/commands/reload")
        return result["ok"], result["message"]


@asynccontextmanager
async def configured(tmp_path: Path, **content: Any) -> AsyncIterator[Configured]:
    """A gateway started from a file that holds ``content``."""
    content = {
        "port": 0,
        "gateway_secret": KEY,
        "data_dir": str(tmp_path / "data"),
        "local_llm_enabled": False,
        "semantic_cache": "off",
        "router_embedding": "off",
        "rate_limit_rpm": 0,
        **content,
    }
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(content), "utf-8")
    files = SettingsFiles(file)
    async with (
        running_gateway(files.load(), files=files) as gateway,
        aiohttp.ClientSession(gateway.address, headers={"Authorization": f"Bearer {KEY}"}) as http,
    ):
        client = Configured(gateway, http)
        client.file, client.content = file, content
        yield client


def claude(fake: FakeAnthropic) -> dict[str, Any]:
    return {"anthropic_api_key": fake.key, "anthropic_base_url": fake.base_url}


async def test_a_stream_in_flight_ends_with_the_old_key_and_the_next_request_has_the_new_one(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, configured(tmp_path, **claude(fake)) as llmgw:
        old = fake.key
        fake.script(Reply(text="once upon a time", stall_after=4))
        body = chat_body("Tell a story.", stream=True)
        async with llmgw.http.post("/v1/chat/completions", json=body) as answer:
            await answer.content.readline()
            assert await llmgw.reload(anthropic_api_key="sk-ant-new") == (
                True,
                "Configuration reloaded: ANTHROPIC_API_KEY changed.",
            )
            fake.key = "sk-ant-new"
            status, _, _ = await llmgw.chat("And now?")
            fake.resume()
            lines = (await answer.text()).splitlines()
    assert status == 200
    assert [headers["authorization"] for headers in fake.headers] == [f"Bearer {old}", "Bearer sk-ant-new"]
    assert lines[-2] == "data: [DONE]"
    chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    assert chunks[-1]["usage"]["cost"] > 0 and chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert fake.disconnects == 0


@pytest.mark.parametrize("factor", [0.01, 100.0], ids=["cheaper", "dearer"])
async def test_a_call_in_flight_is_charged_at_the_price_that_it_was_reserved_with(
    tmp_path: Path, factor: float
) -> None:
    name, price = "anthropic/claude-sonnet-5-5", {"input": 3.0, "output": 15.0}
    async with FakeAnthropic() as fake, configured(tmp_path, **claude(fake), prices={name: price}) as llmgw:
        costs = []
        for number in range(2):
            fake.script(Reply(text="once upon a time", held=True))
            asking = asyncio.create_task(llmgw.chat(f"Tell story {number}."))
            await fake.wait_for_requests(number + 1)
            if not number:
                ok, _ = await llmgw.reload(prices={name: {kind: each * factor for kind, each in price.items()}})
                assert ok
            fake.resume()
            _, _, body = await asking
            fake.stall()
            costs.append(body["usage"]["cost"] * 1e6)
        used = [usage["input_tokens"] * 3 + usage["output_tokens"] * 15 for usage in fake.usages]
        spent = (await llmgw.get("/api/budget"))["spent_usd"] * 1e6
    assert costs == pytest.approx([used[0], used[1] * factor], abs=1)
    assert spent == pytest.approx(sum(costs), abs=1)


async def test_requests_that_keep_coming_all_succeed_across_reloads(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, configured(tmp_path, **claude(fake)) as llmgw:
        done = asyncio.Event()
        answered = asyncio.Queue[int]()
        statuses: list[int] = []

        async def ask(lane: int) -> None:
            number = 0
            while not done.is_set():
                number += 1
                answered.put_nowait((await llmgw.chat(f"Question {lane}.{number}?"))[0])

        asking = [asyncio.create_task(ask(lane)) for lane in range(4)]
        for turn in range(6):
            statuses += [await answered.get() for _ in range(3)]
            ok, _ = await llmgw.reload(upstream_idle_s=100 + turn)
            assert ok
        done.set()
        await asyncio.gather(*asking)
    statuses += [answered.get_nowait() for _ in range(answered.qsize())]
    assert len(statuses) >= 18 and set(statuses) == {200}


async def test_a_corrected_key_works_at_the_next_request_and_other_circuits_stay(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, FakeOpenAI(key="a") as other:
        own = {"one": {"base_url": other.base_url, "api_key": "wrong", "model": "fake-model", "tier": "cheap"}}
        wrong = {**claude(fake), "anthropic_api_key": "sk-ant-wrong"}
        async with configured(tmp_path, providers=own, **wrong) as llmgw:
            before = [(await llmgw.chat(f"{n}?", model=m))[0] for n, m in enumerate(2 * ["gateway-premium"])]
            await llmgw.chat("Hello?", model="one/fake-model")
            refused = len(other.headers)
            await llmgw.reload(anthropic_api_key=fake.key)
            after, _, _ = await llmgw.chat("And now?")
            await llmgw.chat("Hello again?", model="one/fake-model")
            left_alone = len(other.headers) == refused
            own["one"]["api_key"] = "a"
            await llmgw.reload(providers=own)
            at_last, _, _ = await llmgw.chat("Hello once more?", model="one/fake-model")
    assert 200 not in before and after == 200
    assert left_alone and at_last == 200


async def test_a_corrected_key_of_the_local_server_works_at_the_next_request(tmp_path: Path) -> None:
    async with FakeOpenAI(key="right", models=("m",)) as fake:
        local = {"local_llm_enabled": True, "local_llm_url": fake.base_url, "builtin_model": "off"}
        async with configured(tmp_path, local_llm_api_key="right", **local) as llmgw:
            first, _, _ = await llmgw.chat("Hello?", model="gateway-local")
            fake.key = "another"
            refused, _, _ = await llmgw.chat("Hello there?", model="gateway-local")
            await llmgw.reload(local_llm_api_key="another")
            after, _, _ = await llmgw.chat("Hello again?", model="gateway-local")
    assert (first, after) == (200, 200) and refused >= 500


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        ("daily_budget_hard: -1", "DAILY_BUDGET_HARD"),
        ("no_such_name: 1", "no_such_name"),
        ("providers: {x: {model: m}}", "x: base_url"),
        ("policy_patterns: [{name: n, pattern: '('}]", "POLICY_PATTERNS"),
        ("anthropic_api_key: [sk-canary", "YAML"),
        ("\x00", "YAML"),
    ],
)
async def test_a_bad_file_changes_nothing_and_says_why_until_it_is_mended(tmp_path: Path, bad: str, word: str) -> None:
    async with FakeAnthropic() as fake, configured(tmp_path, **claude(fake)) as llmgw:
        llmgw.file.write_text(llmgw.file.read_text("utf-8").replace("sk-ant", "sk-canary") + bad, "utf-8")
        ok, message = await llmgw.reload()
        notices = (await llmgw.get("/api/snapshot"))["notices"]
        still, _, _ = await llmgw.chat()
        mended = await llmgw.reload(default_tier="local")
        after = (await llmgw.get("/api/snapshot"))["notices"]
    assert not ok and word in message and "old one stays in force" in message
    assert notices == [message] and "canary" not in message
    assert still == 200
    assert mended == (True, "Configuration reloaded: DEFAULT_TIER cheap -> local.")
    assert after == []


async def test_a_file_that_is_gone_keeps_the_old_settings(tmp_path: Path) -> None:
    async with configured(tmp_path) as llmgw:
        llmgw.file.unlink()
        ok, message = await llmgw.reload()
    assert not ok and "There is no configuration file" in message


async def test_what_cannot_change_live_is_said_and_stays(tmp_path: Path) -> None:
    async with configured(tmp_path) as llmgw:
        ok, message = await llmgw.reload(port=1234, max_body_bytes=5_000_000, daily_budget_soft=1)
        budget = await llmgw.get("/api/budget")
        notices = (await llmgw.get("/api/snapshot"))["notices"]
        undone = await llmgw.reload(port=0, max_body_bytes=33_554_432)
        after = (await llmgw.get("/api/snapshot"))["notices"]
    assert ok and "DAILY_BUDGET_SOFT 5.0 -> 1.0" in message
    assert notices == ["LLMGW_PORT, MAX_BODY_BYTES changed in the configuration, and needs a restart of llmgw."]
    assert budget["soft_usd"] == 1
    assert undone == (True, "The configuration has not changed.") and after == []


def test_every_setting_is_taken_up_live_or_said_to_need_a_restart() -> None:
    restart = {
        *("host", "port", "data_dir", "max_body_bytes", "server_tool_uses"),
        *("builtin_model", "builtin_context_tokens", "semantic_cache", "semantic_max_error"),
        *("semantic_encoder", "semantic_cache_uri", "semantic_cache_team"),
        *("semantic_max_entries", "semantic_max_bytes"),
    }
    assert set(Settings.model_fields) - LIVE == restart and not restart & LIVE


async def test_how_long_a_call_may_take_is_taken_up(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, configured(tmp_path, **claude(fake)) as llmgw:
        await llmgw.chat("Hello?")
        assert await llmgw.reload(upstream_total_s=0.2, client_write_s=7) == (
            True,
            "Configuration reloaded: UPSTREAM_TOTAL_S 1800.0 -> 0.2; CLIENT_WRITE_S 120.0 -> 7.0.",
        )
        assert llmgw.gateway.settings.client_write_s == 7
        fake.script(Reply(before_s=30))
        status, _, body = await llmgw.chat("And now?", model="anthropic/claude-sonnet-5-5")
    assert status == 504 and "0.2 s" in body["error"]["message"]


async def test_what_ollama_is_asked_for_is_taken_up(tmp_path: Path) -> None:
    async with FakeOllama("qwen3:0.6b") as fake:
        local = {"local_llm_enabled": True, "local_llm_url": fake.base_url, "builtin_model": "off"}
        async with configured(tmp_path, **local) as llmgw:
            await llmgw.chat("Hello?", model="gateway-local")
            await llmgw.reload(local_keep_alive="7m", local_context_tokens=4096)
            await llmgw.chat("Hello again?", model="gateway-local")
            largest = llmgw.gateway.offers()
    before, after = fake.chats
    assert before.get("keep_alive") != "7m" and after["keep_alive"] == "7m"
    assert 4096 in [offer.context_tokens for offer in largest]


async def test_embeddings_of_the_local_server_come_with_it(tmp_path: Path) -> None:
    async with FakeOllama() as fake:
        local = {"local_llm_url": fake.base_url, "builtin_model": "off"}
        async with configured(tmp_path, local_llm_enabled=False, **local) as llmgw:
            asked = {"model": "ollama/nomic-embed-text", "input": "Hello."}
            async with llmgw.http.post("/v1/embeddings", json=asked) as answer:
                off = await answer.text()
            await llmgw.reload(local_llm_enabled=True)
            async with llmgw.http.post("/v1/embeddings", json=asked) as answer:
                on = await answer.text()
    assert "LOCAL_LLM_ENABLED is off" in off and "LOCAL_LLM_ENABLED is off" not in on


async def test_limits_prices_models_and_policy_are_taken_up(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, configured(tmp_path, **claude(fake)) as llmgw:
        ok, _ = await llmgw.reload(
            rate_limit_rpm=3,
            premium_model="claude-opus-5-5",
            prices={"anthropic/claude-opus-5-5": {"input": 0, "output": 1_000_000}},
            policy_patterns=[{"name": "birds", "pattern": "bluebird"}],
            max_output_tokens=9,
        )
        _, headers, body = await llmgw.chat("Hello?")
        policy, _, refused = await llmgw.chat("Where is the bluebird?")
        await llmgw.chat("One.")
        await llmgw.chat("Two.")
        limited, _, _ = await llmgw.chat("Three.")
    assert ok and headers["x-llmgw-model"] == "claude-opus-5-5"
    assert body["usage"]["cost"] == body["usage"]["completion_tokens"]
    assert fake.requests[0]["max_tokens"] == 9
    assert (policy, limited) == (403, 429) and "birds" in refused["error"]["message"]


async def test_a_provider_comes_and_goes_and_unchanged_ones_are_kept(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, FakeOpenAI(key="a") as a, configured(tmp_path, **claude(fake)) as llmgw:
        await llmgw.chat("Hello?")
        own = {
            "one": {"base_url": a.base_url, "api_key": "a", "model": "fake-model", "price": {"input": 1, "output": 1}}
        }
        added = await llmgw.reload(providers=own)
        there, _, _ = await llmgw.chat("Hello there?", model="one/fake-model")
        await llmgw.chat("Hello again?")
        cheaper = {"one": {**own["one"], "price": {"input": 2, "output": 2}}}
        changed = await llmgw.reload(providers=cheaper)
        await llmgw.chat("Hello once more?", model="one/fake-model")
        removed = await llmgw.reload(providers={})
        gone, _, _ = await llmgw.chat("Hello?", model="one/fake-model")
    assert added == (True, "Configuration reloaded: PROVIDERS one added.")
    assert changed == (True, "Configuration reloaded: PROVIDERS one changed.")
    assert removed == (True, "Configuration reloaded: PROVIDERS one removed.")
    assert (there, gone) == (200, 404)
    assert len(set(fake.peers)) == 1 and len(set(a.peers)) == 1, "connections are kept"


async def test_the_operators_budget_stays_unless_the_configured_one_changes(tmp_path: Path) -> None:
    async with configured(tmp_path) as llmgw:
        await llmgw.post("/api/commands/set_budget", hard=7)
        await llmgw.reload(default_tier="local")
        kept = (await llmgw.get("/api/budget"))["hard_usd"]
        await llmgw.reload(daily_budget_hard=30)
        taken = (await llmgw.get("/api/budget"))["hard_usd"]
    assert (kept, taken) == (7, 30)


async def test_the_local_server_may_move_and_be_switched_off_and_on(tmp_path: Path) -> None:
    async with FakeOpenAI(models=("m1",)) as first, FakeOpenAI(models=("m2",)) as second:
        builtin = {"builtin_model": "off"}
        async with configured(tmp_path, local_llm_enabled=True, local_llm_url=first.base_url, **builtin) as llmgw:
            _, one, _ = await llmgw.chat("Hello?", model="gateway-local")
            await llmgw.reload(local_llm_url=second.base_url)
            _, two, _ = await llmgw.chat("Hello there?", model="gateway-local")
            await llmgw.reload(local_llm_enabled=False)
            off, _, _ = await llmgw.chat("Anybody?", model="gateway-local")
            await llmgw.reload(local_llm_enabled=True)
            _, three, _ = await llmgw.chat("Hello again?", model="gateway-local")
    assert [headers["x-llmgw-model"] for headers in (one, two, three)] == ["m1", "m2", "m2"]
    assert off == 503


async def test_the_environment_still_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAILY_BUDGET_SOFT", "4")
    async with configured(tmp_path) as llmgw:
        assert await llmgw.reload(daily_budget_soft=3) == (True, "The configuration has not changed.")


async def test_a_read_only_gateway_takes_no_command(tmp_path: Path) -> None:
    async with configured(tmp_path) as llmgw:
        llmgw.gateway.commands.read_only = True
        ok, message = await llmgw.reload(default_tier="local")
    assert not ok and "read-only" in message


async def test_a_password_in_an_address_is_not_said(tmp_path: Path) -> None:
    async with configured(tmp_path) as llmgw:
        _, message = await llmgw.reload(openai_base_url="http://user:canary@127.0.0.1:1/v1")
    assert "http://127.0.0.1:1/v1" in message and "canary" not in message

"""Debian's Prometheus scrapes a real gateway with the printed configuration, and the board's queries find data."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from gateway_core.monitoring import alert_rules
from gateway_core.routing.lineup import DEFAULT_CHEAP_MODELS
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Failure
from tests.monitoring.test_monitoring import panels, queries
from tests.real.gateway_process import KEY, GatewayProcess, gateway
from tests.real.prometheus import prometheus, promtool

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

QUIET = {"Pulls", "VRAM by loaded model", "Output tokens a second (median)"}
"""Panels that have nothing to show without a local model."""


def plain(query: str) -> str:
    """A query of the board with its variables filled in."""
    return query.replace("$__rate_interval", "1m").replace("$__range", "5m").replace("$instance", ".*")


async def connect(folder: Path, port: int) -> Path:
    """The configuration as ``llmgw connect prometheus --write`` makes it, but scraping every second."""
    command = (
        *(sys.executable, "-m", "llmgw_tui.cli", "connect", "prometheus", "--write", str(folder / "watch")),
        *("--port", str(port), "--data-dir", str(folder / "data")),
    )
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GATEWAY_SECRET": KEY}
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, env=env)
    assert await process.wait() == 0
    config = folder / "watch" / "llmgw-prometheus.yml"
    config.write_text(config.read_text().replace("scrape_interval: 15s", "scrape_interval: 1s"))
    return config


async def until(seen: Callable[[], Awaitable[bool]], what: str = "") -> None:
    """Returns when another program has come so far; fails after a minute."""
    for _ in range(120):
        if await seen():
            return
        await asyncio.sleep(0.5)
    raise AssertionError(f"{what or seen.__name__}: not within a minute")


async def traffic(running: GatewayProcess, time: str) -> None:
    """A few answers of two tiers, a repeated one, and one that is refused. What is asked at another ``time`` is not the
    same: a counter that never rises again after it was first seen has no rate."""
    async with aiohttp.ClientSession(running.base_url, headers={"Authorization": f"Bearer {KEY}"}) as http:
        for model, text in (
            *(("gateway-cheap", f"Hello, number {number}, {time}!") for number in range(3)),
            ("gateway-cheap", f"Hello, number 0, {time}!"),
            ("gateway-premium", f"Compare two sorting algorithms, {time}."),
            ("gateway-cheap", "rm -rf /"),
        ):
            body = {"model": model, "messages": [{"role": "user", "content": text}]}
            async with http.post("/v1/chat/completions", json=body) as answer:
                await answer.read()


async def metrics(running: GatewayProcess) -> bytes:
    """What the gateway tells Prometheus."""
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as http,
        http.get(f"{running.base_url}/metrics") as answer,
    ):
        return await answer.read()


async def test_the_printed_configuration_scrapes_and_the_boards_queries_find_data(tmp_path: Path) -> None:
    async with (
        FakeAnthropic() as claude,
        FakeOpenAI(kind="groq", key="gsk-fake", models=(DEFAULT_CHEAP_MODELS["groq"],)) as groq,
        gateway(
            tmp_path,
            LOCAL_LLM_ENABLED="false",
            ANTHROPIC_BASE_URL=claude.base_url,
            ANTHROPIC_API_KEY=claude.key,
            GROQ_BASE_URL=groq.base_url,
            GROQ_API_KEY=groq.key or "",
        ) as running,
    ):
        config = await connect(tmp_path, int(running.base_url.rpartition(":")[2]))
        await promtool("check", "config", str(config))
        assert await promtool("check", "metrics", stdin=await metrics(running)) == ""

        async with prometheus(config, tmp_path / "tsdb") as watching:

            async def is_up() -> bool:
                (target,) = (await watching.get("targets"))["activeTargets"] or [{"health": ""}]
                assert target["health"] != "down", target
                return bool(target["health"] == "up")

            await until(is_up)
            groq.script(Failure(503))
            await traffic(running, "at first")

            async def counted() -> bool:
                found = await watching.values("count_over_time(llmgw_request_errors_total[1m])")
                return bool(found) and found[0][1] >= 2

            await until(counted)
            await traffic(running, "later")
            for panel in panels():

                async def shows(asked: tuple[str, ...] = tuple(target["expr"] for target in panel["targets"])) -> bool:
                    return any([await watching.values(plain(query)) for query in asked])

                if panel["title"] not in QUIET:
                    await until(shows, panel["title"])
            assert await watching.values('llmgw_requests_total{cache="exact",tier="cache"}')
            assert await watching.values('llmgw_upstream_retries_total{provider="groq"} > 0')

            (group,) = (await watching.get("rules"))["groups"]
            assert [rule["health"] for rule in group["rules"] if rule["health"] == "err"] == []
            assert len(group["rules"]) == alert_rules().count("- alert:")

            await running.command("kill")

            async def alerted() -> bool:
                return any(rule["name"] == "LlmgwKillSwitchOn" and rule["alerts"] for rule in await rules())

            async def rules() -> list[dict[str, object]]:
                (group,) = (await watching.get("rules"))["groups"]
                found: list[dict[str, object]] = group["rules"]
                return found

            await until(alerted)


async def test_every_query_and_rule_parses(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(alert_rules())
    await promtool("check", "rules", str(rules))
    lines = "\n".join(f"  - record: q{at}\n    expr: {plain(query)!r}" for at, query in enumerate(queries()))
    rules.write_text(f"groups:\n- name: queries\n  rules:\n{lines}\n")
    assert f"{len(queries())} rules found" in await promtool("check", "rules", str(rules))

"""The log over HTTP: what a gateway that runs puts into it, and who may see it."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from gateway_core.events import CommandRan, LogAdded
from gateway_core.log_entries import LogPage
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Failure
from tests.http.inside import KEY, Client, client, with_groq


async def page(llmgw: Client, query: str = "") -> LogPage:
    return TypeAdapter(LogPage).validate_python(await llmgw.get(f"/api/log{query}"))


async def lines(llmgw: Client, query: str = "") -> list[str]:
    return [f"{entry.source}: {entry.text}" for entry in (await page(llmgw, query)).entries]


async def test_a_command_over_http_is_told_with_its_hand(tmp_path: Path) -> None:
    async with client(tmp_path) as llmgw:
        await llmgw.post("/api/commands/force_tier", tier="cheap")
        async with llmgw.http.post(
            "/api/commands/force_tier", json={"tier": "auto"}, headers={"x-llmgw-by": "attached"}
        ) as answer:
            assert answer.status == 200
        await llmgw.post("/api/commands/force_tier", tier="sk-ant-api03-abcdefghijk1234567890")
        await llmgw.gateway.commands.run("kill", {"by": "key"})
        told = await lines(llmgw, "?q=commands")
    assert told[0] == "commands: kill, by you: Kill switch on. No request was in flight."
    assert told[1].startswith("commands: force_tier tier=[hidden], by the API: force_tier: ")
    assert told[2:] == [
        "commands: force_tier tier=auto, by an attached screen: The router chooses the tier.",
        "commands: force_tier tier=cheap, by the API: Every request goes to cheap.",
    ]


async def test_wrong_keys_are_counted_and_never_shown(tmp_path: Path) -> None:
    async with client(tmp_path) as llmgw:
        for number in range(42):
            async with llmgw.http.get("/api/log", headers={"Authorization": f"Bearer guess-{number}"}) as answer:
                assert answer.status == 401
        async with llmgw.http.get("/api/log", headers={"Host": "evil.example"}) as answer:
            assert answer.status == 421
        found = (await page(llmgw, "?q=access&level=warning")).entries
        whole = json.dumps(await llmgw.get("/api/log"))
    assert [(entry.text, entry.count) for entry in found] == [
        ("Refused: a Host that is not served, from 127.0.0.1.", 1),
        ("Refused: a wrong key, from 127.0.0.1.", 42),
    ]
    assert "guess-" not in whole and KEY not in whole


async def test_an_upstream_that_is_left_alone_and_pythons_logging_are_told(tmp_path: Path) -> None:
    failing = Failure(500)
    async with (
        FakeOpenAI(key="gsk-test-key", models=("openai/gpt-oss-120b",)) as fake,
        client(tmp_path, **with_groq(fake), max_output_tokens=64) as llmgw,
    ):
        fake.script(*[failing] * 12)
        for _ in range(3):
            await llmgw.chat(model="gateway-cheap")
        logging.getLogger("gateway_core.test").warning("the disk says %s", KEY)
        told = await lines(llmgw, "?level=warning")
    assert any(line.startswith("providers: groq/") and "is left alone" in line for line in told)
    assert any(line.startswith("requests: A request failed at groq/") for line in told)
    assert "test: the disk says [hidden]" in told
    logging.getLogger("gateway_core.test").warning("after the end")
    assert not any(handler.__class__.__name__ == "LogHandler" for handler in logging.getLogger().handlers)


async def test_it_is_told_live_with_what_is_new(tmp_path: Path) -> None:
    async with client(tmp_path) as llmgw:
        before = (await page(llmgw)).newest
        heard: list[tuple[str, Any]] = []
        async with llmgw.http.get("/api/events") as stream:
            await stream.content.readline()
            await llmgw.post("/api/commands/force_tier", tier="cheap")
            async with asyncio.timeout(20):
                kind = ""
                async for raw in stream.content:
                    text = raw.decode().strip()
                    kind = text.removeprefix("event: ") if text.startswith("event: ") else kind
                    if text.startswith("data: "):
                        heard.append((kind, json.loads(text.removeprefix("data: "))))
                    if kind == "log.added" and text.startswith("data: ") and "force_tier" in text:
                        break
        after = await page(llmgw, f"?after={before}")
    kinds = dict(heard)
    assert TypeAdapter(CommandRan).validate_python(kinds["command.ran"]).name == "force_tier"
    added = TypeAdapter(LogAdded).validate_python(kinds["log.added"])
    assert added.newest == after.newest and set(added.entries) <= set(after.entries)
    assert after.entries[0].text.startswith("force_tier")


@pytest.mark.parametrize(
    ("query", "param"),
    [("?level=loud", "level"), ("?after=x", "after"), ("?limit=0", "limit"), ("?limit=2001", "limit")],
)
async def test_wrong_questions_are_refused_with_what_is_right(tmp_path: Path, query: str, param: str) -> None:
    async with client(tmp_path) as llmgw, llmgw.http.get(f"/api/log{query}") as answer:
        error = (await answer.json())["error"]
        assert answer.status == 400 and error["param"] == param

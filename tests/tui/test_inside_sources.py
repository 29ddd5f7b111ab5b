"""What the routing, log and settings screens see is the same beside the gateway and over HTTP."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from llmgw_tui.source_http import HttpSource
from llmgw_tui.source_local import LocalSource
from tests.fakes.anthropic import FakeAnthropic
from tests.http.inside import KEY, client, with_claude


async def test_both_sources_tell_the_same(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        await llmgw.chat("Hello?")
        here, there = LocalSource(llmgw.gateway), HttpSource(llmgw.gateway.address, KEY)
        there.open()
        try:
            await there.run("force_tier", tier="cheap")
            await here.run("force_tier", tier="auto")
            log = await here.log()
            asked = ("warning", "FORCE_TIER", log.newest - 1)
            assert await there.log() == log and await there.log(*asked) == await here.log(*asked)
            assert await there.settings() == await here.settings()
            assert await there.trial("Prove it & \x1b? ü") == await here.trial("Prove it & \x1b? ü")
            assert replace(await there.routing(), at=0.0) == replace(await here.routing(), at=0.0)
            told = [entry.text for entry in log.entries if entry.source == "commands"]
        finally:
            await there.close()
    assert ["by you" in told[0], "by an attached screen" in told[1]] == [True, True]


@pytest.mark.parametrize(("key", "word"), [("wrong", "key"), (KEY, "nothing listens")])
async def test_what_cannot_be_had_is_said(tmp_path: Path, key: str, word: str) -> None:
    async with client(tmp_path) as llmgw:
        source = HttpSource(llmgw.gateway.address if key != KEY else "http://127.0.0.1:9", key)
        source.open()
        try:
            problems = (
                (await source.log()).problem,
                (await source.settings()).problem,
                (await source.routing()).problem,
                (await source.trial("x")).problem,
            )
        finally:
            await source.close()
    assert all(word in problem for problem in problems)

"""``llmgw requests`` against a gateway in the test's own loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from rich.cells import cell_len

from llmgw_tui import requesting
from llmgw_tui.arguments import parse_arguments
from llmgw_tui.requesting import requests
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.http.inside import Client, client, make_settings, with_claude
from tests.tui.test_text import is_harmless

ESCAPE = "Who wrote Ham\x1b[2Jlet?"
_ASKED = ("long", "What", "Who")
Printed = pytest.CaptureFixture[str]


async def asked(llmgw: Client, folder: Path, *words: str, key: str = "test-key") -> int:
    settings = make_settings(folder, port=int(llmgw.gateway.address.rpartition(":")[2]), gateway_secret=SecretStr(key))
    return await requests(settings, parse_arguments(["requests", *words]))


async def test_requests_are_listed_filtered_sorted_and_clean(tmp_path: Path, capsys: Printed) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        for text in (ESCAPE, "What is 東京 like?", "long " * 100):
            await llmgw.chat(text)
        assert await asked(llmgw, tmp_path) == 0
        table = capsys.readouterr().out.splitlines()
        assert await asked(llmgw, tmp_path, "tier:premium", "--limit", "1", "--sort=-tokens", "cost>0", "--json") == 0
        (row,) = map(json.loads, capsys.readouterr().out.splitlines())
        assert await asked(llmgw, tmp_path, "--json") == 0
        out = capsys.readouterr().out
        assert await asked(llmgw, tmp_path, "id:nothing") == 0
        none = capsys.readouterr().out

    assert table[0].split()[0] == "when" and table[-1] == "3 of 3 that match, of 3 requests."
    assert all(is_harmless(line) for line in table) and out.isascii()
    asked_at = {cell_len(line[: line.index(word)]) for line, word in zip(table, ("asked", *_ASKED), strict=False)}
    assert asked_at == {table[0].index("asked")}
    assert [json.loads(line)["preview"] for line in out.splitlines()][1:] == ["What is 東京 like?", ESCAPE]
    assert row["preview"] != "long " * 100
    assert none == "\n0 of 0 that match, of 3 requests.\n"


async def test_more_than_a_page_is_read_to_the_limit(
    tmp_path: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requesting, "MOST_AT_ONCE", 2)
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        for number in range(6):
            await llmgw.chat(f"Number {number}?")
        await asked(llmgw, tmp_path, "--limit", "5", "--json")
    assert [json.loads(line)["preview"] for line in capsys.readouterr().out.splitlines()] == [
        f"Number {number}?" for number in (5, 4, 3, 2, 1)
    ]


@pytest.mark.parametrize(
    ("words", "key", "code", "says"),
    [
        (("cost>much",), "test-key", 2, "cost> needs a number"),
        (("x" * 501,), "test-key", 2, "at most 500 characters"),
        (("--sort", "colour"), "test-key", 2, "there is no order colour: newest, cost"),
        ((), "another", 1, "the key here is not its key: set GATEWAY_SECRET"),
        (("--follow",), "another", 1, "the key here is not its key: set GATEWAY_SECRET"),
    ],
)
async def test_what_cannot_be_asked_is_said_on_stderr(
    tmp_path: Path, capsys: Printed, words: tuple[str, ...], key: str, code: int, says: str
) -> None:
    async with client(tmp_path) as llmgw:
        assert await asked(llmgw, tmp_path, *words, key=key) == code
    out, err = capsys.readouterr()
    assert says in err and err.startswith("llmgw: ") and not out


class Follower:
    """``llmgw requests --follow --json`` as it runs; ``rows`` are what it has printed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows: list[dict[str, Any]] = []
        self._printed = asyncio.Event()
        monkeypatch.setattr(requesting, "print_json", self._print)

    def _print(self, value: dict[str, Any]) -> None:
        self.rows.append(value)
        self._printed.set()

    async def has(self, *previews: str) -> None:
        """Until exactly these were printed, in this order."""
        async with asyncio.timeout(30):
            while len(self.rows) < len(previews):
                self._printed.clear()
                await self._printed.wait()
        assert [row["preview"] for row in self.rows] == list(previews)


async def test_follow_goes_on_with_what_ends_each_once_and_as_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requesting, "LOOK_EVERY_S", 0.05)
    follower = Follower(monkeypatch)
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        for text in ("one wanted", "two wanted", "other"):
            await llmgw.chat(text)
        following = asyncio.create_task(
            asked(llmgw, tmp_path, "wanted", "tier:premium", "--follow", "--json", "--limit", "1")
        )
        await follower.has("two wanted")
        fake.script(Reply(text="slow", stall_after=1))
        slow = asyncio.create_task(llmgw.stream("slow wanted"))
        await fake.wait_for_requests(4)
        await llmgw.chat("nothing of that kind")
        await llmgw.chat("three wanted")
        await follower.has("two wanted", "three wanted")
        fake.resume()
        await slow
        await follower.has("two wanted", "three wanted", "slow wanted")
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
    assert {row["status"] for row in follower.rows} == {"ok"}


async def test_follow_finds_what_ended_while_nothing_was_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words of an answer stand in no event, and an event may be lost: the log knows both."""
    monkeypatch.setattr(requesting, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr("llmgw_tui.source_http.HttpSource._listen", lambda self: asyncio.sleep(3600))
    follower = Follower(monkeypatch)
    async with (
        FakeAnthropic(default=Reply(text="It is a capybara.")) as fake,
        client(tmp_path, **with_claude(fake)) as llmgw,
    ):
        await llmgw.chat("Which rodent?")
        following = asyncio.create_task(asked(llmgw, tmp_path, "capybara", "--follow", "--json"))
        await follower.has("Which rodent?")
        await llmgw.chat("And the largest?")
        await follower.has("Which rodent?", "And the largest?")
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following

"""``llmgw status``: what it says, how long it waits, and what it does not load."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from gateway_core.cache_entries import RANKS
from gateway_core.choices import CACHE_ORDERS
from gateway_core.model import BudgetStatus, KillSwitch, ProviderStatus, Snapshot, Tier
from gateway_core.settings_sources import Place
from llmgw_tui.cli import main
from llmgw_tui.status import FIELDS, BadTemplate, fields_of, filled, line_of, status
from tests.fakes.snapshots import busy
from tests.http.inside import KEY, client

HEAVY = {
    *("asyncio", "aiohttp", "pydantic", "pydantic_core", "orjson", "yaml", "dotenv", "rich", "textual", "http.client"),
    *("ssl", "email", "logging", "dataclasses", "inspect", "importlib.metadata", "gateway_core.settings"),
}


def place(port: int, data_dir: Path, key: str | None = KEY) -> Place:
    return Place("127.0.0.1", port, data_dir, key)


async def asked(where: Place, **options: Any) -> int:
    """The exit code, with the event loop free for the gateway meanwhile."""
    given = {"as_json": False, "template": None, "timeout_s": 20.0, "every_s": None, **options}
    return await asyncio.to_thread(status, where, **given)


@asynccontextmanager
async def server(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """The port of something that listens."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


# --- what it says ----------------------------------------------------------------------------------------------------


async def test_a_running_gateway_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with client(tmp_path) as llmgw:
        where = place(int(llmgw.gateway.address.rpartition(":")[2]), tmp_path)
        assert await asked(where) == 0
        assert capsys.readouterr().out.startswith("llmgw degraded  0.00 of 50.00 USD today  saved 0.00  0 requests")
        await llmgw.gateway.commands.run("kill", {"by": "key"})
        assert await asked(where, template="{state} {kill} {spent}/{hard}") == 0
        assert capsys.readouterr().out == "killed kill 0.00/50.00\n"
        assert await asked(where, as_json=True) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["running"] and told["kill"]["by"] == "key" and told["budget"]["hard_usd"] == 50

        assert await asked(where._replace(key="another"), template="{state}: {trouble}") == 1
        assert capsys.readouterr().out.startswith("unknown: a gateway runs at")


def told(**changes: Any) -> dict[str, str]:
    """The fields of a gateway in that state."""
    from dataclasses import replace

    from gateway_core.http.status import status_json

    now: Snapshot = replace(busy(), **changes)
    return fields_of(json.loads(json.dumps(status_json(now), default=str)), "http://127.0.0.1:8000")


def test_what_is_wrong_stands_at_the_end() -> None:
    fine = told(providers=(), forced_tier=None)
    assert fine["trouble"] == "" and "!" not in line_of(fine)
    over = BudgetStatus("2026-11-28", 15_500_000, 0, 5_000_000, 15_000_000, 50_000_000, 0.0, ledger_ok=False)
    bad = told(
        budget=over,
        forced_tier=Tier.CHEAP,
        kill=KillSwitch(True, 1.0, "key"),
        state="killed",
        providers=(ProviderStatus("groq", "chat", "http://x", "down", "circuit open, \x1b[31mnext try in 8 s"),),
    )
    line = line_of(bad)
    assert line.startswith("llmgw killed  15.50 of 50.00 USD today")
    assert line.split("! ")[1].startswith(
        "kill switch on by key; ledger not writable; over the medium limit; tier cheap forced; groq (circuit open,"
    )
    assert "\x1b" not in line and (bad["left"], bad["level"]) == ("34.50", "medium")


def test_limits_that_are_off_are_a_dash() -> None:
    free = told(budget=BudgetStatus("2026-11-28", 1_000_000, 0, 0, 0, 0, 0.0))
    assert [free[name] for name in ("soft", "medium", "hard", "left", "level")] == ["-", "-", "-", "-", "ok"]
    assert " of " not in line_of(free)


# --- the template ----------------------------------------------------------------------------------------------------


def test_every_field_is_filled_and_documented() -> None:
    assert set(told()) == set(FIELDS)


def test_the_fields_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["status", "--fields"])
    listed = capsys.readouterr().out.splitlines()
    assert ended.value.code == 0 and [line.split()[0] for line in listed] == list(FIELDS)


def test_braces_tabs_and_lines_can_be_written() -> None:
    assert filled(r'{{"text": "{spent}"}}\t\n', {"spent": "1.20"}) == '{"text": "1.20"}\t\n'


@pytest.mark.parametrize("template", ["{spend}", "{}", "{0}", "{spent.real}", "{spent!r}", "{spent", "spent}"])
def test_what_is_no_field_is_named(tmp_path: Path, template: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadTemplate, match="Fields: state, detail"):
        filled(template, dict.fromkeys(FIELDS, ""))
    assert main(["status", "--data-dir", str(tmp_path), "--port", "1", "--format", template]) == 2
    assert "--format: " in capsys.readouterr().err


# --- when no gateway answers -----------------------------------------------------------------------------------------


async def test_no_gateway_is_named_with_its_address(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await asked(place(1, tmp_path)) == 1
    assert capsys.readouterr().out == "llmgw not running: nothing answers at http://127.0.0.1:1\n"
    assert await asked(place(1, tmp_path), template="{state} {spent} {kill}") == 1
    assert capsys.readouterr().out == "not running - \n"
    assert await asked(place(1, tmp_path), as_json=True) == 1
    assert json.loads(capsys.readouterr().out)["state"] == "not running"


@pytest.mark.parametrize("pieces", [0, 10_000], ids=["silent", "a byte at a time"])
async def test_a_gateway_that_hangs_is_not_waited_for(
    tmp_path: Path, pieces: int, capsys: pytest.CaptureFixture[str]
) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(pieces):
            writer.write(b"H")
            await writer.drain()
            await asyncio.sleep(0.01)
        await reader.read()

    async with server(hang) as port:
        began = monotonic()
        assert await asked(place(port, tmp_path), timeout_s=0.25) == 1
        assert monotonic() - began < 10
    assert "did not answer in time" in capsys.readouterr().out


@pytest.mark.parametrize(
    "body", [b'{"status": "ok"}', b"[]", b"[" * 100_000, b"<html>", b"", b'{"service": "llmgw"'], ids=len
)
async def test_whatever_else_answers_there_is_no_gateway_and_is_not_told_the_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: bytes
) -> None:
    heard = []

    async def anything(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + body)
        await writer.drain()

    async with server(anything) as port:
        assert await asked(place(port, tmp_path)) == 1
    assert "something else answers" in capsys.readouterr().out
    assert heard and not any(KEY.encode() in request for request in heard)


async def test_a_gateway_of_another_version_is_told_from_none(tmp_path: Path) -> None:
    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked_for = await reader.readuntil(b"\r\n\r\n")
        is_health = asked_for.startswith(b"GET /health ")
        writer.write(b'HTTP/1.0 200 OK\r\n\r\n{"service": "llmgw"}' if is_health else b"HTTP/1.0 404 No\r\n\r\n{}")
        await writer.drain()

    async with server(old) as port:
        assert await asked(place(port, tmp_path)) == 1


# --- what every prompt waits for -------------------------------------------------------------------------------------


def test_it_loads_nothing_that_takes_long(tmp_path: Path) -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "from llmgw_tui.cli import main\n"
        f"assert main(['status', '--port', '1', '--data-dir', {str(tmp_path)!r}]) == 1\n"
        f"print(sorted((set(sys.modules) - before) & {HEAVY!r}))\n"
    )
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stdout + done.stderr


def test_cached_answers_are_ranked_by_all_that_can_be_chosen() -> None:
    assert tuple(RANKS) == CACHE_ORDERS

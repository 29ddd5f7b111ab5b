"""``llmgw log`` and ``llmgw settings`` as a person types them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path

import pytest

from gateway_core.settings_files import SettingsFiles
from llmgw_tui import showing_log, showing_settings
from llmgw_tui.arguments import make_parser
from tests.http.inside import KEY, Client, client, make_settings
from tests.tui.test_text import is_harmless

Printed = pytest.CaptureFixture[str]


async def log(llmgw: Client, folder: Path, *words: str) -> int:
    given = make_parser().parse_args(["log", *words])
    settings = make_settings(folder, port=int(llmgw.gateway.address.rpartition(":")[2]))
    return await showing_log.log(settings, given.query, given.level, follow=given.follow, as_json=given.json)


async def test_the_log_is_printed_oldest_first_clean_and_filtered(tmp_path: Path, capsys: Printed) -> None:
    async with client(tmp_path) as llmgw:
        for _ in range(3):
            llmgw.gateway.event_log.take("error", "providers", "groq says \x1b[31mno\nnever")
        assert await log(llmgw, tmp_path) == 0
        whole = capsys.readouterr().out.splitlines()
        assert await log(llmgw, tmp_path, "groq", "--level", "warning", "--json") == 0
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert await log(llmgw, tmp_path, "nothing-like-it") == 0
        nothing = capsys.readouterr().out
    assert "start: llmgw" in whole[0] and whole[-1].endswith("x 3") and "providers: groq says" in whole[-1]
    assert all(is_harmless(line) for line in whole)
    assert [row["text"] for row in rows] == ["groq says \x1b[31mno\nnever"]
    assert "Nothing like that" in nothing


async def test_follow_prints_what_comes(tmp_path: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showing_log, "LOOK_EVERY_S", 0.01)
    printed: list[str] = []
    seen = asyncio.Event()

    def print_line(*words: object, **_: object) -> None:
        printed.append(str(words[0]))
        if "it came" in printed[-1]:
            seen.set()

    monkeypatch.setattr(showing_log, "print", print_line, raising=False)
    async with client(tmp_path) as llmgw:
        following = asyncio.create_task(log(llmgw, tmp_path, "--follow", "--level", "warning"))
        await asyncio.sleep(0)
        llmgw.gateway.event_log.take("info", "test", "it came too quietly")
        llmgw.gateway.event_log.take("warning", "test", "it came")
        async with asyncio.timeout(20):
            await seen.wait()
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
    assert [line.partition("test: ")[2] for line in printed if "it came" in line] == ["it came"]


async def test_without_a_gateway_the_log_says_what_to_do_and_settings_are_those_of_the_next(
    tmp_path: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "config.yaml"
    file.write_text("port: 1\nrate_limit_rpm: 7\ngroq_api_key: gsk_nobody_may_see_this_either_77c2\n")
    files = SettingsFiles(file)
    assert await showing_log.log(files.load(), "", "info", follow=False, as_json=False) == 1
    assert "no gateway answers" in capsys.readouterr().err
    assert await showing_settings.show(files.load(), files, "", as_json=False) == 0
    table, said = capsys.readouterr()
    assert await showing_settings.show(files.load(), files, "rate_limit_rpm", as_json=False) == 0
    one = capsys.readouterr().out
    assert await showing_settings.show(files.load(), files, "no-such", as_json=False) == 1
    assert "no setting matches" in capsys.readouterr().err
    assert await showing_settings.show(files.load(), files, "", as_json=True) == 0
    report = json.loads(capsys.readouterr().out)
    assert "no gateway runs" in said
    row = next(line for line in table.splitlines() if "RATE_LIMIT_RPM" in line)
    assert row.split() == ["*", "RATE_LIMIT_RPM", "7", "config.yaml", str(file), "line", "2"]
    assert "set, ends in …77c2" in table and "gsk_nobody" not in table + json.dumps(report)
    for words in ("RATE_LIMIT_RPM 7", "default   60", "a whole number from 0", "set by    rate_limit_rpm: 7"):
        assert words in one
    assert report["files"][0] == [str(file), True]


async def test_of_a_running_gateway_its_own_settings_are_shown(tmp_path: Path, capsys: Printed) -> None:
    async with client(tmp_path, rate_limit_rpm=91) as llmgw:
        settings = make_settings(tmp_path, port=int(llmgw.gateway.address.rpartition(":")[2]))
        assert await showing_settings.show(settings, SettingsFiles(), "rate_limit", as_json=False) == 0
    out = capsys.readouterr().out
    assert "91" in out and "program" in out and KEY not in out


def test_config_is_another_name_for_settings() -> None:
    assert make_parser().parse_args(["config", "rpm", "--json"]).query == "rpm"

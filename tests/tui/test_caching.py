"""``llmgw cache`` against a gateway in the test's own loop."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from llmgw_tui.arguments import make_parser
from llmgw_tui.caching import cache
from tests.cache.browsed import BrowsedChild
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.http.inside import Client, client, make_settings, with_claude
from tests.tui.test_text import is_harmless

Printed = pytest.CaptureFixture[str]


async def run(llmgw: Client, folder: Path, capsys: Printed, *words: str, key: str = "test-key") -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    port = int(llmgw.gateway.address.rpartition(":")[2])
    settings = make_settings(folder, port=port, gateway_secret=SecretStr(key))
    code = await cache(settings, make_parser().parse_args(["cache", *words]))
    return code, *capsys.readouterr()


async def test_answers_are_listed_shown_and_forgotten(tmp_path: Path, capsys: Printed) -> None:
    async with (
        FakeAnthropic(default=Reply(text="Accra.\x1b[2J")) as fake,
        client(tmp_path, **with_claude(fake)) as llmgw,
    ):
        for text in ("What is the capital of Ghana?", "What is the capital of Ghana?", "Who wrote Ham\x1blet?"):
            await llmgw.chat(text)
        _, totals, _ = await run(llmgw, tmp_path, capsys)
        _, data, _ = await run(llmgw, tmp_path, capsys, "--json")
        _, table, _ = await run(llmgw, tmp_path, capsys, "list")
        _, rows, _ = await run(llmgw, tmp_path, capsys, "list", "GHANA", "--json")
        (entry,) = json.loads(rows)
        _, answer, _ = await run(llmgw, tmp_path, capsys, "show", entry["id"])
        _, whole, _ = await run(llmgw, tmp_path, capsys, "show", entry["id"], "--json")
        wrong, _, why = await run(llmgw, tmp_path, capsys, "list", key="another")
        deleted = await run(llmgw, tmp_path, capsys, "delete", entry["id"])
        again = await run(llmgw, tmp_path, capsys, "delete", entry["id"])
        gone = await run(llmgw, tmp_path, capsys, "show", entry["id"])
        unsure = await run(llmgw, tmp_path, capsys, "clear")
        cleared = await run(llmgw, tmp_path, capsys, "clear", "--exact", "--yes")
        _, nothing, _ = await run(llmgw, tmp_path, capsys, "list")

    assert totals.splitlines()[1].split()[:3] == ["exact", "2", "1"] and totals.splitlines()[3].startswith("total")
    assert json.loads(data)["ever"]["exact"]["hits"] == 1
    assert "capital of Ghana" in table and "Who wrote Ham" in table and "claude-sonnet-5-5" in table
    assert all(is_harmless(line) for line in (table + answer).splitlines())
    assert "capital of Ghana" in answer and "Accra." in answer and "1 hits" in answer
    assert json.loads(whole)["answer"]["content"] == "Accra.\x1b[2J"
    assert wrong == 1 and "key" in why
    assert (deleted[0], again[0], gone[0]) == (0, 1, 1) and "no cached answer" in again[2]
    assert unsure[0] == 2 and "--yes" in unsure[2]
    assert cleared[0] == 0 and "1 answer of the exact cache" in cleared[1]
    assert "Nothing is kept" in nothing


async def test_a_cache_that_cannot_be_seen_fails_the_list(
    tmp_path: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = BrowsedChild()
    child.state = "starting"
    monkeypatch.setattr("gateway_core.composition.open_encoder", lambda settings, note, url: child)
    async with FakeAnthropic() as fake, client(tmp_path, semantic_cache="on", **with_claude(fake)) as llmgw:
        await llmgw.chat("What is the capital of Ghana?")
        code, out, err = await run(llmgw, tmp_path, capsys, "list")
        assert code == 1 and "capital of Ghana" in out and "starting" in err
        code, _, err = await run(llmgw, tmp_path, capsys, "clear", "--yes")
        assert code == 1 and "Nothing was forgotten" in err

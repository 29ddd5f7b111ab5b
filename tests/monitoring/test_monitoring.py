"""What is printed for Prometheus and Grafana names metrics that there are, and keeps the key to itself."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from gateway_core.monitoring import alert_rules, board, prometheus_config
from llmgw_tui.cli import main
from tests.fakes.anthropic import FakeAnthropic
from tests.http.inside import client, with_claude

_NAME = re.compile(r"\b(?:llmgw|process|gen_ai|python)_\w+|\bup\b")
_LABEL_LISTS = re.compile(r"\{[^}]*\}|\bby \([^)]*\)")


def panels() -> list[dict[str, Any]]:
    return [panel for panel in json.loads(board())["panels"] if panel["type"] != "row"]


def queries() -> list[str]:
    """Every expression of the board and of the rules."""
    rules = [rule["expr"] for group in yaml.safe_load(alert_rules())["groups"] for rule in group["rules"]]
    return [target["expr"] for panel in panels() for target in panel["targets"]] + rules


async def test_every_query_names_metrics_that_are_there(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        await llmgw.chat("Hello?")
        text = await (await llmgw.http.get("/metrics")).text()
    there = {"up"}
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        there |= {name, *(f"{family.name}_{part}" for part in ("bucket", "sum", "count") if family.type == "histogram")}
    named = {name for query in queries() for name in _NAME.findall(_LABEL_LISTS.sub("", query))}
    assert len(named) > 25
    assert named - there == set()


def test_every_panel_asks_the_data_source_that_is_chosen() -> None:
    made = json.loads(board())
    variables = {variable["name"] for variable in made["templating"]["list"]}
    assert variables == {"datasource", "instance"}
    for panel in panels():
        assert panel["datasource"]["uid"] == "${datasource}" and panel["targets"], panel["title"]
        assert all('instance=~"$instance"' in target["expr"] for target in panel["targets"]), panel["title"]
    assert len({panel["id"] for panel in made["panels"]}) == len(made["panels"])


def test_no_two_panels_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(board())["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells


def test_the_configuration_is_yaml_whatever_the_folder_is_called() -> None:
    found = yaml.safe_load(prometheus_config("http://[::1]:8000", Path('/home/a "b": #c/secret')))
    (scrape,) = found["scrape_configs"]
    assert scrape["authorization"]["credentials_file"] == '/home/a "b": #c/secret'
    assert scrape["static_configs"] == [{"targets": ["[::1]:8000"]}]


def llmgw(tmp_path: Path, *arguments: str) -> int:
    return main(["connect", *arguments, "--data-dir", str(tmp_path / "data"), "--port", "8123"])


@pytest.fixture(autouse=True)
def nobody_elses_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GATEWAY_SECRET", raising=False)
    monkeypatch.delenv("MONITOR_TOKEN", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)


def test_the_key_is_named_by_its_file_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert llmgw(tmp_path, "prometheus") == 0
    printed = capsys.readouterr()
    key = (tmp_path / "data" / "monitor-token").read_text()
    assert str(tmp_path / "data" / "monitor-token") in printed.out and key not in printed.out + printed.err
    assert "127.0.0.1:8123" in printed.out
    monkeypatch.setenv("MONITOR_TOKEN", "key-canary")
    assert llmgw(tmp_path, "prometheus") == 0
    printed = capsys.readouterr()
    assert "MONITOR_TOKEN, which is not in" in printed.err and "canary" not in printed.out + printed.err


def test_files_are_written_the_key_for_its_owner_alone_and_what_was_there_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MONITOR_TOKEN", "key-canary")
    folder = tmp_path / "watch"
    assert llmgw(tmp_path, "prometheus", "--write", str(folder)) == 0
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"llmgw.key": 0o600, "llmgw-prometheus.yml": 0o644, "llmgw-rules.yml": 0o644}
    assert (folder / "llmgw.key").read_text() == "key-canary\n"
    assert "canary" not in (folder / "llmgw-prometheus.yml").read_text() + capsys.readouterr().out
    (folder / "llmgw-rules.yml").write_text("groups: []  # mine\n")
    assert llmgw(tmp_path, "prometheus", "--write", str(folder)) == 0
    assert capsys.readouterr().out.count("as it should be") == 2
    (kept,) = folder.glob("llmgw-rules.yml.llmgw-*.bak")
    assert "mine" in kept.read_text()
    assert llmgw(tmp_path, "grafana", "--write", str(folder)) == 0
    assert json.loads((folder / "llmgw-board.json").read_text())["title"] == "llmgw"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("prometheus", "--write"), "--write DIR"),
        (("grafana", "--rules"), "for prometheus"),
        (("openclaw", "--write", "folder"), "for prometheus and grafana"),
        (("codex", "--rules"), "for prometheus and grafana"),
    ],
)
def test_what_does_not_fit_is_said(
    tmp_path: Path, arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert llmgw(tmp_path, *arguments) == 2
    assert words in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert llmgw(tmp_path, "grafana", "--write", str(tmp_path / "file")) == 1
    assert str(tmp_path / "file") in capsys.readouterr().err

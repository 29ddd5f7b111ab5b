"""Files of the configuration that are half written: named with their line, never guessed at, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway_core.last_settings import remember
from gateway_core.settings_files import SettingsFiles
from gateway_core.settings_sources import SettingsError
from llmgw_tui import doctor
from llmgw_tui.remembered import FILE as REMEMBERED
from llmgw_tui.screen_options import ScreenOptions
from llmgw_tui.setup import THEMES_FILE, set_up
from tests.e2e.harness import gateway
from tests.faults.disk import line_with


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"providers: {a: [", "line 1", id="cut off"),
        pytest.param(b"daily_budget_hard: \xff\xfe", "not what its form promises", id="not UTF-8"),
        pytest.param(b"- a\n", "must hold settings", id="a list"),
        pytest.param(b"\0\0\0\0", "cannot be read as YAML", id="zero bytes"),
        pytest.param(b"[" * 2_000, "nested too deeply", id="nested"),
        pytest.param(b"daily_budget_hard: 2026-99-99\n", "not what its form promises", id="a date that is none"),
        pytest.param(b'rate_limit_rpm: !!int ""\n', "not what its form promises", id="a number that is none"),
        pytest.param(b"semantic_cache: !!bool x\n", "not what its form promises", id="a truth that is none"),
        pytest.param(b"daily_budget_hard: [5]\n", "DAILY_BUDGET_HARD: ", id="a limit that is a list"),
        pytest.param(b"daily_budget_hard: .inf\n", "DAILY_BUDGET_HARD: ", id="an endless limit"),
        pytest.param(b"daily_budget_hard: .nan\n", "DAILY_BUDGET_HARD: ", id="a limit that is no number"),
        pytest.param(b"upstream_total_s: .inf\n", "UPSTREAM_TOTAL_S: ", id="an endless time"),
        pytest.param(b"prices: 3\n", "PRICES: ", id="prices that are a number"),
        pytest.param(b"prices: {groq/m: {input: 1}}\n", "PRICES.GROQ/M.OUTPUT: is missing", id="half a price"),
        pytest.param(b"prices: {groq/m: {input: .inf, output: 1}}\n", "PRICES.GROQ/M.INPUT: ", id="an endless price"),
        pytest.param(b"daily_budget_har", "must hold settings", id="cut off in a name"),
        pytest.param(b"daily_budget_har: 5", "did you mean daily_budget_hard?", id="a name that is none"),
    ],
)
def test_a_half_written_config_yaml_is_refused_in_words(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        SettingsFiles(file).load()
    assert said in str(caught.value) and "Traceback" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(
            b'RATE_LIMIT_RPM=9\nDAILY_BUDGET_HARD="5', r"\.env line 2 is no NAME=value", id="a quote without an end"
        ),
        pytest.param(
            b"DAILY_BUDGET_HARD='5\nRATE_LIMIT_RPM=9\n", r"\.env line 1 is no NAME=value", id="a quote over lines"
        ),
        pytest.param(b"DAILY_BUDGET_HARD=\xff\xfe5", r"\.env cannot be read: it is not UTF-8", id="not UTF-8"),
        pytest.param(b"DAILY_BUDGET_HARD=five", "DAILY_BUDGET_HARD: ", id="a word for a number"),
        pytest.param(b"DAILY_BUDGET_HARD=5\0\0\0", "DAILY_BUDGET_HARD: ", id="zero bytes at its end"),
        pytest.param(b"PRICES={", "PRICES must be JSON", id="half a JSON"),
    ],
)
def test_a_half_written_dotenv_is_refused_in_words_and_no_limit_in_it_is_passed_over(
    tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / ".env").write_bytes(content)
    (tmp_path / "config.yaml").touch()
    with pytest.raises(SettingsError, match=said):
        SettingsFiles(tmp_path / "config.yaml").load()


async def test_a_gateway_starts_with_the_configuration_that_worked_last_until_the_broken_one_is_mended(
    tmp_path: Path,
) -> None:
    file, data = tmp_path / "config.yaml", tmp_path / "data"
    data.mkdir()
    file.write_text("daily_budget_hard: 7\n")
    env = {"LLMGW_CONFIG": str(file)}
    async with gateway(data, **env):
        pass
    file.write_text("daily_budget_hard: 9\nproviders: [")
    async with gateway(data, **env) as llmgw:
        (told,) = [line for line in llmgw.lines if "worked last" in line] or [await line_with(llmgw, "worked last")]
        assert "line 2" in told and file.read_text() == "daily_budget_hard: 9\nproviders: ["
        snapshot = await llmgw.get("/api/snapshot")
        assert told in snapshot["notices"] and snapshot["budget"]["hard_microusd"] == 7_000_000
        file.write_text("daily_budget_hard: 5\n")
        assert (await llmgw.command("reload"))["ok"]
        snapshot = await llmgw.get("/api/snapshot")
        assert snapshot["notices"] == [] and snapshot["budget"]["hard_microusd"] == 5_000_000


def test_the_doctor_says_what_a_start_does_with_a_broken_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.yaml"
    file.touch()
    files = SettingsFiles(file, data_dir=tmp_path / "data")
    for kept, then in ((False, "Nothing starts before that is mended"), (True, "the configuration that worked last")):
        file.write_text("")
        if kept:
            remember(files, tmp_path / "data")
        file.write_text("providers: [")
        assert doctor.main(files) == 1
        assert then in capsys.readouterr().out


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b'"', b"\xff\xfe\0", b"[1, 2", b"null", b"a: &x [*x]", b"1: {2: 3}", b'{"a": {"b": ['),
        *(b"[" * 2_000, b"zoom: !!int ''\n"),
    ],
    ids=lambda content: repr(content[:12]),
)
@pytest.mark.parametrize("name", ["keymap.yaml", THEMES_FILE, REMEMBERED])
def test_a_half_written_file_of_the_screen_never_stops_it_and_stays(tmp_path: Path, name: str, content: bytes) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    made = set_up(ScreenOptions(None, False, None, False), {}, tmp_path / "keymap.yaml", tmp_path)
    assert made.theme in made.themes.by_name and made.keys.of("quit")
    assert all("\n" not in problem for problem in made.problems)
    assert file.read_bytes() == content

"""Where settings come from, which wins, and what is said of a bad one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway_core.settings import Settings, SettingsError
from gateway_core.settings_files import SettingsFiles, load_settings


@pytest.fixture(autouse=True)
def nobody_elses_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("LLMGW_PORT", "LLMGW_CONFIG", "DAILY_BUDGET_HARD", "SEMANTIC_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(text, "utf-8")
    return file


def test_flags_win_over_environment_over_dotenv_over_file_over_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, "daily_budget_hard: 1\nport: 1001\nrate_limit_rpm: 7\n")
    assert load_settings(file).daily_budget_hard == 1
    (tmp_path / ".env").write_text("DAILY_BUDGET_HARD=2\nLLMGW_PORT=1002\n")
    assert load_settings(file).daily_budget_hard == 2
    monkeypatch.setenv("LLMGW_PORT", "1003")
    settings = load_settings(file)
    assert (settings.port, settings.daily_budget_hard, settings.rate_limit_rpm) == (1003, 2, 7)
    assert load_settings(file, port=1004, host=None).port == 1004
    assert load_settings(file).host == "127.0.0.1"


def test_other_programs_variables_do_not_move_the_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", "0.0.0.0")
    monkeypatch.setenv("DATA_DIR", "/elsewhere")
    (tmp_path / ".env").write_text("PORT=3000\nLLMGW_HOST=127.0.0.2\n")
    settings = load_settings(write(tmp_path, ""))
    assert (settings.host, settings.port) == ("127.0.0.2", 8000)
    assert settings.data_dir != Path("/elsewhere")


@pytest.mark.parametrize(("written", "read"), [("on", "on"), ("off", "off"), ('"off"', "off"), ("true", "on")])
def test_a_bare_on_in_yaml_is_on(tmp_path: Path, written: str, read: str) -> None:
    settings = load_settings(
        write(tmp_path, f"semantic_cache: {written}\npolicy: {written}\nbuiltin_model: {written}\n")
    )
    assert (settings.semantic_cache, settings.policy, settings.builtin_model) == (read, read, read)


def test_prices_and_patterns_come_from_the_file(tmp_path: Path) -> None:
    text = "prices:\n  openai/x: {input: 1.0, output: 4.0}\npolicy_patterns:\n  - {name: birds, pattern: blue}\n"
    settings = load_settings(write(tmp_path, text))
    assert settings.prices["openai/x"].output == 4.0
    assert settings.policy_patterns[0].name == "birds"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("daily_budget_hard: -1\n", "DAILY_BUDGET_HARD"),
        ("semantic_cache: maybe\n", "SEMANTIC_CACHE"),
        ("semantic_encoder: models/mine\n", "SEMANTIC_ENCODER: .*whole path"),
        ("semantic_encoder: ollama/\n", "SEMANTIC_ENCODER: .*ollama/NAME"),
        ("no_such_name: 1\n", "no_such_name"),
        ("- a\n- list\n", "name: value"),
        ("port: [", "YAML"),
        ("local_llm_url: localhost:11434\n", "http://"),
    ],
)
def test_a_bad_file_says_what_is_wrong(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        load_settings(write(tmp_path, text))


def test_the_keymap_and_the_files_to_watch_are_beside_the_file_that_is_named(tmp_path: Path) -> None:
    files = SettingsFiles(Path("elsewhere") / "config.yaml")
    here = tmp_path / "elsewhere"
    assert files.keymap_file == here / "keymap.yaml"
    assert files.paths == (here / "config.yaml", here / ".env", tmp_path / ".env")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(SettingsError, match="nowhere.yaml"):
        load_settings(Path("nowhere.yaml"))


def test_a_secret_is_never_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-canary")
    settings = load_settings()
    assert "canary" not in repr(settings) and "canary" not in str(settings.model_dump())


@pytest.mark.parametrize("value", ["30m", "1h30m", "600", "-1", "1.5h", "0"])
def test_a_time_to_keep_a_model_is_a_duration(tmp_path: Path, value: str) -> None:
    assert load_settings(write(tmp_path, f"local_keep_alive: {value}\n")).local_keep_alive == value


@pytest.mark.parametrize("value", ["soon", "30 minutes", "true", "[1]", "1.5", "'-'"])
def test_a_time_that_ollama_cannot_read_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(SettingsError, match="LOCAL_KEEP_ALIVE: .*duration"):
        load_settings(write(tmp_path, f"local_keep_alive: {value}\n"))


def test_the_readmes_example_is_understood(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, README.partition("```yaml\n")[2].partition("```")[0]))
    assert settings.prices["openai/my-model"].output == 4.0
    assert settings.policy_patterns[0].pattern == r"\bbluebird\b"


def test_the_readme_lists_every_setting_and_no_other() -> None:
    section = README.partition("## Configuration")[2].partition("\n## ")[0]
    listed = {name.removeprefix("LLMGW_").lower() for name in re.findall("`([A-Z][A-Z_]*[A-Z])`", section)}
    of_the_file = {
        name for name in ("prices", "unknown_price", "policy_patterns", "providers") if f"`{name}`" in section
    }
    assert (listed - {"config"}) | of_the_file == set(Settings.model_fields)


@pytest.mark.parametrize(
    ("written", "read"), [("local", "local"), ("cheap, local", "cheap,local"), ("[cheap]", "cheap")]
)
def test_the_tiers_that_are_compacted_for_are_named(tmp_path: Path, written: str, read: str) -> None:
    settings = load_settings(write(tmp_path, f"context_compaction: on\ncontext_compaction_tiers: {written}\n"))
    assert settings.context_compaction_tiers == read
    assert settings.compacts_for("cheap") is ("cheap" in read) and not settings.compacts_for("premium")


def test_premium_is_never_compacted_for(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="CONTEXT_COMPACTION_TIERS.*never shortened"):
        load_settings(write(tmp_path, "context_compaction_tiers: local,premium\n"))

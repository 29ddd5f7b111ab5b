"""The configuration that worked last: for a broken one, and for nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway_core.last_settings import FILE, last_settings, load_or_last, remember
from gateway_core.settings_files import SettingsFiles
from gateway_core.settings_sources import SettingsError

OWN = "{base_url: 'http://127.0.0.1:9/v1', api_key: k, models: [m], tier: cheap}"
GOOD = f"daily_budget_hard: 7\nproviders: {{mine: {OWN}}}\n"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SettingsFiles:
    """Files that worked, and are remembered."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LLMGW_DATA_DIR", raising=False)
    (tmp_path / "config.yaml").write_text(GOOD)
    (tmp_path / ".env").write_text("RATE_LIMIT_RPM=9\n")
    made = SettingsFiles(tmp_path / "config.yaml", data_dir=tmp_path / "data")
    remember(made, tmp_path / "data")
    return made


@pytest.mark.parametrize("content", [b"daily_budget_hard: [", b"daily_budget_hard: x", b"\xff\xfe", b"- 5"])
def test_a_broken_config_yaml_is_passed_over_for_the_one_that_worked_last_and_left_as_it_is(
    files: SettingsFiles, content: bytes
) -> None:
    files.config_file.write_bytes(content)
    settings = load_or_last(files)
    assert (settings.daily_budget_hard, settings.rate_limit_rpm, settings.providers[0].name) == (7, 9, "mine")
    assert files.trouble.startswith("The configuration cannot be used, the one that worked last is in force: ")
    assert files.config_file.read_bytes() == content


def test_a_broken_dotenv_is_passed_over_too_and_the_environment_wins_as_ever(
    files: SettingsFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.dotenvs[0].write_text('RATE_LIMIT_RPM="5')
    monkeypatch.setenv("DAILY_BUDGET_HARD", "3")
    settings = load_or_last(files)
    assert (settings.rate_limit_rpm, settings.daily_budget_hard) == (9, 3) and ".env line 1" in files.trouble


def test_a_configuration_that_works_is_used_and_says_nothing(files: SettingsFiles) -> None:
    files.config_file.write_text("daily_budget_hard: 5\n")
    assert load_or_last(files).daily_budget_hard == 5 and not files.trouble


def test_a_broken_configuration_never_takes_the_place_of_the_one_that_worked(
    files: SettingsFiles, tmp_path: Path
) -> None:
    files.config_file.write_text("daily_budget_hard: [")
    remember(files, tmp_path / "data")
    assert load_or_last(files).daily_budget_hard == 7


def test_a_start_is_refused_where_something_else_is_wrong(files: SettingsFiles, tmp_path: Path) -> None:
    wrong_flag = SettingsFiles(files.config_file, data_dir=tmp_path / "data", port=-1)
    with pytest.raises(SettingsError, match="LLMGW_PORT"):
        load_or_last(wrong_flag)
    files.config_file.unlink()
    with pytest.raises(SettingsError, match="There is no configuration file"):
        load_or_last(files)


def test_a_copy_of_other_files_or_another_folder_is_not_used(files: SettingsFiles, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("daily_budget_hard: [")
    assert last_settings(SettingsFiles(other, data_dir=tmp_path / "data")) is None
    files.config_file.write_text("daily_budget_hard: [")
    assert last_settings(SettingsFiles(files.config_file, data_dir=tmp_path / "elsewhere")) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"texts": 3}', '{"config_file": 1, "texts": {}}'])
def test_a_broken_copy_is_none(files: SettingsFiles, tmp_path: Path, content: str) -> None:
    (tmp_path / "data" / FILE).write_text(content)
    files.config_file.write_text("daily_budget_hard: [")
    with pytest.raises(SettingsError):
        load_or_last(files)


def test_the_copy_is_for_its_owner_alone(files: SettingsFiles, tmp_path: Path) -> None:
    assert (tmp_path / "data" / FILE).stat().st_mode & 0o777 == 0o600

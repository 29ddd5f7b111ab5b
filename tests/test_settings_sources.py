"""Where a setting comes from, and what finds a gateway without loading all settings."""

from __future__ import annotations

from pathlib import Path
from typing import get_args, get_origin

import pytest
from pydantic import BaseModel

from gateway_core.settings import Settings
from gateway_core.settings_files import SettingsFiles, load_settings
from gateway_core.settings_sources import STRUCTURED, Found, SettingsError, SettingsSources, environment_name


@pytest.fixture(autouse=True)
def nobody_elses_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("LLMGW_PORT", "LLMGW_HOST", "LLMGW_DATA_DIR", "LLMGW_CONFIG", "GATEWAY_SECRET", "DAILY_BUDGET_HARD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(text, "utf-8")
    return file


@pytest.mark.parametrize(
    ("flags", "environment", "dotenv", "yaml"),
    [
        ({}, {}, "", ""),
        ({"port": 1, "host": "::1"}, {"LLMGW_PORT": "2"}, "LLMGW_PORT=3\n", "port: 4\n"),
        ({}, {"LLMGW_PORT": "2", "llmgw_host": "0.0.0.0"}, "LLMGW_PORT=3\nGATEWAY_SECRET='a b'\n", "port: 4\n"),
        ({}, {"PORT": "2", "LLMGW_PORT": ""}, "export LLMGW_PORT=3\nLLMGW_DATA_DIR=/x\n", "port: 4\n"),
        ({}, {"GATEWAY_SECRET": "k"}, "HOST=h\n", "port: 4\nhost: localhost\ndata_dir: y\ngateway_secret: z\n"),
        ({}, {"LLMGW_PORT": " 12 "}, "", "port: '13'\n"),
    ],
)
def test_the_place_is_what_all_settings_say(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    flags: dict[str, object],
    environment: dict[str, str],
    dotenv: str,
    yaml: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / ".env").write_text(dotenv)
    file = write(tmp_path, yaml)
    place, settings = SettingsSources(file, **flags).place(), load_settings(file, **flags)
    secret = settings.gateway_secret.get_secret_value() if settings.gateway_secret else None
    assert place == (settings.host, settings.port, settings.data_dir, secret)


@pytest.mark.parametrize("port", ["many", "70000", "-1", "8000.5"])
def test_a_bad_port_is_named_as_it_was_set(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMGW_PORT", port)
    for load in (SettingsSources().place, load_settings):
        with pytest.raises(SettingsError, match="LLMGW_PORT: "):
            load()


def test_each_value_is_told_with_its_place_the_winner_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, "daily_budget_hard: 1\n")
    (tmp_path / ".env").write_text("DAILY_BUDGET_HARD=2\n")
    monkeypatch.setenv("DAILY_BUDGET_HARD", "3")
    found = SettingsSources(file, port=9).found(["daily_budget_hard", "port", "host"])
    assert found == {
        "daily_budget_hard": (Found("3", "environment"), Found("2", str(tmp_path / ".env")), Found(1, str(file))),
        "port": (Found(9, "flag"),),
    }


def test_what_has_parts_is_json_in_the_environment_and_laid_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, "prices:\n  a/x: {input: 1, output: 2}\n  a/y: {input: 3, output: 4}\n")
    monkeypatch.setenv("PRICES", '{"a/x": {"output": 9}}')
    prices = load_settings(file).prices
    assert (prices["a/x"].input, prices["a/x"].output, prices["a/y"].output) == (1, 9, 4)
    monkeypatch.setenv("PRICES", "sk-canary")
    with pytest.raises(SettingsError, match="PRICES must be JSON") as caught:
        load_settings(file)
    assert "canary" not in str(caught.value)


def test_every_setting_that_has_parts_is_known_as_such() -> None:
    def has_parts(kind: object) -> bool:
        if get_origin(kind) in (dict, tuple) or (isinstance(kind, type) and issubclass(kind, BaseModel)):
            return True
        return any(has_parts(part) for part in get_args(kind))

    assert {name for name, field in Settings.model_fields.items() if has_parts(field.annotation)} == STRUCTURED


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"LLMGW_PORT=\xff\xfe")
    for load in (SettingsSources().place, SettingsFiles().load):
        with pytest.raises(SettingsError, match="cannot be read"):
            load()


def test_the_environment_knows_three_settings_by_another_name() -> None:
    assert [name for name in Settings.model_fields if environment_name(name) != name.upper()] == [
        "host",
        "port",
        "data_dir",
    ]

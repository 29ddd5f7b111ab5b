"""Connecting Claude Code, Codex and the SDKs."""

from __future__ import annotations

import json
import shlex
import stat
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway_core.clients.claude_code_config import default_path, merge, settings_block
from gateway_core.clients.config_file import ConfigError
from gateway_core.clients.json_config import MergeResult
from gateway_core.clients.snippets import codex_toml, exports, sdk_variables

ROOT, KEY = "http://127.0.0.1:8000", "secret-1"
ENV = {"ANTHROPIC_BASE_URL": ROOT, "ANTHROPIC_AUTH_TOKEN": KEY}
NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / ".claude" / "settings.json"


def put(path: Path) -> MergeResult:
    return merge(path, settings_block(ROOT, KEY), now=NOW)


def test_missing_settings_are_made_private(file: Path) -> None:
    result = put(file)
    assert (result.changed, result.backup, result.notes) == (True, None, ())
    assert json.loads(file.read_text()) == {"env": ENV}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert put(file) == MergeResult(file, False, None, ())


def test_everything_else_stays_and_is_kept_beside_it(file: Path) -> None:
    before = {"permissions": {"allow": ["Bash(ls)"]}, "env": {"FOO": "1", "ANTHROPIC_BASE_URL": "https://other"}}
    file.parent.mkdir()
    file.write_text(json.dumps(before, indent=4))
    result = put(file)
    assert json.loads(file.read_text()) == {"permissions": before["permissions"], "env": {"FOO": "1", **ENV}}
    assert "\n    " in file.read_text()
    assert result.backup is not None and json.loads(result.backup.read_text()) == before
    assert result.notes == ("ANTHROPIC_BASE_URL was https://other.",)


@pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX"])
def test_what_stands_in_the_way_is_said_and_left(file: Path, name: str) -> None:
    file.parent.mkdir()
    file.write_text(json.dumps({"env": {name: "1"}}))
    (note,) = put(file).notes
    assert name in note
    assert json.loads(file.read_text())["env"][name] == "1"


@pytest.mark.parametrize("content", ["{ // mine\n}", "{", '{"env": []}', "[1]", '{"a": 1, "a": 2}', "\ufeff{}"])
def test_settings_that_would_lose_something_are_left_alone(file: Path, content: str) -> None:
    file.parent.mkdir()
    file.write_text(content, "utf-8")
    with pytest.raises(ConfigError):
        put(file)
    assert file.read_text("utf-8") == content
    assert list(file.parent.iterdir()) == [file]


def test_the_settings_are_the_users_own(tmp_path: Path) -> None:
    assert default_path({}, tmp_path) == tmp_path / ".claude" / "settings.json"
    assert default_path({"CLAUDE_CONFIG_DIR": "/etc/claude"}, tmp_path) == Path("/etc/claude/settings.json")


def test_codex_gets_toml_without_the_key() -> None:
    config = tomllib.loads(codex_toml(ROOT))
    assert config == {
        "model": "gateway-auto",
        "model_provider": "llmgw",
        "model_providers": {
            "llmgw": {
                "name": "llmgw",
                "base_url": f"{ROOT}/v1",
                "env_key": "LLMGW_API_KEY",
                "wire_api": "responses",
            }
        },
    }


def test_only_openais_base_url_has_a_version() -> None:
    assert sdk_variables("openai", ROOT, KEY) == {"OPENAI_BASE_URL": f"{ROOT}/v1", "OPENAI_API_KEY": KEY}
    assert sdk_variables("anthropic", ROOT, KEY) == {"ANTHROPIC_BASE_URL": ROOT, "ANTHROPIC_API_KEY": KEY}


def test_a_key_is_quoted_for_the_shell() -> None:
    line = exports({"KEY": "a b'$(c)"})
    assert shlex.split(line) == ["export", "KEY=a b'$(c)"]

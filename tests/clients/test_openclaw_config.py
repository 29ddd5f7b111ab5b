"""Connecting OpenClaw: what is written into its configuration, and what is left alone."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway_core.clients import config_file
from gateway_core.clients.config_file import ConfigError
from gateway_core.clients.json_config import MergeResult, render
from gateway_core.clients.openclaw_block import provider_block
from gateway_core.clients.openclaw_config import default_path, merge

BLOCK = provider_block("http://127.0.0.1:8000/v1", "secret-1")
NOW = datetime(2026, 11, 23, 19, 45, tzinfo=UTC)


def put(path: Path, block: dict[str, Any] = BLOCK, env: dict[str, str] | None = None) -> MergeResult:
    return merge(path, block, env=env or {}, now=NOW)


def written(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "openclaw.json"


def test_a_missing_file_is_made_private_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "state" / "openclaw.json"
    result = put(path)
    assert (result.changed, result.backup) == (True, None)
    assert path.read_text("utf-8") == render(BLOCK)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_everything_else_stays_and_keeps_its_order(file: Path) -> None:
    before = {
        "meta": {"lastTouchedVersion": "2026.9.6"},
        "channels": {"telegram": {"botToken": "t", "name": "Bücherwurm"}},
        "models": {"mode": "replace", "providers": {"ollama": {"baseUrl": "http://127.0.0.1:11434", "models": []}}},
        "agents": {"defaults": {"workspace": "~/w", "maxConcurrent": 4}},
        "gateway": {"port": 18789},
    }
    file.write_text(json.dumps(before, indent=4))
    put(file)
    after = written(file)
    assert list(after) == list(before)
    assert "\n    " in file.read_text("utf-8")
    assert "Bücherwurm" in file.read_text("utf-8")
    assert after["models"]["mode"] == "replace"
    assert list(after["models"]["providers"]) == ["ollama", "llmgw"]
    assert list(after["agents"]["defaults"])[:2] == ["workspace", "maxConcurrent"]
    assert {k: after[k] for k in ("meta", "channels", "gateway")} == {
        k: before[k] for k in ("meta", "channels", "gateway")
    }


def test_what_was_there_is_kept_beside_it(file: Path) -> None:
    file.write_text('{"a": 1}')
    file.chmod(0o644)
    backup = put(file).backup
    assert backup is not None
    assert backup.name == "openclaw.json.llmgw-20261123-194500-000000.bak"
    assert backup.read_text() == '{"a": 1}'
    assert stat.S_IMODE(backup.stat().st_mode) == stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(p.name for p in file.parent.iterdir()) == [file.name, backup.name]


def test_a_second_time_changes_nothing(file: Path) -> None:
    put(file)
    before = file.stat()
    assert put(file) == MergeResult(file, False, None, ())
    assert file.stat().st_mtime_ns == before.st_mtime_ns


def test_a_new_address_and_key_replace_the_old_ones_only(file: Path) -> None:
    put(file)
    config = written(file)
    config["models"]["providers"]["llmgw"]["timeoutSeconds"] = 900
    config["models"]["providers"]["llmgw"]["models"].append({"id": "ollama/qwen3", "name": "Qwen"})
    file.write_text(json.dumps(config))
    put(file, provider_block("http://127.0.0.1:9000/v1", "secret-2"))
    provider = written(file)["models"]["providers"]["llmgw"]
    assert (provider["baseUrl"], provider["apiKey"]) == ("http://127.0.0.1:9000/v1", "secret-2")
    assert provider["timeoutSeconds"] == 900
    assert [model["id"] for model in provider["models"]][-1] == "ollama/qwen3"


# --- what the user has chosen ------------------------------------------------------------------------------------


def test_the_old_primary_model_is_named_and_own_fallbacks_stay_behind(file: Path) -> None:
    file.write_text('{"agents":{"defaults":{"model":{"primary":"anthropic/x","fallbacks":["openai/y"]}}}}')
    notes = " ".join(put(file).notes)
    assert written(file)["agents"]["defaults"]["model"] == {
        "primary": "llmgw/gateway-auto",
        "fallbacks": ["llmgw/gateway-local", "openai/y"],
    }
    assert "anthropic/x" in notes
    assert "openai/y does not go through llmgw" in notes


def test_a_model_that_is_only_a_name_becomes_an_object(file: Path) -> None:
    file.write_text('{"agents":{"defaults":{"model":"anthropic/x"}}}')
    put(file)
    assert written(file)["agents"]["defaults"]["model"] == BLOCK["agents"]["defaults"]["model"]


@pytest.mark.parametrize("chosen", ["", "openai/small"])
def test_a_chosen_utility_model_stays_also_when_it_is_none(file: Path, chosen: str) -> None:
    file.write_text(json.dumps({"agents": {"defaults": {"utilityModel": chosen}}}))
    notes = put(file).notes
    assert written(file)["agents"]["defaults"]["utilityModel"] == chosen
    assert any("openai/small" in note for note in notes) is bool(chosen)


def test_heartbeats_are_not_switched_on_for_several_agents(file: Path) -> None:
    file.write_text('{"agents":{"entries":{"main":{},"ops":{"model":"openai/y"}}}}')
    notes = put(file).notes
    assert "heartbeat" not in written(file)["agents"]["defaults"]
    assert any("ops" in note for note in notes)


def test_a_heartbeat_keeps_its_interval(file: Path) -> None:
    file.write_text('{"agents":{"defaults":{"heartbeat":{"every":"2h"}},"entries":{"a":{},"b":{}}}}')
    put(file)
    assert written(file)["agents"]["defaults"]["heartbeat"] == {"every": "2h", "model": "llmgw/gateway-background"}


@pytest.mark.parametrize("reference", ["${LLMGW_KEY}", {"source": "env", "provider": "default", "id": "LLMGW_KEY"}])
def test_a_key_by_reference_is_not_replaced_by_the_key_itself(file: Path, reference: object) -> None:
    file.write_text(json.dumps({"models": {"providers": {"llmgw": {"apiKey": reference}}}}))
    put(file)
    assert written(file)["models"]["providers"]["llmgw"]["apiKey"] == reference
    assert "secret-1" not in file.read_text()


def test_an_allow_list_lets_the_gateways_models_in(file: Path) -> None:
    file.write_text('{"agents":{"defaults":{"modelPolicy":{"allow":["openai/*"]}}}}')
    put(file)
    assert written(file)["agents"]["defaults"]["modelPolicy"]["allow"] == ["openai/*", "llmgw/*"]


# --- refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        '{ // mine\n "a": 1 }',
        "{a: 1}",
        '{"a": 1,}',
        '{"a": 1, "a": 2}',
        '{"a": NaN}',
        "[1]",
        "\ufeff{}",
        '{"models": []}',
        '{"models": {"$include": "./models.json"}}',
        '{"$include": "./base.json"}',
        "[" * 100_000,
    ],
)
def test_a_file_that_would_lose_something_is_left_alone(file: Path, content: str) -> None:
    file.write_text(content, "utf-8")
    with pytest.raises(ConfigError):
        put(file)
    assert file.read_text("utf-8") == content
    assert list(file.parent.iterdir()) == [file]


def test_json5_is_sent_to_openclaws_own_command(file: Path) -> None:
    file.write_text("{ /* mine */ }")
    with pytest.raises(ConfigError, match="openclaw config patch"):
        put(file)


@pytest.mark.parametrize("name", ["OPENCLAW_CONFIG_READONLY", "OPENCLAW_NIX_MODE"])
def test_a_configuration_managed_from_outside_is_left_alone(file: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="managed"):
        put(file, env={name: "1"})
    assert not file.exists()


def test_a_file_changed_meanwhile_is_left_alone(file: Path) -> None:
    file.write_text('{"b": 2}')
    with pytest.raises(ConfigError, match="changed"):
        config_file.replace_file(file, b'{"a": 1}', b"{}", NOW)
    assert file.read_text() == '{"b": 2}'
    assert list(file.parent.iterdir()) == [file]


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        put(tmp_path)


def test_a_backup_is_never_overwritten(file: Path) -> None:
    file.write_text("{}")
    backup = put(file).backup
    assert backup is not None
    file.write_text('{"a": 1}')
    with pytest.raises(ConfigError, match="cannot be written: File exists"):
        put(file)
    assert (file.read_text(), backup.read_text()) == ('{"a": 1}', "{}")


def test_a_link_keeps_pointing_to_its_file(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    target, link = tmp_path / "dotfiles" / "openclaw.json", tmp_path / "openclaw.json"
    target.write_text("{}")
    link.symlink_to(target)
    put(link)
    assert link.is_symlink()
    assert written(target)["models"]["providers"]["llmgw"]["apiKey"] == "secret-1"


configs = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["models", "agents", "defaults", "providers", "llmgw", "model", "heartbeat", "entries", "x"])
nested = st.recursive(configs, lambda inner: st.dictionaries(names, inner, max_size=4), max_leaves=12)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(st.dictionaries(names, nested, max_size=4))
def test_any_settings_are_merged_or_refused(tmp_path: Path, config: dict[str, Any]) -> None:
    path = tmp_path / "any.json"
    before = json.dumps(config)
    path.write_text(before)
    try:
        put(path)
    except ConfigError:
        assert path.read_text() == before
    else:
        after = written(path)
        assert {k: v for k, v in after.items() if k not in ("models", "agents")} == {
            k: v for k, v in config.items() if k not in ("models", "agents")
        }
        assert not put(path).changed
    for left in tmp_path.glob("*.bak"):
        left.unlink()


# --- where it is -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "there", "expected"),
    [
        ({}, [], ".openclaw/openclaw.json"),
        ({}, [".clawdbot/clawdbot.json"], ".clawdbot/clawdbot.json"),
        ({}, [".clawdbot/clawdbot.json", ".openclaw/openclaw.json"], ".openclaw/openclaw.json"),
        ({"OPENCLAW_STATE_DIR": "~/s"}, [".openclaw/openclaw.json"], "s/openclaw.json"),
        ({"OPENCLAW_CONFIG_PATH": " ~/c.json5 ", "OPENCLAW_STATE_DIR": "~/s"}, [], "c.json5"),
        ({"OPENCLAW_HOME": "~/oh"}, [".openclaw/openclaw.json"], "oh/.openclaw/openclaw.json"),
        ({"OPENCLAW_HOME": "undefined", "OPENCLAW_PROFILE": "work"}, [], ".openclaw/openclaw.json"),
    ],
)
def test_the_file_is_where_openclaw_looks(tmp_path: Path, env: dict[str, str], there: list[str], expected: str) -> None:
    """Each row was compared with ``openclaw config file`` of the real OpenClaw."""
    for name in there:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert default_path(env, tmp_path) == tmp_path / expected


def test_the_block_names_the_local_models_context() -> None:
    block = provider_block("http://127.0.0.1:8000/v1", "k", local_context_tokens=24_576)
    models = {model["id"]: model for model in block["models"]["providers"]["llmgw"]["models"]}
    assert models["gateway-local"]["contextWindow"] == 24_576
    assert models["gateway-auto"]["contextWindow"] == 131_072

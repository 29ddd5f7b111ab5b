"""OpenClaw over each protocol, with its plugin, and with the memory search."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway_core.clients.config_file import ConfigError
from gateway_core.clients.json_config import MergeResult
from gateway_core.clients.openclaw_block import OpenClawApi, provider_block
from gateway_core.clients.openclaw_config import merge

URL, KEY = "http://127.0.0.1:8000/v1", "secret-1"
NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
SESSION = {
    OpenClawApi.COMPLETIONS: "sendSessionAffinityHeaders",
    OpenClawApi.RESPONSES: "sendSessionIdHeader",
    OpenClawApi.MESSAGES: "sendSessionAffinityHeaders",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "openclaw.json"


def put(path: Path, now: datetime = NOW, **options: Any) -> MergeResult:
    return merge(path, provider_block(URL, KEY, **options), env={}, now=now)


def written(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize(
    ("api", "url"),
    [
        (OpenClawApi.COMPLETIONS, URL),
        (OpenClawApi.RESPONSES, URL),
        (OpenClawApi.MESSAGES, "http://127.0.0.1:8000"),
    ],
)
def test_each_protocol_has_its_base_url_and_sends_the_session(file: Path, api: OpenClawApi, url: str) -> None:
    put(file, api=api)
    provider = written(file)["models"]["providers"]["llmgw"]
    assert (provider["baseUrl"], provider["api"], provider["apiKey"]) == (url, api.value, KEY)
    assert all(model["compat"][SESSION[api]] is True for model in provider["models"])
    assert not put(file, api=api).changed


def test_another_protocol_later_replaces_the_first_one(file: Path) -> None:
    put(file)
    put(file, api=OpenClawApi.MESSAGES)
    provider = written(file)["models"]["providers"]["llmgw"]
    assert (provider["baseUrl"], provider["api"]) == ("http://127.0.0.1:8000", "anthropic-messages")
    assert {tuple(model["compat"]) for model in provider["models"]} == {("sendSessionAffinityHeaders",)}


def test_the_plugin_is_switched_on_and_lists_the_models_itself(file: Path) -> None:
    file.write_text('{"plugins": {"allow": ["memory-core"], "entries": {"clawrouter": {"enabled": false}}}}')
    notes = put(file, api=OpenClawApi.CLAWROUTER).notes
    config = written(file)
    assert config["models"]["providers"] == {"clawrouter": {"baseUrl": "http://127.0.0.1:8000", "apiKey": KEY}}
    assert config["plugins"] == {
        "allow": ["memory-core", "clawrouter"],
        "entries": {"clawrouter": {"enabled": True}},
    }
    defaults = config["agents"]["defaults"]
    assert defaults["model"] == {"primary": "clawrouter/gateway-auto", "fallbacks": ["clawrouter/gateway-local"]}
    assert defaults["utilityModel"] == defaults["heartbeat"]["model"] == "clawrouter/gateway-background"
    assert any("plugins.allow" in note for note in notes)
    assert not put(file, api=OpenClawApi.CLAWROUTER).changed


def test_moving_to_the_plugin_takes_the_background_models_along(file: Path) -> None:
    put(file)
    notes = put(file, api=OpenClawApi.CLAWROUTER, now=NOW.replace(hour=10)).notes
    defaults = written(file)["agents"]["defaults"]
    assert defaults["utilityModel"] == defaults["heartbeat"]["model"] == "clawrouter/gateway-background"
    assert not any("does not go through llmgw" in note for note in notes)


@pytest.mark.parametrize(
    "provider", [{"apiKey": "crk-1"}, {"baseUrl": "https://clawrouter.example", "apiKey": "crk-1"}]
)
def test_a_clawrouter_that_is_another_one_is_left_alone(file: Path, provider: dict[str, str]) -> None:
    before = json.dumps({"models": {"providers": {"clawrouter": provider}}})
    file.write_text(before)
    with pytest.raises(ConfigError, match="another --api"):
        put(file, api=OpenClawApi.CLAWROUTER)
    assert file.read_text() == before


# --- memory ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", list(OpenClawApi))
def test_the_memory_search_is_only_changed_when_asked_for(file: Path, api: OpenClawApi) -> None:
    put(file, api=api)
    assert "memory" not in written(file)
    notes = put(file, api=api, memory=True, now=NOW.replace(hour=10)).notes
    assert written(file)["memory"]["search"] == {
        "provider": "openai-compatible",
        "model": "gateway-embed",
        "remote": {"baseUrl": URL, "apiKey": KEY},
        "query": {"minScore": 0.2},
    }
    assert any("memory index --force" in note for note in notes)
    again = put(file, api=api, memory=True)
    assert (again.changed, again.notes) == (False, ())


def test_what_would_ask_for_other_vectors_goes_and_the_rest_stays(file: Path) -> None:
    search = {
        "enabled": False,
        "provider": "openai",
        "model": "text-embedding-3-large",
        "outputDimensionality": 1024,
        "queryInputType": "query",
        "extraPaths": ["~/notes"],
        "query": {"minScore": 0.5},
        "remote": {"baseUrl": "https://api.example/v1", "apiKey": "sk-1", "batch": {"enabled": False}},
    }
    file.write_text(json.dumps({"memory": {"citations": "on", "search": search}}))
    notes = " ".join(put(file, memory=True).notes)
    assert written(file)["memory"] == {
        "citations": "on",
        "search": {
            "enabled": True,
            "provider": "openai-compatible",
            "model": "gateway-embed",
            "extraPaths": ["~/notes"],
            "query": {"minScore": 0.5},
            "remote": {"baseUrl": URL, "apiKey": KEY, "batch": {"enabled": False}},
        },
    }
    for told in ("used openai text-embedding-3-large", "was off", "outputDimensionality", "queryInputType"):
        assert told in notes


def test_a_key_by_reference_is_the_memory_searchs_key_too(file: Path) -> None:
    reference = {"source": "env", "provider": "default", "id": "LLMGW_KEY"}
    file.write_text(json.dumps({"models": {"providers": {"llmgw": {"apiKey": reference}}}}))
    put(file, memory=True)
    assert written(file)["memory"]["search"]["remote"]["apiKey"] == reference
    assert KEY not in file.read_text()


@pytest.mark.parametrize(
    "content", ['{"memory": []}', '{"memory": {"search": {"remote": 1}}}', '{"plugins": {"entries": 1}}']
)
def test_settings_of_another_shape_are_left_alone(file: Path, content: str) -> None:
    file.write_text(content)
    with pytest.raises(ConfigError):
        put(file, api=OpenClawApi.CLAWROUTER, memory=True)
    assert file.read_text() == content

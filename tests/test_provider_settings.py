"""The user's own providers in config.yaml: what they may say, and what is said of a wrong entry."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway_core.settings import Settings, SettingsError
from gateway_core.settings_files import load_settings

GOOD = """
providers:
  openrouter:
    base_url: https://openrouter.ai/api/v1/
    api_key_env: TEST_OPENROUTER_KEY
    models:
      deepseek/deepseek-chat: {price: {input: 0.3, output: 1.2}, context_tokens: 64000, max_output_tokens: 4000}
      anthropic/claude-opus: {tier: premium}
    limits: {requests_per_minute: 20, tokens_per_minute: 40000, daily_budget: 1.5}
    headers: {HTTP-Referer: "https://example.org"}
  vllm: {base_url: "http://10.0.0.5:8000/v1", model: qwen3-32b, free: true, tier: local}
  messages:
    {api: messages, base_url: "https://example.org", api_key: sk-canary, model: m, price: {input: 2, output: 4},
     order: -1}
"""


@pytest.fixture(autouse=True)
def nobody_elses_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("LLMGW_CONFIG", "TEST_OPENROUTER_KEY", "CHEAP_PROVIDER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def load(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "config.yaml"
    file.write_text(text, "utf-8")
    return load_settings(file)


def test_providers_are_a_map_by_name(tmp_path: Path) -> None:
    openrouter, vllm, messages = load(tmp_path, GOOD).providers
    assert (openrouter.name, openrouter.base_url, openrouter.tier) == (
        "openrouter",
        "https://openrouter.ai/api/v1",
        "cheap",
    )
    assert [(model.name, openrouter.tier_of(model)) for model in openrouter.models] == [
        ("deepseek/deepseek-chat", "cheap"),
        ("anthropic/claude-opus", "premium"),
    ]
    assert openrouter.limits.daily_budget == 1.5
    assert (vllm.models[0].name, vllm.free, vllm.lacks_key) == ("qwen3-32b", True, None)
    assert (messages.order, messages.api) == (-1, "messages")


def test_or_a_list_of_entries_with_a_name(tmp_path: Path) -> None:
    entries = ("{name: a, base_url: 'http://x', models: [m, n]}", "{name: b, base_url: 'http://y', model: m}")
    text = "providers:\n" + "".join(f"  - {entry}\n" for entry in entries)
    assert [entry.name for entry in load(tmp_path, text).providers] == ["a", "b"]


def test_a_key_comes_from_the_variable_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(tmp_path, GOOD).providers[0].lacks_key == "TEST_OPENROUTER_KEY"
    (tmp_path / ".env").write_text("TEST_OPENROUTER_KEY=from-dotenv\n")
    key = load(tmp_path, GOOD).providers[0].api_key
    assert key and key.get_secret_value() == "from-dotenv"
    monkeypatch.setenv("TEST_OPENROUTER_KEY", " from-environment ")
    key = load(tmp_path, GOOD).providers[0].api_key
    assert key and key.get_secret_value() == "from-environment"


def test_prices_of_providers_are_prices_and_the_list_wins(tmp_path: Path) -> None:
    prices = load(tmp_path, GOOD + "prices:\n  openrouter/deepseek/deepseek-chat: {input: 9, output: 9}\n").all_prices
    assert prices["openrouter/deepseek/deepseek-chat"].input == 9
    written = prices["messages/m"]
    assert (written.input, written.cache_write_5m, written.cache_write_1h) == (2, 2.5, 4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("providers: {x: {model: m}}", ["PROVIDERS: x: base_url: is missing"]),
        ("providers: {x: {base_url: 'http://x'}}", ["PROVIDERS: x: models: is missing"]),
        ("providers: {x: {base_url: 'ftp://x', model: m}}", ["x: base_url", "http://"]),
        ("providers: {x: {base_url: 'http://x', model: m, colour: red}}", ["x: colour", "not known"]),
        ("providers: {x: {base_url: 'http://x', model: m, tier: golden}}", ["x: tier", "cheap"]),
        ("providers: {x: {base_url: 'http://x', model: m, tier: local}}", ["PROVIDERS: x: ", "free: true"]),
        ("providers: {X Y: {base_url: 'http://x', model: m}}", ["X Y: name", "small letters"]),
        ("providers: {groq: {base_url: 'http://x', model: m}}", ["groq is built in", "GROQ_API_KEY", "override"]),
        ("providers: {mine: {base_url: 'http://x', model: m, override: true}}", ["anthropic, groq, openai"]),
        ("providers: {local: {base_url: 'http://x', model: m}}", ["local means something else"]),
        ("providers: {x: {base_url: 'http://x', models: [m, m]}}", ["twice"]),
        ("providers: {x: {base_url: 'http://x', models: []}}", ["x", "give it a model"]),
        ("providers: {x: {base_url: 'http://x', model: m, api_key: k, api_key_env: K}}", ["not both"]),
        ("providers: {x: {base_url: 'http://x', model: m, api: messages, strict: true}}", ["api: chat"]),
        ("providers: {x: {base_url: 'http://x', model: m, limits: {daily_budget: -1}}}", ["x: limits.daily_budget"]),
        ("providers: {x: 7}", ["PROVIDERS: x", "name: value"]),
        ("providers: {x: null}", ["PROVIDERS: x"]),
        ("providers: {x: {base_url: 5, model: m}}", ["x: base_url"]),
        ("providers: {x: {base_url: 'http://x', models: {m: 5}}}", ["x: models"]),
        ("providers: {x: {base_url: 'http://x', models: null}}", ["x: models: must be a list"]),
        ("providers: 7", ["PROVIDERS"]),
        (
            "providers:\n  - {name: a, base_url: 'http://x', model: m}\n  - {name: a, base_url: 'http://x', model: m}",
            ["two providers called a"],
        ),
        ("cheap_provider: nobody", ["CHEAP_PROVIDER", "nobody", "groq"]),
        ("router_provider: nobody", ["ROUTER_PROVIDER", "builtin"]),
    ],
)
def test_a_wrong_entry_is_named_with_what_is_wrong(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_key_is_never_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, GOOD.replace("order: -1", "order: first"))
    assert "messages: order" in str(caught.value) and "canary" not in str(caught.value)
    settings = load(tmp_path, GOOD)
    assert "canary" not in repr(settings) and "canary" not in str(settings.model_dump())
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, "providers: {x: {api_key: sk-canary\n  bad: [")
    assert "canary" not in str(caught.value) and "line" in str(caught.value)


def test_tier_and_router_may_name_the_users_own(tmp_path: Path) -> None:
    settings = load(tmp_path, GOOD + "cheap_provider: openrouter\nrouter_provider: vllm\n")
    assert (settings.cheap_provider, settings.router_provider) == ("openrouter", "vllm")

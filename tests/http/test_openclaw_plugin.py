"""What OpenClaw's bundled plugin, and clients that list models, are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.ollama import FakeOllama
from tests.http.inside import client, with_claude

CLAUDE = "claude-sonnet-5-5"
PRICE = {"input": 3, "output": 15, "cache_read": 0.3, "cache_write_5m": 3.75}


async def test_the_catalog_has_names_prices_and_contexts_as_the_plugin_parses_them(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"premium_model": CLAUDE, "prices": {f"anthropic/{CLAUDE}": PRICE}}
    async with FakeAnthropic() as claude, client(tmp_path, **with_claude(claude), **settings) as llmgw:
        (provider,) = (await llmgw.get("/v1/catalog"))["providers"]
        assert (provider["openaiCompatible"], provider["nativeBaseUrl"][:11]) == (True, "/v1/native/")
        models = {model["id"]: model for model in provider["models"]}
        assert list(models)[:2] == ["gateway-auto", "gateway-local"]
        assert "gateway-embed" not in models
        assert all(model["upstream"] and "llm.chat" in model["capabilities"] for model in models.values())
        priced = {
            "inputMicrosPerMillion": 3_000_000,
            "outputMicrosPerMillion": 15_000_000,
            "cachedInputMicrosPerMillion": 300_000,
            "cacheWrite5mInputMicrosPerMillion": 3_750_000,
        }
        for name in (f"anthropic/{CLAUDE}", "gateway-premium", "gateway-auto"):
            pricing = models[name]["pricing"]
            assert pricing.items() >= priced.items(), name
            assert pricing["maxInputTokens"] >= 131_072
            assert pricing["defaultMaxOutputTokens"] == 8192
        assert models["gateway-local"]["pricing"]["outputMicrosPerMillion"] == 0


async def test_the_usage_is_todays_and_the_ledgers(tmp_path: Path) -> None:
    async with FakeAnthropic() as claude, client(tmp_path, daily_budget_hard=7.5, **with_claude(claude)) as llmgw:
        before = await llmgw.get("/v1/usage")
        assert before["usage"]["summary"] == {"requestCount": 0, "totalTokens": 0, "actualCostMicros": 0}
        assert (await llmgw.chat())[0] == 200
        now = await llmgw.get("/v1/usage")
        summary, budget = now["usage"]["summary"], now["budget"]
        assert summary["requestCount"] == 1
        assert summary["totalTokens"] == claude.input_tokens + claude.output_tokens > 0
        spent = round((await llmgw.get("/api/budget"))["spent_usd"] * 1e6)
        assert summary["actualCostMicros"] == budget["spentMicros"] == spent > 0
        assert (budget["configured"], budget["limitMicros"]) == (True, 7_500_000)


async def test_without_a_limit_there_is_no_budget(tmp_path: Path) -> None:
    async with client(tmp_path, daily_budget_hard=0) as llmgw:
        assert (await llmgw.get("/v1/usage"))["budget"]["configured"] is False


async def test_models_carry_what_clients_read_of_them(tmp_path: Path) -> None:
    """Every entry has what LibreChat's schema demands: a numeric context and both prices as text."""
    settings: dict[str, Any] = {"premium_model": CLAUDE, "prices": {f"anthropic/{CLAUDE}": PRICE}}
    local = {"local_llm_enabled": True, "builtin_model": "off", "openai_api_key": SecretStr("sk-x")}
    async with FakeAnthropic() as claude, FakeOllama("chat") as ollama:
        ollama.add("nomic", capabilities=("embedding",))
        more = {**with_claude(claude), **settings, **local, "local_llm_url": ollama.base_url}
        async with client(tmp_path, **more) as llmgw:
            await llmgw.gateway.local.settled(10)
            models = {model["id"]: model for model in (await llmgw.get("/v1/models"))["data"]}
    assert models.keys() >= {"gateway-auto", "local/chat", f"anthropic/{CLAUDE}", "gateway-embed", "ollama/nomic"}
    assert "openai/text-embedding-3-small" in models
    for model in models.values():
        assert isinstance(model["context_length"], int) and model["context_length"] > 0
        assert all(float(model["pricing"][kind]) >= 0 for kind in ("prompt", "completion"))
    assert models[f"anthropic/{CLAUDE}"]["pricing"] == {"prompt": "0.000003", "completion": "0.000015"}
    assert models["openai/text-embedding-3-small"]["pricing"] == {"prompt": "0.00000002", "completion": "0"}
    assert models["gateway-embed"]["owned_by"] == "llmgw"
    assert models["gateway-local"]["context_length"] == models["local/chat"]["context_length"]

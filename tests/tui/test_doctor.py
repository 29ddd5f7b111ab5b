"""The doctor, where the built-in model is not installed: what it says, and that it can mend it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway_core.providers import builtin_weights
from gateway_core.providers.builtin_weights import BuiltinError
from gateway_core.running import running_gateway
from gateway_core.settings import Price, ProviderEntry, Settings
from llmgw_tui import doctor
from tests.http.inside import KEY, make_settings

NOTHING = "http://127.0.0.1:1/v1"
"""A base URL where nothing listens."""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Those of a machine without the package of the weights, without a local server and without a gateway."""
    monkeypatch.setattr(builtin_weights, "_PACKAGE", "no_such_package")
    monkeypatch.setattr(builtin_weights, "WEIGHTS_SHA256", hashlib.sha256(b"GGUF").hexdigest())
    return Settings.model_construct(data_dir=tmp_path / "data", port=0, local_llm_url=NOTHING)


def _found(said: str, word: str) -> str:
    return next(line for line in said.splitlines() if word in line)


async def test_a_missing_model_comes_with_the_command(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert await doctor.run(settings) == 0
    said = capsys.readouterr().out
    assert _found(said, "weights are missing").startswith("note") and "`llmgw doctor --fetch-model`" in said
    assert "stands in" not in said


async def test_it_fetches_the_model(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def install(target: Path) -> None:
        (target / "no_such_package").mkdir()
        (target / "no_such_package" / builtin_weights.WEIGHTS_FILE).write_bytes(b"GGUF")

    monkeypatch.setattr(builtin_weights, "_install", install)
    assert await doctor.run(settings, fetch_model=True) == 0
    said = capsys.readouterr().out
    assert "98 MB" in said and "ok    the built-in model is installed" in said
    assert _found(said, "No local server").endswith("The built-in model stands in.")

    assert await doctor.run(settings, fetch_model=True) == 0
    assert "98 MB" not in capsys.readouterr().out, "nothing is fetched twice"


async def test_a_fetch_that_fails_is_a_failure(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def install(target: Path) -> None:
        raise BuiltinError("No space left on device")

    monkeypatch.setattr(builtin_weights, "_install", install)
    assert await doctor.run(settings, fetch_model=True) == 1
    assert "FAIL  No space left on device" in capsys.readouterr().out


async def test_the_model_alone_is_no_trouble(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert await doctor.run(settings.model_copy(update={"builtin_model": "on"})) == 0
    assert "BUILTIN_MODEL is on" in capsys.readouterr().out


async def test_a_model_without_a_known_price_is_named_with_what_it_is_charged_at(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = settings.model_copy(update={"cheap_provider": "groq", "cheap_model": "model-of-tomorrow"})
    assert await doctor.run(asked) == 0
    assert "30 and 150 USD" in _found(capsys.readouterr().out, "no price is known for groq/model-of-tomorrow")
    priced = asked.model_copy(update={"prices": {"groq/*": Price(input=1, output=1)}})
    assert await doctor.run(priced) == 0
    assert "no price is known" not in capsys.readouterr().out


async def test_providers_keys_prices_and_terms_are_looked_at(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = [
        {"name": "priced", "base_url": NOTHING, "api_key": "canary", "model": "m", "price": {"input": 1, "output": 1}},
        {"name": "unpriced", "base_url": NOTHING, "api_key": "canary", "models": ["nobody-knows-it"]},
        {"name": "keyless", "base_url": NOTHING, "api_key_env": "NOT_SET_ANYWHERE", "model": "m"},
        {"name": "lan", "base_url": NOTHING, "model": "m", "free": True},
    ]
    changed = {
        "providers": tuple(ProviderEntry.model_validate(entry) for entry in entries),
        "anthropic_api_key": SecretStr("sk-ant-oat01-canary"),
        "anthropic_base_url": NOTHING,
        "router_provider": "groq",
    }
    assert await doctor.run(settings.model_copy(update=changed)) == 0
    said = capsys.readouterr().out
    assert _found(said, "NOT_SET_ANYWHERE").startswith("note")
    assert _found(said, "priced serves cheap with m").startswith("ok")
    assert "no price is known for nobody-knows-it of unpriced" in said and "of lan" not in said
    assert _found(said, "setup token of a Claude subscription").startswith("note")
    assert "ANTHROPIC_API_KEY holds a setup token" in said
    assert "ROUTER_PROVIDER is groq, which has no key" in said
    assert "canary" not in said


async def test_what_the_running_gateway_wants_known_is_said(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running_gateway(make_settings(tmp_path / "running", router_provider="groq")) as gateway:
        port = int(gateway.address.rpartition(":")[2])
        here = {"port": port, "gateway_secret": SecretStr(KEY)}
        await doctor.run(settings.model_copy(update=here))
    assert "it says: ROUTER_PROVIDER is groq" in capsys.readouterr().out


async def test_it_says_which_encoder_there_is(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert await doctor.run(settings) == 0
    assert _found(capsys.readouterr().out, "encoder all-MiniLM-L6-v2 is installed").startswith("ok")


@pytest.mark.parametrize(
    ("encoder", "said"),
    [("/no/such/model", "there is no folder /no/such/model"), ("ollama/bge-m3", "Ollama at http://127.0.0.1:1 ")],
)
async def test_an_encoder_that_is_not_there_is_a_failure(
    settings: Settings, capsys: pytest.CaptureFixture[str], encoder: str, said: str
) -> None:
    assert await doctor.run(settings.model_copy(update={"semantic_encoder": encoder})) == 1
    assert _found(capsys.readouterr().out, said).startswith("FAIL  SEMANTIC_ENCODER: ")

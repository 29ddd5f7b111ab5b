"""What servers that speak OpenAI's protocol are sent, each as it wants it."""

from __future__ import annotations

from typing import Any

import pytest

from gateway_core.providers.dialect import Dialect, dialect_of, own_dialect
from gateway_core.providers.openai_compatible import OpenAICompatible
from gateway_core.providers.openai_responses import OpenAIProvider
from tests.fakes.openai import FakeOpenAI
from tests.providers.calls import failure, make_call, text


def own(**more: Any) -> Dialect:
    given: dict[str, Any] = {
        "strict": False,
        "free": False,
        "limit": "max_tokens",
        "drop": (),
        "longest": {},
        "headers": {},
        "query": {},
    }
    return own_dialect(**{**given, **more})


def test_groq_is_spared_what_it_refuses() -> None:
    """console.groq.com/docs/openai, 2026-11: these end in a 400."""
    fields: dict[str, Any] = {
        "logprobs": True,
        "top_logprobs": 3,
        "logit_bias": {"5": 1},
        "n": 1,
        "store": True,
        "metadata": {"a": "b"},
    }
    call = make_call({"role": "user", "content": "Hi", "name": "Ann"}, temperature=0.2, **fields)
    body = dialect_of("groq", free=False).adapt(call)
    assert not set(fields) & set(body)
    assert body["messages"] == [{"role": "user", "content": "Hi"}] and body["temperature"] == 0.2
    assert call.request.body["messages"][0]["name"] == "Ann"
    assert dialect_of("openai", free=False).adapt(call)["messages"][0]["name"] == "Ann"


async def test_the_fake_groq_takes_what_is_left() -> None:
    fields: dict[str, Any] = {"logprobs": True, "logit_bias": {"5": 1}, "n": 1, "reasoning_effort": "minimal"}
    messages = (
        {"role": "user", "content": "Hi", "name": "Ann"},
        {"role": "assistant", "content": "y", "reasoning": "z"},
    )
    async with FakeOpenAI(kind="groq", key="k", models=("openai/gpt-oss-120b",)) as fake:
        groq = OpenAICompatible(name="groq", kind="groq", base_url=fake.base_url, api_key="k")
        call = make_call(*messages, {"role": "user", "content": "And?"}, model="openai/gpt-oss-120b", **fields)
        assert await text(groq, call) == "Hello from the fake."
        assert fake.rejected == []
        plain = OpenAICompatible(name="plain", kind="openai", base_url=fake.base_url, api_key="k")
        assert "name" in (await failure(plain, make_call(*messages, model="openai/gpt-oss-120b")))[0].message
        await groq.close()
        await plain.close()


@pytest.mark.parametrize(
    ("model", "asked", "sent"),
    [
        ("openai/gpt-oss-120b", "minimal", "low"),
        ("openai/gpt-oss-120b", "high", "high"),
        ("openai/gpt-oss-120b", "xhigh", "high"),
        ("qwen/qwen3-32b", "none", "none"),
        ("qwen/qwen3-32b", "high", "default"),
        ("moonshotai/kimi-k2-instruct", "high", None),
    ],
)
def test_groq_gets_an_effort_that_its_model_knows(model: str, asked: str, sent: str | None) -> None:
    body = dialect_of("groq", free=False).adapt(make_call(model=model, reasoning_effort=asked))
    assert body.get("reasoning_effort") == sent


def test_a_provider_of_the_users_own_gets_one_limit_its_longest_answer_at_most() -> None:
    call = make_call(limit=8192, max_completion_tokens=6000)
    assert own().adapt(call)["max_tokens"] == 6000
    assert "max_completion_tokens" not in own().adapt(call)
    assert own(longest={"fake-model": 4000, "other": 9}).adapt(call)["max_tokens"] == 4000
    assert own(limit="max_completion_tokens").adapt(call)["max_completion_tokens"] == 6000


def test_nothing_that_costs_beyond_the_reservation_is_sent_to_a_paid_one() -> None:
    dear: dict[str, Any] = {
        "models": ["gpt-6-pro"],
        "route": "fallback",
        "plugins": [{"id": "web"}],
        "service_tier": "priority",
    }
    call = make_call(**dear, web_search_options={}, search_parameters={})
    assert not (set(dear) | {"web_search_options", "search_parameters"}) & set(own().adapt(call))
    assert own(free=True).adapt(call)["plugins"] == [{"id": "web"}]


def test_only_a_strict_one_is_spared_other_protocols_fields_and_anyone_what_is_dropped() -> None:
    call = make_call({"role": "assistant", "content": "y", "reasoning_content": "z"}, seed=1)
    assert own().adapt(call)["messages"][0]["reasoning_content"] == "z"
    assert "reasoning_content" not in own(strict=True).adapt(call)["messages"][0]
    assert "seed" not in own(drop=("seed",)).adapt(call)


async def test_its_headers_and_query_go_with_every_request() -> None:
    async with FakeOpenAI(key="k") as fake:
        provider = OpenAICompatible(
            name="mine",
            kind="compatible",
            base_url=fake.base_url,
            api_key="k",
            dialect=own(headers={"HTTP-Referer": "https://example.org"}, query={"api-version": "2026-11"}),
            key_setting="MINE_KEY",
        )
        assert await text(provider, make_call()) == "Hello from the fake."
        assert (await provider.check()).state == "ok"
        assert fake.headers[0]["http-referer"] == "https://example.org"
        assert fake.queries == ["api-version=2026-11"]
        fake.key = "other"
        assert "MINE_KEY" in (await provider.check()).detail
        await provider.close()


@pytest.mark.parametrize(
    ("name", "base_url", "tier"),
    [
        ("openai", "https://api.openai.com/v1", "default"),
        ("openai", "https://eu.api.openai.com/v1", "default"),
        ("openai", "https://notopenai.com/v1", None),
        ("openai", "http://127.0.0.1:1/v1", None),
        ("groq", "https://api.groq.com/openai/v1", None),
    ],
)
def test_openai_itself_is_asked_for_the_standard_price_whatever_the_project_has(
    name: str, base_url: str, tier: str | None
) -> None:
    provider = OpenAIProvider(name=name, kind=name, base_url=base_url, api_key="k")
    call = make_call(service_tier="priority")
    assert provider.adapt(call).get("service_tier") == tier
    assert provider.native_body(call, {"input": "x", "service_tier": "flex"}).get("service_tier") == tier

"""Who gets in, with what, and what they are told."""

from __future__ import annotations

import stat
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.harness import SECRET, anthropic_env, gateway
from tests.fakes.anthropic import FakeAnthropic

CHAT = {"model": "gateway-premium", "messages": [{"role": "user", "content": "Hello?"}]}


async def test_only_health_is_open(tmp_path: Path) -> None:
    async with gateway(tmp_path) as llmgw, aiohttp.ClientSession(llmgw.address) as stranger:
        async with stranger.get("/health") as answer:
            assert answer.status == 200
            assert set(await answer.json()) == {"status", "state", "service", "version"}
        for path in (
            "/v1/models",
            "/api/snapshot",
            "/api/budget",
            "/api/metrics",
            "/metrics",
            "/api/events",
            "/nowhere",
        ):
            async with stranger.get(path) as answer:
                assert answer.status == 401, path
                assert (await answer.json())["error"]["code"] == "invalid_api_key"
        async with stranger.get("/api/budget", headers={"x-api-key": SECRET}) as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "localhost.evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example:8000"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Host": "localhost"}, 200),
        ({"Origin": "http://localhost:3000"}, 200),
    ],
)
async def test_a_web_page_cannot_spend_money(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    async with FakeAnthropic() as fake, gateway(tmp_path, **anthropic_env(fake)) as llmgw:
        answer = await llmgw.chat("Hello?", headers=headers)

        assert answer.status == status
        assert fake.calls == (1 if status == 200 else 0)
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"model": "gateway-auto"}',
        b'{"model": "auto", "messages": []}',
        b"\xff\xfe",
    ],
)
async def test_a_broken_body_gets_a_clear_400(tmp_path: Path, body: bytes) -> None:
    async with gateway(tmp_path) as llmgw:
        headers = {"Content-Type": "application/json"}
        async with llmgw.http.post("/v1/chat/completions", data=body, headers=headers) as answer:
            assert answer.status == 400
            error = (await answer.json())["error"]
    assert error["code"] == "invalid_request"
    assert len(error["message"]) > 10


async def test_the_data_folder_is_the_users_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    async with gateway(folder, GATEWAY_SECRET="") as llmgw:
        secret = (folder / "secret").read_text()
        async with (
            aiohttp.ClientSession(llmgw.address, headers={"x-api-key": secret}) as client,
            client.get("/v1/models") as answer,
        ):
            assert answer.status == 200
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir() if path.is_file()}
        assert modes and set(modes.values()) == {0o600}, modes
        assert all(secret not in line for line in llmgw.lines)


async def test_models_lists_the_gateways_ids_and_each_tiers_model(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, gateway(tmp_path, **anthropic_env(fake)) as llmgw:
        names = [model["id"] for model in (await llmgw.get("/v1/models"))["data"]]
    assert names[:2] == ["gateway-auto", "gateway-local"]
    assert "anthropic/claude-sonnet-5-5" in names


async def test_an_unknown_model_says_which_there_are(tmp_path: Path) -> None:
    async with gateway(tmp_path) as llmgw:
        answer = await llmgw.chat("Hello?", model="no-such-model")
    assert (answer.status, answer.code) == (404, "model_not_found")
    assert "gateway-auto" in answer.body["error"]["message"]

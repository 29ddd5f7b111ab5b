"""Who gets in and how far: strangers, web pages, monitors. Every route is behind the same guards."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from pydantic import SecretStr

from gateway_core.http.guards import MONITOR_PATHS
from gateway_core.http.log import routes as log_routes
from tests.fakes.anthropic import FakeAnthropic
from tests.faults.security_routes import every_route
from tests.http.inside import KEY, Client, client, with_claude

pytestmark = pytest.mark.asyncio(loop_scope="module")

MONITOR = "a-token-that-may-only-look"
PROMPT = "prompt-canary: what is the capital of France?"
ANSWER = "answer-canary: Paris."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def llmgw(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A gateway that has answered one prompt."""
    async with FakeAnthropic() as fake:
        fake.default = fake.default.__class__(text=ANSWER)
        folder: Path = tmp_path_factory.mktemp("front-door")
        async with client(folder, monitor_token=SecretStr(MONITOR), **with_claude(fake)) as made:
            assert (await made.chat(PROMPT))[0] == 200
            yield made


async def answered(
    llmgw: Client, method: str, path: str, headers: dict[str, str], body: bytes | None = None
) -> tuple[int, dict[str, str], str]:
    """Status, headers and text of what a stranger gets; an event stream is not waited for."""
    timeout = aiohttp.ClientTimeout(total=10, sock_read=5)
    async with (
        aiohttp.ClientSession(llmgw.gateway.address, timeout=timeout, skip_auto_headers=["Content-Type"]) as http,
        http.request(method, path, headers=headers, data=body, allow_redirects=False) as answer,
    ):
        text = "" if answer.content_type == "text/event-stream" else await answer.text()
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}, text


async def test_every_route_refuses_a_host_that_dns_was_rebound_to(llmgw: Client) -> None:
    for method, path in every_route(llmgw.gateway):
        for key in ("", KEY):
            headers = {"Host": "evil.example", "Authorization": f"Bearer {key}"}
            status, _, _ = await answered(llmgw, method, path, headers)
            assert status == 421, (method, path)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1:1@evil.example",
        "http://[::1",
        "file://",
        "",
    ],
)
async def test_every_route_refuses_a_foreign_origin(llmgw: Client, origin: str) -> None:
    for method, path in every_route(llmgw.gateway):
        status, headers, _ = await answered(llmgw, method, path, {"Origin": origin, "Authorization": f"Bearer {KEY}"})
        assert status == 403 and not [name for name in headers if name.startswith("access-control")], (method, path)


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:3000"])
async def test_a_preflight_is_never_allowed(llmgw: Client, origin: str) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    for _, path in every_route(llmgw.gateway):
        for key in ({}, {"Authorization": f"Bearer {KEY}"}):
            status, headers, _ = await answered(llmgw, "OPTIONS", path, {"Origin": origin, **asks, **key})
            assert status in (401, 403, 404, 405), path
            assert not [name for name in headers if name.startswith("access-control")], path


async def test_every_route_but_health_refuses_who_has_no_key(llmgw: Client) -> None:
    wrong: tuple[dict[str, str], ...] = (
        {},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": f"Bearer {KEY[:-1]}"},
        {"Authorization": f"Basic {KEY}"},
        {"x-api-key": KEY.upper()},
        {"Cookie": f"key={KEY}"},
    )
    for method, path in every_route(llmgw.gateway):
        for headers in wrong:
            status, _, text = await answered(llmgw, method, path, headers)
            assert status == (200 if path == "/health" else 401), (method, path, headers)
            assert KEY not in text and "canary" not in text


@pytest.mark.parametrize("query", ["key", "api_key", "access_token", "token", "x-api-key"])
async def test_a_key_in_the_url_opens_nothing(llmgw: Client, query: str) -> None:
    status, _, _ = await answered(llmgw, "GET", f"/api/status?{query}={KEY}", {})
    assert status == 401


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain; json"],
)
async def test_every_write_refuses_a_body_that_is_not_called_json(llmgw: Client, content_type: str) -> None:
    writes = [(method, path) for method, path in every_route(llmgw.gateway) if method not in ("GET", "HEAD")]
    assert len(writes) > 5
    headers = {"Authorization": f"Bearer {KEY}", **({"Content-Type": content_type} if content_type else {})}
    for method, path in writes:
        status, _, _ = await answered(llmgw, method, path, headers, b'{"model": "gateway-auto", "messages": []}')
        assert status == 415, (method, path)


RAW_HOSTS = (
    (b"Host: evil.example\r\nHost: 127.0.0.1\r\n", (b"400", b"421")),
    (b"Host: 127.0.0.1\r\nHost: evil.example\r\n", (b"400", b"421")),
    (b"Host: 127.0.0.1@evil.example\r\n", (b"421",)),
    (b"Host: \r\n", (b"400", b"421")),
    (b"Host: [::1\r\n", (b"400", b"421")),
    (b"Host: 127.0.0.1.\r\n", (b"200",)),
    (b"Host: 127.0.0.1\r\nX-Forwarded-Host: evil.example\r\n", (b"200",)),
    (b"Host: evil.example\r\nX-Forwarded-Host: 127.0.0.1\r\n", (b"421",)),
    (b"Host: evil.example\r\nForwarded: host=127.0.0.1\r\n", (b"421",)),
)


@pytest.mark.parametrize(("head", "statuses"), RAW_HOSTS)
async def test_a_host_is_taken_from_its_one_header_alone(
    llmgw: Client, head: bytes, statuses: tuple[bytes, ...]
) -> None:
    port = int(llmgw.gateway.address.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /health HTTP/1.1\r\n" + head + b"Connection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    assert answer.split(b" ", 2)[1] in statuses


async def test_a_request_that_names_another_host_in_its_first_line_is_not_served(llmgw: Client) -> None:
    port = int(llmgw.gateway.address.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET http://evil.example/health HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    assert answer.split(b" ", 2)[1] == b"421"


# --- the read-only token -------------------------------------------------------------------------------------------


async def test_a_monitors_token_reads_sums_and_states_without_a_prompt_or_an_answer(llmgw: Client) -> None:
    for path in MONITOR_PATHS:
        for headers in ({"Authorization": f"Bearer {MONITOR}"}, {"x-api-key": MONITOR}):
            status, _, text = await answered(llmgw, "GET", path, headers)
            assert status == 200, path
            assert "canary" not in text and KEY not in text and MONITOR not in text, path


async def test_a_monitors_token_opens_no_other_route_and_is_told_so(llmgw: Client) -> None:
    refused = 0
    for method, path in every_route(llmgw.gateway):
        if path == "/health" or (method == "GET" and path in MONITOR_PATHS):
            continue
        status, _, text = await answered(llmgw, method, path, {"Authorization": f"Bearer {MONITOR}"})
        assert status == 403 and "read-only token" in text, (method, path)
        refused += 1
    assert refused > 30
    status, _, _ = await answered(
        llmgw, "POST", "/api/status", {"Authorization": f"Bearer {MONITOR}", "Content-Type": "application/json"}, b"{}"
    )
    assert status == 403
    for path in ("/api/status/", "/api/status/../snapshot", "/api/%73napshot"):
        status, _, text = await answered(llmgw, "GET", path, {"Authorization": f"Bearer {MONITOR}"})
        assert status in (403, 404) and "canary" not in text, path


async def test_a_key_is_compared_in_constant_time_with_every_key_there_is(
    llmgw: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[int] = []
    real = hmac.compare_digest

    def counted(one: bytes, other: bytes) -> bool:
        compared.append(len(one))
        return real(one, other)

    monkeypatch.setattr("gateway_core.keys.hmac.compare_digest", counted)
    for key in ("", "x", KEY, MONITOR, KEY + "x", "é" * 300):
        compared.clear()
        llmgw.gateway.keys.access(key)
        assert compared == [32, 32, 32], "digests of one length, none left out"


async def test_who_is_refused_is_told_in_the_log_by_address_and_never_by_what_was_sent(llmgw: Client) -> None:
    assert log_routes(llmgw.gateway)
    await answered(llmgw, "GET", "/api/status", {"Authorization": "Bearer wrong-canary-1"})
    texts = [entry.text for entry in llmgw.gateway.event_log.page("", "Refused", 0, 500).entries]
    assert any("a wrong key, from 127.0.0.1" in text for text in texts)
    assert not any("canary" in text for text in texts)


async def test_a_key_that_is_sent_as_a_models_name_is_recorded_masked(llmgw: Client) -> None:
    status, _, _ = await llmgw.chat("Who?", model=f"no-{KEY}")
    assert status == 404
    for path in ("/api/requests?limit=50", "/api/snapshot"):
        _, _, text = await answered(llmgw, "GET", path, {"x-api-key": KEY})
        assert KEY not in text and "no-[masked]" in text

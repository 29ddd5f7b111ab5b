"""What is exported of a request really runs: the same body reaches the upstream again."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from llmgw_tui.exports.exported import export, write
from llmgw_tui.source_http import HttpSource
from tests.e2e.harness import SECRET, GatewayProcess, anthropic_env, gateway
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply

FOREIGN = "It's \"quoted\" $HOME `id` \\n $(id) 'LLMGW_BODY'\nLLMGW_BODY\n\u202eäöü 😀 \x1b[31m" + "long " * 10
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
SAID = "Hello from the fake."


async def run(*command: str, env: dict[str, str], stdin: str = "") -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        env=env,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(stdin.encode())
    return process.returncode or 0, out.decode(), err.decode()


async def exported(llmgw: GatewayProcess, request_id: str, form: str) -> str:
    """What ``llmgw export`` prints."""
    port = llmgw.address.rpartition(":")[2]
    command = (sys.executable, "-m", "llmgw_tui.cli", "export", request_id, "--as", form, "--port", port)
    code, out, err = await run(*command, env=llmgw.env)
    assert code == 0, err
    return out


async def ask(llmgw: GatewayProcess, path: str, body: dict[str, Any], **headers: str) -> str:
    async with llmgw.http.post(path, json=body, headers={"x-llmgw-cache": "bypass", **headers}) as answer:
        assert answer.status == 200, await answer.text()
        await answer.read()
        return answer.headers["x-llmgw-request-id"]


def chat(stream: bool) -> dict[str, Any]:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": FOREIGN}]
    return {"model": "gateway-premium", "messages": messages, "stream": stream, "tools": [TOOL], "seed": 7}


def native(stream: bool) -> dict[str, Any]:
    asked = [{"role": "user", "content": [{"type": "text", "text": FOREIGN}]}]
    return {"model": "gateway-premium", "max_tokens": 90, "messages": asked, "stream": stream, "metadata": {}}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", chat(stream=False)),
        ("/v1/chat/completions", chat(stream=True)),
        ("/v1/messages", native(stream=True)),
        ("/v1/responses", {"model": "gateway-premium", "input": FOREIGN, "store": False}),
    ],
)
async def test_curl_and_python_ask_again_what_was_asked(tmp_path: Path, path: str, body: dict[str, Any]) -> None:
    async with FakeAnthropic(default=Reply(text=SAID)) as fake, gateway(tmp_path, **anthropic_env(fake)) as llmgw:
        request_id = await ask(llmgw, path, body)
        env = {"PATH": llmgw.env["PATH"], "GATEWAY_SECRET": SECRET, "HOME": str(tmp_path)}
        code, out, err = await run("sh", env=env, stdin=await exported(llmgw, request_id, "curl"))
        assert code == 0 and "Hello" in out, err
        script = await exported(llmgw, request_id, "python")
        code, out, err = await run(sys.executable, "-", env=env, stdin=script)
        assert code == 0 and "Hello" in out, err
    first, by_curl, by_python = fake.requests
    assert by_curl == first
    assert by_python == first


async def test_a_large_body_stands_in_a_file_beside_the_command(tmp_path: Path) -> None:
    body = chat(stream=False)
    body["messages"][0]["content"] = "Be brief. " * 20_000
    async with FakeAnthropic(default=Reply(text=SAID)) as fake, gateway(tmp_path, **anthropic_env(fake)) as llmgw:
        request_id = await ask(llmgw, "/v1/chat/completions", body)
        source = HttpSource(llmgw.address, SECRET)
        source.open()
        detail, parts = await source.detail(request_id), await source.parts(request_id)
        await source.close()
        assert detail is not None
        made = export(detail, parts, llmgw.address, "curl")
        script = await asyncio.to_thread(write, made, tmp_path / "exports")
        env = {"PATH": llmgw.env["PATH"], "GATEWAY_SECRET": SECRET}
        code, out, err = await run("sh", str(script), env=env)
    assert code == 0 and "Hello" in out, err
    assert fake.requests[1] == fake.requests[0]
    assert len(made.files[0][1]) < 1_000


async def test_json_is_everything_that_is_kept_and_no_key(tmp_path: Path) -> None:
    async with FakeAnthropic(default=Reply(text=SAID)) as fake, gateway(tmp_path, **anthropic_env(fake)) as llmgw:
        request_id = await ask(llmgw, "/v1/chat/completions", chat(stream=False))
        text = await exported(llmgw, request_id, "json")
    whole = json.loads(text)
    assert whole["request"]["row"]["id"] == request_id and whole["request"]["timeline"]["steps"]
    assert json.loads(whole["wire"]["upstream"][0]["body"]) == fake.requests[0]
    assert SECRET not in text and fake.key not in text and "\x1b" not in text and "\u202e" not in text


async def test_a_request_that_is_not_there_fails_the_command(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, gateway(tmp_path, **anthropic_env(fake)) as llmgw:
        port = llmgw.address.rpartition(":")[2]
        command = (sys.executable, "-m", "llmgw_tui.cli", "export", "req_none", "--port", port)
        code, out, err = await run(*command, env=llmgw.env)
    assert (code, out) == (1, "") and "no request req_none" in err

"""Keys and terminal escapes planted everywhere, and everything searched for them: files, routes, commands, screens.

One gateway is used with everything: its keys come back in answers and errors, and foreign texts act on terminals.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sqlite3
import stat
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from gateway_core.http.guards import MONITOR_PATHS
from tests.e2e import forks
from tests.e2e.forks import ROOT
from tests.e2e.harness import GatewayProcess
from tests.e2e.in_terminal import on_terminal, own_env
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.ollama import FakeOllama
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Failure, Raw, Reply
from tests.faults.security_routes import every_route
from tests.http.inside import client

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEYS = {
    name: f"cnry-{name}-7f3a9b"
    for name in (
        "gateway",
        "monitor",
        "anthropic",
        "groq",
        "openai",
        "local",
        "own",
        "ownheader",
        "ownquery",
        "urlpass",
        "setup",
    )
}
"""Every key that can be set, none of which looks like one."""
CALLERS = {name: f"caller-cnry-{name}-51c2" for name in ("wrong", "cookie", "proxy", "goog", "query", "auth")}
CLAUDE_OAUTH = "sk-ant-oat01-cnry51c2A7f3a9b0d1e2f3a4b5c6d7e8f-9a0b1c2d3e4f"
CHATGPT_OAUTH = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJjbnJ5IjoiNTFjMkE3ZjNhOSJ9.Y25yeS1zaWduYXR1cmUtNTFjMg"
CALLERS |= {"claude": CLAUDE_OAUTH, "chatgpt": CHATGPT_OAUTH}
"""What clients send as a secret: those of a subscription, too, by mistake."""
SHAPED = "sk-proj-cnry51c2A7f3a9b0d1e2f3a4b5c6d7e8f"
"""A key of somebody's in a prompt: what is recorded of a prompt is without what looks like one."""
THEIRS = (
    SHAPED,
    "sk-ant-oat01-cnry77d2B8e4c0d1f2a3b4c5d6e7f8a9b0-1c2d3e4f5a6b",
    "ghp_cnry77d2B8e4c0d1f2a3b4c5d6e7f8a9b0c1",
    "AKIACNRY77D2B8E4C0D1",
)
"""Keys of somebody's in a prompt and in an answer. They are the user's own words, and stay in the request log."""
WORDS = ("zebra-cnry-prompt", "zebra-cnry-answer", "zebra-cnry-system", "zebra-cnry-tool")
"""What was said, which is nobody's but the user's."""
SECRETS = (*KEYS.values(), *CALLERS.values())
ESCAPES = (
    "\x1b]52;c;ZXZpbA==\x07\x1b[5;35mEVIL\x1b[0m\x9b5;35m\u202egnp.exe\u200b\u2066[blink]up[/]\r\nFORGED line\x08\x7f"
)
"""Writes the clipboard, blinks, turns text round, is markup, and begins a line of its own."""
BAD_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
BY_DESIGN = ("secret", "monitor-token", "secret.rotation")
"""Files that hold a key because they are where it is kept."""


@dataclass
class World:
    """What a gateway has written and can be asked."""

    llmgw: GatewayProcess
    folder: Path
    env: dict[str, str]
    ids: list[str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("canaries")
    (folder / "data").mkdir(mode=0o700)
    before = os.umask(0o022)
    async with (
        FakeAnthropic(key=KEYS["anthropic"]) as claude,
        FakeOpenAI(kind="groq", key=KEYS["groq"], models=("openai/gpt-oss-120b",)) as groq,
        FakeOpenAI(key=KEYS["own"], models=("own-model",)) as own,
        FakeOllama("qwen3:0.6b", f"evil\u202e{ESCAPES}:1b", key=KEYS["local"]) as ollama,
    ):
        provider = {
            "name": "mine",
            "base_url": own.base_url.replace("://", f"://me:{KEYS['urlpass']}@"),
            "api_key": KEYS["own"],
            "model": "own-model",
            "free": True,
            "headers": {"X-Access-Token": KEYS["ownheader"]},
            "query": {"api-key": KEYS["ownquery"]},
        }
        llmgw = GatewayProcess(
            folder / "data",
            {
                "HOME": str(folder),
                "XDG_CONFIG_HOME": str(folder / "config"),
                "GATEWAY_SECRET": KEYS["gateway"],
                "MONITOR_TOKEN": KEYS["monitor"],
                "ANTHROPIC_API_KEY": KEYS["anthropic"],
                "ANTHROPIC_SETUP_TOKEN": KEYS["setup"],
                "ANTHROPIC_BASE_URL": claude.base_url,
                "GROQ_API_KEY": KEYS["groq"],
                "GROQ_BASE_URL": groq.base_url,
                "OPENAI_API_KEY": KEYS["openai"],
                "OPENAI_BASE_URL": own.base_url,
                "LOCAL_LLM_ENABLED": "true",
                "LOCAL_LLM_URL": ollama.base_url,
                "LOCAL_LLM_API_KEY": KEYS["local"],
                "PROVIDERS": json.dumps([provider]),
                "BUILTIN_MODEL": "off",
            },
        )
        await llmgw.start()
        await llmgw.http.close()
        auth = {"Authorization": f"Bearer {KEYS['gateway']}"}
        llmgw.http = aiohttp.ClientSession(llmgw.address, headers=auth)
        try:
            ids = await use_everything(llmgw, claude, groq)
            env = own_env(folder, int(llmgw.address.rpartition(":")[2]), GATEWAY_SECRET=KEYS["gateway"])
            env |= {
                name: llmgw.env[name] for name in ("PROVIDERS", "MONITOR_TOKEN", "LLMGW_DATA_DIR", "ANTHROPIC_API_KEY")
            }
            yield World(llmgw, folder, env, ids)
        finally:
            os.umask(before)
            await llmgw.end()


async def use_everything(llmgw: GatewayProcess, claude: FakeAnthropic, groq: FakeOpenAI) -> list[str]:
    """Requests of every kind and fault; the ids of those that were kept."""
    leak = " ".join(KEYS.values())
    sent = {
        "Cookie": f"session={CALLERS['cookie']}",
        "Proxy-Authorization": f"Basic {CALLERS['proxy']}",
        "X-Goog-Api-Key": CALLERS["goog"],
        "X-Auth-Token": CALLERS["auth"],
        "ChatGPT-Account-Id": "an-account",
        "User-Agent": "evil\u202eagent\x9b",
        "X-Session-Key": "evil\u2066session",
    }
    ids: list[str] = []

    async def ask(model: str, text: str, **body: object) -> None:
        asked = {"model": model, "messages": [{"role": "user", "content": text}], **body}
        async with llmgw.http.post("/v1/chat/completions", json=asked, headers=sent) as answer:
            await answer.read()
            if "x-llmgw-request-id" in answer.headers:
                ids.append(answer.headers["x-llmgw-request-id"])

    tool = {"type": "function", "function": {"name": "look", "description": ESCAPES, "parameters": {"type": "object"}}}
    claude.script(Reply(text=f"It is {leak}. {ESCAPES}"), Reply(text=f"Streamed {leak} {ESCAPES}"))
    await ask("gateway-premium", f"My key is {SHAPED}, and {leak}. {ESCAPES}", tools=[tool])
    await ask("gateway-premium", f"Again {ESCAPES}", stream=True)
    claude.script(Reply(text="", tools=((f"run{ESCAPES}", {"a": ESCAPES}),)))
    await ask("gateway-premium", "Call a tool.", tools=[tool])
    prompt, said_back, system, tool_said = WORDS
    claude.script(Reply(text=f"{said_back} {' '.join(THEIRS)}"))
    said = [
        {"role": "system", "content": system},
        {"role": "user", "content": f"{prompt} {' '.join(THEIRS)} {tool_said}"},
    ]
    await ask("gateway-premium", "", messages=said)
    for status in (400, 401, 403, 429, 500, 529):
        failure = Failure(
            status, message=f"Bad key {leak} {SHAPED} {ESCAPES}", headers={"X-Api-Key": KEYS["anthropic"]}
        )
        claude.script(*[failure] * 3)
        await ask("gateway-premium", f"Fail with {status}")
        claude._steps.clear()
    page = f"<html>{leak}{ESCAPES}</html>".encode()
    groq.script(
        Raw(page), Raw(page, 502), Raw(b'{"error": {"message": "' + leak.encode() + b'"}}', 401, "application/json")
    )
    for text in ("one", "two", "three"):
        await ask("gateway-cheap", f"Groq {text}")
    groq._steps.clear()
    await ask("gateway-local", f"Local {ESCAPES}")
    await ask("mine/own-model", "Own?")
    for name in (f"no-{KEYS['groq']}", f"no{ESCAPES}", f"mine/{ESCAPES}"):
        await ask(name, "Who?")
    for api, body in (
        (
            "messages",
            {"model": "claude-sonnet-5-5", "max_tokens": 9, "messages": [{"role": "user", "content": ESCAPES}]},
        ),
        ("responses", {"model": "gateway-premium", "input": f"{leak} {ESCAPES}"}),
        ("embeddings", {"model": f"no{ESCAPES}", "input": "x"}),
    ):
        async with llmgw.http.post(f"/v1/{api}", json=body, headers=sent) as answer:
            await answer.read()
    async with aiohttp.ClientSession(llmgw.address) as stranger:
        wrong: list[dict[str, str]] = [
            {"x-api-key": CALLERS["wrong"]},
            {"Authorization": f"Bearer {CALLERS['wrong']}"},
            {"Authorization": f"Bearer {CLAUDE_OAUTH}", "anthropic-beta": "oauth-2025-04-20"},
            {"Authorization": f"Bearer {CHATGPT_OAUTH}", "ChatGPT-Account-Id": "an-account"},
        ]
        for headers in wrong:
            async with stranger.get(f"/v1/models?api_key={CALLERS['query']}", headers=headers) as answer:
                assert answer.status == 401
    async with llmgw.http.get(f"/no/{CALLERS['query']}?key={CALLERS['query']}") as answer:
        assert answer.status == 404
    await raw_garbage(llmgw.address)
    for name, arguments in (
        ("pull", {"model": f"evil{ESCAPES}"}),
        ("switch", {"tier": "local", "model": f"evil{ESCAPES}"}),
        ("force_tier", {"tier": f"{leak}{ESCAPES}"}),
        ("no-such-command", {"key": KEYS["groq"]}),
        ("import_labels", {"labels": [{"prompt": f"{SHAPED} {ESCAPES}", "tier": "local"}]}),
        ("label_request", {"request_id": ids[0], "verdict": "up"}),
    ):
        async with llmgw.http.post(f"/api/commands/{name.replace('/', '')}", json=arguments) as answer:
            await answer.read()
    async with llmgw.http.get("/api/requests?limit=50") as answer:
        ids += [row["id"] for row in (await answer.json())["requests"]][:4]
    return list(dict.fromkeys(ids))


async def raw_garbage(address: str) -> None:
    """What is no HTTP, with a key in it: aiohttp would quote it in its log."""
    _, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
    writer.write(f"GET /\x1b[5;35m{CALLERS['auth']} HTTP/9.9\r\nHost 127.0.0.1 {KEYS['gateway']}\x1b\r\n\r\n".encode())
    await writer.drain()
    writer.close()


def secrets_in(text: str | bytes) -> list[str]:
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return [secret for secret in SECRETS if secret.encode() in raw]


def all_text_of(database: Path) -> Iterator[tuple[str, bytes]]:
    """Each table with all that is in its rows, what is packed unpacked."""
    import zlib

    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        tables = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        for table in tables:
            for row in connection.execute(f'select * from "{table}"'):
                for value in row:
                    raw = value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
                    yield table, raw
                    try:
                        yield table, zlib.decompress(raw)
                    except zlib.error:
                        continue


async def command(world: World, *arguments: str) -> tuple[int, bytes]:
    """The exit code, and what a command has printed on both of its streams."""
    env = {"PYTHONPATH": str(ROOT), **world.env}
    return await forks.run(*arguments, env=env, cwd=world.folder)


# --- keys ----------------------------------------------------------------------------------------------------------


async def test_no_key_is_in_any_file_of_the_data_folder(world: World) -> None:
    await world.llmgw.get("/api/requests?limit=1")
    searched = 0
    for path in (world.folder / "data").rglob("*"):
        if path.is_file() and path.name not in BY_DESIGN:
            assert secrets_in(path.read_bytes()) == [], path
            searched += 1
    assert searched >= 3


async def test_no_key_is_in_any_row_of_the_database(world: World) -> None:
    rows = 0
    for table, raw in all_text_of(world.folder / "data" / "llmgw.db"):
        assert secrets_in(raw) == [], table
        rows += 1
    assert rows > 100


async def test_no_key_is_in_what_the_gateway_prints_or_logs(world: World) -> None:
    assert secrets_in("\n".join(world.llmgw.lines)) == []
    assert secrets_in((world.folder / "data" / "llmgw.log").read_bytes()) == []


async def test_no_key_is_in_what_any_route_serves(world: World, tmp_path: Path) -> None:
    async with client(tmp_path) as other:
        paths = [path for method, path in every_route(other.gateway) if method == "GET" and path != "/api/events"]
    ids = world.ids[:3] + world.ids[-3:]
    asked = {path.replace("/x", f"/{one}") for path in paths for one in ids} | {"/api/requests?limit=200", "/api/log"}
    assert len(asked) > 30
    for path in sorted(asked):
        async with world.llmgw.http.get(path) as answer:
            assert secrets_in(await answer.read()) == [], path
            assert secrets_in(str(answer.headers)) == [], path


async def test_what_was_said_and_keys_in_it_are_in_no_log_metric_or_state(world: World) -> None:
    """Whoever has the monitors' token reads nothing of it."""
    logs = ["\n".join(world.llmgw.lines), (world.folder / "data" / "llmgw.log").read_text("utf-8")]
    monitor = {"Authorization": f"Bearer {KEYS['monitor']}"}
    async with aiohttp.ClientSession(world.llmgw.address, headers=monitor) as http:
        for path in MONITOR_PATHS:
            async with http.get(path) as answer:
                assert answer.status == 200, path
                logs.append(await answer.text())
        for path in ("/api/requests", "/api/snapshot", "/api/events", "/api/log", "/api/cache/entries", "/v1/models"):
            async with http.get(path) as answer:
                assert answer.status == 403, path
                logs.append(await answer.text())
    async with world.llmgw.http.get("/api/log") as answer:
        logs.append(await answer.text())
    for text in logs:
        assert [told for told in (*WORDS, *THEIRS) if told in text] == []


async def test_keys_that_somebody_wrote_are_in_no_state_list_or_error(world: World) -> None:
    for path in ("/api/snapshot", "/api/requests?limit=200", "/api/status", "/api/requests?limit=50&q=is:failed"):
        async with world.llmgw.http.get(path) as answer:
            text = await answer.text()
            assert [told for told in THEIRS if told in text] == [], path


async def test_no_key_is_in_what_a_caller_is_told_of_a_failed_upstream(world: World) -> None:
    async with world.llmgw.http.get("/api/requests?limit=50&q=is:failed") as answer:
        assert secrets_in(await answer.read()) == []


COMMANDS = (
    ("status",),
    ("settings",),
    ("settings", "--json"),
    ("log", "--level", "debug"),
    ("requests", "--limit", "100"),
    ("cache", "list"),
    ("labels", "list"),
    ("report", "--by", "model", "--format", "csv"),
    ("connect",),
    ("secret",),
    ("explain", "evil-file\u202e\x1b[5;35m"),
    ("export", "ID"),
    ("export", "ID", "--as", "json"),
    ("what-if", "--local-model", f"evil{ESCAPES.replace(chr(0), '')}"),
    ("doctor",),
)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
async def test_no_key_and_nothing_that_acts_on_a_terminal_is_printed(world: World, arguments: tuple[str, ...]) -> None:
    _, said = await command(world, *(world.ids[0] if word == "ID" else word for word in arguments))
    assert said and secrets_in(said) == []
    text = said.decode().replace("\r\n", "\n") if "csv" in arguments else said.decode()
    assert BAD_TEXT.findall(text) == []
    assert not any(line.startswith("FORGED") for line in text.splitlines())


# --- files are their owner's ---------------------------------------------------------------------------------------


async def test_every_file_is_0600_and_every_folder_0700_after_everything_was_used(world: World) -> None:
    assert (await command(world, "connect", "prometheus", "--write", str(world.folder / "data" / "watch")))[0] == 0
    for path in [world.folder / "data", *(world.folder / "data").rglob("*")]:
        if path.parent.name == "watch" and path.suffix == ".yml":
            continue  # Prometheus, who may be another user, has to read them; no key is in them
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert path.is_symlink() or mode == (0o700 if path.is_dir() else 0o600), (path, oct(mode))


# --- what acts on a terminal ---------------------------------------------------------------------------------------


async def test_nothing_foreign_reaches_the_log_raw_or_forges_a_line_in_it(world: World) -> None:
    for text in ((world.folder / "data" / "llmgw.log").read_text("utf-8"), "\n".join(world.llmgw.lines)):
        assert BAD_TEXT.findall(text) == []
        assert not any(line.startswith("FORGED") for line in text.splitlines())
    logged = (world.folder / "data" / "llmgw.log").read_text("utf-8").splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d ", line) for line in logged)


async def test_nothing_foreign_and_no_key_reaches_the_terminal_on_any_screen(world: World) -> None:
    with on_terminal("attach", env=world.env, cwd=world.folder, size=(160, 50)) as terminal:
        await terminal.shows("Requests")
        for key, words in (
            ("r", "Fail with"),
            ("g", "Log"),
            ("m", "Models"),
            ("c", "Cache"),
            ("t", "Routing"),
            ("$", "Spend"),
            (",", "Settings"),
        ):
            terminal.type(key.encode())
            await terminal.shows(words)
            if key in "rg":
                for _ in range(3):
                    terminal.type(b"\r")
                    await asyncio.sleep(0.4)
                    terminal.type(b"\x1b")
                    await asyncio.sleep(0.4)
                    terminal.type(b"j")
        terminal.type(b"q")
        raw = bytes(terminal.output)
    text = raw.decode("utf-8", "replace")
    assert secrets_in(raw) == [] and "EVIL" in text
    assert b"\x1b]52;c;ZXZpbA" not in raw and b"\x1b[5;35m" not in raw
    assert re.findall("[\x80-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f]", text) == []

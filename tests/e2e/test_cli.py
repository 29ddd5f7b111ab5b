"""The commands as a person types them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.e2e.forks import ROOT
from tests.e2e.harness import SECRET, GatewayProcess, anthropic_env, gateway
from tests.e2e.in_terminal import on_terminal, own_env
from tests.fakes.anthropic import FakeAnthropic


async def llmgw(data_dir: Path, *arguments: str, stdin: str = "", **env: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one command."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "llmgw_tui.cli",
        *arguments,
        cwd=data_dir,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HOME": str(data_dir),
            "LLMGW_DATA_DIR": str(data_dir),
            "XDG_CONFIG_HOME": str(data_dir),
            **env,
        },
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(stdin.encode())
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_headless_start_imports_no_screen_and_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys, llmgw_tui.cli, llmgw_tui.headless, gateway_core.http.server;"
        "heavy = {'textual', 'plotext', 'torch', 'lancedb', 'anthropic', 'openai', 'sentence_transformers',"
        " 'xllamacpp', 'genai_prices', 'numpy'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert out.decode().strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("--version",), 0, "llmgw 0."),
        (("--port", "70000"), 2, "65535"),
        (("fly",), 2, "invalid choice"),
        (("report", "--days", "0"), 2, "400"),
        (("serve", "--config", "missing.yaml"), 2, "missing.yaml"),
        (("status", "--port", "1"), 1, "nothing answers"),
        (("report",), 1, "nothing was recorded"),
        ((), 1, "needs a terminal"),
        (("attach",), 1, "needs a terminal"),
    ],
)
async def test_exit_codes_and_words(tmp_path: Path, arguments: tuple[str, ...], code: int, word: str) -> None:
    found, out, err = await llmgw(tmp_path, *arguments)
    assert (found, word in out + err) == (code, True), out + err


async def test_a_bad_setting_is_named_without_its_value(tmp_path: Path) -> None:
    found, _, err = await llmgw(tmp_path, "serve", DAILY_BUDGET_HARD="lots-of-canary")
    assert found == 2
    assert "DAILY_BUDGET_HARD" in err and "canary" not in err


async def test_an_unknown_name_in_the_configuration_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("daily_budget_hrad: 5\n")
    found, _, err = await llmgw(tmp_path, "serve", "--config", "config.yaml")
    assert found == 2
    assert "daily_budget_hrad" in err


async def test_explain_decides_for_each_line_and_calls_nothing(tmp_path: Path) -> None:
    lines = [
        {"id": "a", "prompt": "Hello!", "context": {"cwd": "/srv/project"}},
        {"id": "b", "prompt": "Prove that there are infinitely many primes, then design a distributed algorithm."},
    ]
    asked = "\n".join(json.dumps(line) for line in lines)
    found, out, _ = await llmgw(tmp_path, "explain", "--json", "-", stdin=asked)
    answers = [json.loads(line) for line in out.splitlines()]
    assert found == 0
    assert [(answer["id"], answer["tier"]) for answer in answers] == [("a", "local"), ("b", "premium")]
    assert answers[0]["reasons"][-1].startswith("context: about code")
    assert answers[0]["difficulty"] < answers[1]["difficulty"] <= 1
    assert answers[1]["reasons"] and answers[1]["missing"] == "ANTHROPIC_API_KEY"

    found, _, err = await llmgw(tmp_path, "explain", "--json", stdin="not json", ROUTER_EMBEDDING="off")
    assert found == 1 and "line 1" in err
    found, out, _ = await llmgw(tmp_path, "explain", stdin="Hello!", ROUTER_EMBEDDING="off")
    assert found == 0 and out.startswith("local")


async def test_connect_prints_and_writes_openclaws_configuration(tmp_path: Path) -> None:
    found, out, _ = await llmgw(tmp_path, "connect", "openclaw", GATEWAY_SECRET=SECRET)
    block = json.loads(out)
    assert found == 0
    assert block["models"]["providers"]["llmgw"]["baseUrl"] == "http://127.0.0.1:8000/v1"

    config = tmp_path / "openclaw.json"
    config.write_text('{"gateway": {"port": 1234}}')
    found, out, _ = await llmgw(
        tmp_path, "connect", "openclaw", "--write", "--file", str(config), GATEWAY_SECRET=SECRET
    )
    merged = json.loads(config.read_text())
    assert found == 0
    assert merged["gateway"] == {"port": 1234}
    assert merged["models"]["providers"]["llmgw"]["apiKey"] == SECRET
    assert [name for name in os.listdir(tmp_path) if name.startswith("openclaw.json.")]


@pytest.mark.parametrize(
    ("arguments", "code", "on_stdout", "on_stderr"),
    [
        (("openclaw", "--api", "anthropic-messages", "--memory"), 0, '"gateway-embed"', "--write"),
        (("openclaw", "--api", "clawrouter"), 0, '"plugins"', "--write"),
        (("claude-code",), 0, '"ANTHROPIC_AUTH_TOKEN": "' + SECRET, "settings.json"),
        (("codex",), 0, 'wire_api = "responses"', f"export LLMGW_API_KEY={SECRET}"),
        (("openai",), 0, "export OPENAI_BASE_URL=http://127.0.0.1:8000/v1\n", ""),
        (("anthropic",), 0, "export ANTHROPIC_BASE_URL=http://127.0.0.1:8000\n", ""),
        (("codex", "--write"), 2, "", "printed, not written"),
        (("openai", "--memory"), 2, "", "for openclaw"),
        (("openclaw", "--api", "grpc"), 2, "", "invalid choice"),
    ],
)
async def test_connect_prints_what_each_client_needs(
    tmp_path: Path, arguments: tuple[str, ...], code: int, on_stdout: str, on_stderr: str
) -> None:
    found, out, err = await llmgw(tmp_path, "connect", *arguments, GATEWAY_SECRET=SECRET)
    assert found == code, err
    assert on_stdout in out and on_stderr in err
    assert ("clawrouter" in out) == ("clawrouter" in arguments)


async def test_connect_alone_names_address_key_and_clients(tmp_path: Path) -> None:
    found, out, err = await llmgw(tmp_path, "connect", GATEWAY_SECRET=SECRET)
    assert found == 0, err
    assert "http://127.0.0.1:8000/v1" in out and "llmgw connect openclaw" in out and "llmgw connect grafana" in out
    assert SECRET not in out + err and "--show-key" in err, "what is piped is masked"

    found, out, err = await llmgw(tmp_path, "connect", "--show-key", GATEWAY_SECRET=SECRET)
    assert (found, err) == (0, "") and f" {SECRET}\n" in out

    for wrong, words in ((("openai", "--show-key"), "without a client"), (("--write",), "Say which client")):
        found, out, err = await llmgw(tmp_path, "connect", *wrong, GATEWAY_SECRET=SECRET)
        assert (found, out) == (2, "") and words in err


async def test_connect_alone_makes_the_key_and_shows_it_to_whoever_sits_at_the_terminal(tmp_path: Path) -> None:
    env = own_env(tmp_path, 8000, GATEWAY_SECRET="")
    with on_terminal("connect", env=env, cwd=tmp_path) as terminal:
        assert await terminal.ended() == 0
        assert f" {(tmp_path / 'data' / 'secret').read_text()} " in terminal.screen.text
        assert "llmgw connect openclaw" in terminal.screen.text


async def test_connect_writes_claude_codes_settings(tmp_path: Path) -> None:
    settings = tmp_path / ".claude" / "settings.json"
    for told in ("uses llmgw now", "uses llmgw already"):
        found, out, _ = await llmgw(tmp_path, "connect", "claude-code", "--write", GATEWAY_SECRET=SECRET)
        assert found == 0 and told in out
    assert json.loads(settings.read_text())["env"]["ANTHROPIC_AUTH_TOKEN"] == SECRET


async def test_status_and_report_tell_of_a_running_gateway(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, gateway(tmp_path, **anthropic_env(fake)) as running:
        await running.chat("Hello?")
        port = running.address.rpartition(":")[2]
        _, line, _ = await llmgw(tmp_path, "status", "--port", port, GATEWAY_SECRET=SECRET)
        _, form, _ = await llmgw(tmp_path, "status", "--json", "--port", port, GATEWAY_SECRET=SECRET)
        wrong, _, err = await llmgw(tmp_path, "status", "--port", port, GATEWAY_SECRET="another")
        await running.get("/api/requests")
        _, table, _ = await llmgw(tmp_path, "report")
        _, rows, _ = await llmgw(tmp_path, "report", "--format", "json")
        _, lines, _ = await llmgw(tmp_path, "report", "--format", "csv")

    assert line.startswith("llmgw running")
    assert json.loads(form)["metrics"]["requests_today"] == 1
    assert wrong == 1 and "not its key" in err
    assert "anthropic/claude-sonnet-5-5" in table
    assert json.loads(rows)[0]["cost_usd"] > 0
    assert lines.startswith("day,tier,provider,model")


async def test_a_second_gateway_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    async with gateway(tmp_path):
        found, _, err = await llmgw(tmp_path, "serve", "--port", "0", LOCAL_LLM_ENABLED="false")
    assert found == 1
    assert "already running" in err


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    async with gateway(first) as running:
        port = running.address.rpartition(":")[2]
        found, _, err = await llmgw(second, "serve", "--port", port, LOCAL_LLM_ENABLED="false")
    assert found == 1
    assert port in err


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_cleanly(tmp_path: Path, signum: signal.Signals) -> None:
    process = GatewayProcess(tmp_path, {})
    await process.start()
    assert await process.end(signum) == 0


async def test_doctor_explains_what_it_finds(tmp_path: Path) -> None:
    found, out, _ = await llmgw(tmp_path, "doctor", "--port", "0", LOCAL_LLM_URL="http://127.0.0.1:9/v1")
    assert found == 0, out
    assert "ANTHROPIC_API_KEY is not set" in out
    assert "no gateway runs" in out

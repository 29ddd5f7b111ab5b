"""Why no local server answers, and what helps: true of this machine, before and while the built-in model stands in."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway_core.ollama import absence as module
from gateway_core.ollama.absence import Absence, Here, absence, look_here
from gateway_core.ollama.manager import LocalModels
from tests.fakes.ollama import FakeOllama
from tests.ollama.support import NOTHING, Collector, FakeStandIn, json_server, running, settings

HOME = "http://127.0.0.1:11434"
BARE = Here("Linux", installed=False, unit=False)
WITH_UNIT = Here("Linux", installed=True, unit=True)
BY_HAND = Here("Linux", installed=True, unit=False)
SCRIPT = "Install Ollama with `curl -fsSL https://ollama.com/install.sh | sh`."
NOT_INSTALLED = "Ollama is not installed here."
NOT_RUNNING = "Ollama is installed here and does not run."
POLL_S = 3600.0


@pytest.mark.parametrize(
    ("root", "here", "why", "step"),
    [
        (HOME, BARE, NOT_INSTALLED, SCRIPT),
        (HOME, Here("Darwin", False, False), NOT_INSTALLED, SCRIPT),
        (
            HOME,
            Here("Windows", False, False),
            NOT_INSTALLED,
            "Install Ollama with `irm https://ollama.com/install.ps1 | iex`.",
        ),
        (HOME, WITH_UNIT, NOT_RUNNING, "Start it with `sudo systemctl start ollama`."),
        (HOME, BY_HAND, NOT_RUNNING, "Start it with `ollama serve`."),
        (HOME, Here("Darwin", True, False), NOT_RUNNING, "Start it with `open -a Ollama`."),
        (HOME, Here("Windows", True, False), NOT_RUNNING, "Start it from the Start menu, or with `ollama serve`."),
        (
            "http://127.0.0.1:9999",
            BY_HAND,
            "Nothing listens at 127.0.0.1:9999.",
            "Start Ollama there with `OLLAMA_HOST=127.0.0.1:9999 ollama serve`.",
        ),
        (
            "http://127.0.0.1:9999",
            Here("Windows", True, False),
            "Nothing listens at 127.0.0.1:9999.",
            'Start Ollama there with `$env:OLLAMA_HOST="127.0.0.1:9999"; ollama serve`.',
        ),
        (
            "http://127.0.0.1:9999",
            BARE,
            "Nothing listens at 127.0.0.1:9999, and Ollama is not installed here.",
            "Start the server that LOCAL_LLM_URL or OLLAMA_HOST names, or set another.",
        ),
        (
            "http://localhost:1234",
            BARE,
            "LM Studio does not answer at localhost:1234.",
            "Start LM Studio's server with `lms server start`.",
        ),
        (
            "http://127.0.0.1:8080",
            BARE,
            "LocalAI or llama.cpp's server does not answer at 127.0.0.1:8080.",
            "Start LocalAI with `local-ai run`.",
        ),
        (
            "http://box:11434",
            BARE,
            "Nothing answers at box:11434.",
            "Start the local server on box, or set LOCAL_LLM_URL to another one.",
        ),
    ],
)
def test_it_says_what_is_true_of_the_machine_and_the_address(root: str, here: Here, why: str, step: str) -> None:
    found = absence(root, here)
    assert (found.why, found.steps[0]) == (why, step)
    assert found.words == f"{why} {step}"
    if not here.installed:
        assert not any("ollama serve" in one or "systemctl" in one for one in found.steps)


@pytest.mark.parametrize(
    ("product", "found"),
    [
        (
            "lmstudio",
            Absence(
                "LM Studio does not answer at 127.0.0.1:11434.", ("Start LM Studio's server with `lms server start`.",)
            ),
        ),
        (
            "ollama",
            Absence(
                "Ollama does not answer at 127.0.0.1:11434 any more.",
                ("Start it where it ran: it is not installed on this machine itself.",),
            ),
        ),
    ],
)
def test_what_answered_there_before_is_named(product: str, found: Absence) -> None:
    assert absence(HOME, BARE, product=product) == found


def test_a_server_that_listens_and_is_no_use_is_not_to_be_installed() -> None:
    found = absence(HOME, BARE, "no answer in time", refused=False)
    assert found.words == (
        "The server at 127.0.0.1:11434 cannot be used: no answer in time. "
        "See to that, or set LOCAL_LLM_URL to another address."
    )


@pytest.fixture
def no_ollama(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without Ollama; what is put into the folder is found."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(module, "PLACES", (str(tmp_path / "app"),))
    monkeypatch.setattr(module, "UNITS", (str(tmp_path / "ollama.service"),))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "installed", "unit"),
    [("ollama", True, False), ("app", True, False), ("ollama.service", True, True), ("other", False, False)],
)
def test_ollama_is_looked_for_on_the_path_where_installers_put_it_and_at_systemd(
    no_ollama: Path, name: str, installed: bool, unit: bool
) -> None:
    (no_ollama / name).touch(mode=0o755)
    here = look_here()
    assert (here.installed, here.unit) == (installed, unit)


async def test_the_advice_stays_while_the_built_in_model_stands_in(
    no_ollama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway_core.ollama.absence.OLLAMA_PORT", 1)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    events, standin = Collector(), FakeStandIn()
    local = LocalModels(settings(NOTHING, builtin_model="auto"), events.publish, standin=standin, poll_s=POLL_S)
    async with running(local):
        await events.until(lambda: local.server.reachable)
        assert local.server.kind == "builtin" and local.server.looks_every_s == POLL_S
        assert (local.server.why_absent, local.server.how_to_start[0]) == (NOT_INSTALLED, SCRIPT)
        (no_ollama / "ollama").touch(mode=0o755)
        server = await local.refresh()
        assert (server.why_absent, server.how_to_start) == (NOT_RUNNING, ("Start it with `ollama serve`.",))


async def test_what_cannot_be_done_and_the_state_say_the_same(no_ollama: Path) -> None:
    async with running(LocalModels(settings(NOTHING), Collector().publish, poll_s=POLL_S)) as local:
        server = local.server
        words = " ".join((server.why_absent, server.how_to_start[0]))
        assert server.detail == f"No local server at http://127.0.0.1:1: {words}"
        assert {ability.why_not for ability in server.abilities} == {words}


async def test_a_server_that_answers_needs_no_advice() -> None:
    async with (
        FakeOllama("m:1b") as fake,
        running(LocalModels(settings(fake.base_url), Collector().publish, poll_s=POLL_S)) as local,
    ):
        assert (local.server.why_absent, local.server.how_to_start) == ("", ())


async def test_a_server_that_asks_for_a_key_is_told_as_such() -> None:
    async with (
        json_server({"/v1/models": 401}) as root,
        running(LocalModels(settings(f"{root}/v1"), Collector().publish, poll_s=POLL_S)) as local,
    ):
        assert "asks for a key: set LOCAL_LLM_API_KEY" in local.server.why_absent


async def test_nothing_is_said_to_be_looked_for_that_is_not() -> None:
    for more, why in (
        ({"builtin_model": "on", "local_llm_enabled": True}, "BUILTIN_MODEL is on: no local server is looked for."),
        ({"local_llm_enabled": False}, "LOCAL_LLM_ENABLED is off."),
    ):
        local = LocalModels(settings(NOTHING, **more), Collector().publish, standin=FakeStandIn(), poll_s=POLL_S)
        await local.start()
        try:
            await local.looked()
            assert (local.server.why_absent, local.server.looks_every_s) == (why, 0.0)
            assert local.server.how_to_start
        finally:
            await local.close()

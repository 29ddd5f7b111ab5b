"""Simulated Anthropic and Groq on loopback: the real protocols at a realistic pace, every answer labelled."""

from __future__ import annotations

import random
import secrets
from typing import Self

from aiohttp import web

from gateway_core.demo.protocol import Pace
from gateway_core.demo.simulated_anthropic import SimulatedAnthropic
from gateway_core.demo.simulated_groq import SimulatedGroq

MAX_BODY_BYTES = 64 * 1024 * 1024


class SimulatedUpstreams:
    """Both upstreams for the length of a block, each with a key that was made up for it."""

    def __init__(self, *, seed: int | None = None, speed: float = 1.0) -> None:
        self.anthropic_key = f"sk-ant-simulated-{secrets.token_hex(8)}"
        self.groq_key = f"gsk_simulated_{secrets.token_hex(8)}"
        self.anthropic_url = ""
        self.groq_url = ""
        self._pace = Pace(random.Random(seed), speed)
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.add_subapp("/anthropic", SimulatedAnthropic(self.anthropic_key, self._pace).app())
        app.add_subapp("/groq", SimulatedGroq(self.groq_key, self._pace).app())
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._runner = runner
        host, port = runner.addresses[0][:2]
        self.anthropic_url = f"http://{host}:{port}/anthropic"
        self.groq_url = f"http://{host}:{port}/groq/openai/v1"
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._runner:
            await self._runner.cleanup()

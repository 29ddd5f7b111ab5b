"""What the tour's gateway has around it: a fake Ollama, Groq and Anthropic in a thread of their own, and a client."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from gateway_core.routing.lineup import DEFAULT_CHEAP_MODELS
from tests.e2e.in_terminal import a_free_port, own_env
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.ollama import FakeOllama
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Reply

SECRET = "e2e-secret"
MODEL, OTHER_MODEL = "smollm2:135m", "llama3.2:3b"
SLOW_PULL, WHOLE_PULL = "qwen3:8b", "tiny:1b"
LONG = "word " * 1_500
"""Longer than what a request's screen shows of a text."""


class World:
    """The fakes. They run in another loop: what is changed of them is changed by :meth:`do`."""

    def __init__(self) -> None:
        self.ollama = FakeOllama(MODEL, OTHER_MODEL, default=Reply(text=f"A local answer. {LONG}"))
        self.groq = FakeOpenAI(kind="groq", key="gsk-fake", models=(DEFAULT_CHEAP_MODELS["groq"],))
        self.claude = FakeAnthropic(default=Reply(text="A premium answer.\n\n```python\nprint('hello')\n```"))
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fakes", daemon=True)

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._enter(), self._loop).result(20)

    async def _enter(self) -> None:
        for fake in (self.ollama, self.groq, self.claude):
            await self._stack.enter_async_context(fake)
        self.ollama.pull_as(SLOW_PULL, "pull_slow_resumed", between_s=0.3, hold_after=8)
        self.ollama.pull_as(WHOLE_PULL, "pull_ok")

    def do(self, change: Callable[[], object]) -> None:
        """Changes the fakes, in their loop."""

        async def changed() -> None:
            change()

        asyncio.run_coroutine_threadsafe(changed(), self._loop).result(10)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stack.aclose(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def env(self, folder: Path, **more: str) -> dict[str, str]:
        """Of a gateway on a free port that has all three tiers, and of the screens attached to it."""
        own = {
            "LOCAL_LLM_ENABLED": "true",
            "LOCAL_LLM_URL": self.ollama.base_url,
            "LOCAL_LLM_MODEL": MODEL,
            "LOCAL_REGISTRY": "off",
            "BUILTIN_MODEL": "off",
            "CHEAP_PROVIDER": "groq",
            "GROQ_API_KEY": self.groq.key or "",
            "GROQ_BASE_URL": self.groq.base_url,
            "ANTHROPIC_API_KEY": self.claude.key,
            "ANTHROPIC_BASE_URL": self.claude.base_url,
        }
        return own_env(folder, a_free_port(), **own, **more)


@contextmanager
def world() -> Iterator[World]:
    """The fakes for the length of a block."""
    made = World()
    made.start()
    try:
        yield made
    finally:
        made.close()


def address(env: Mapping[str, str]) -> str:
    return f"http://127.0.0.1:{env['LLMGW_PORT']}"


def ask(env: Mapping[str, str], question: str, model: str = "gateway-local") -> tuple[int, str]:
    """One request to the gateway: its HTTP status, 0 where the connection broke, and its answer."""
    body = {"model": model, "messages": [{"role": "user", "content": question}]}
    return _post(env, "/v1/chat/completions", body)


def command(env: Mapping[str, str], name: str, **arguments: object) -> str:
    """What a command of the control surface answers."""
    return _post(env, f"/api/commands/{name}", arguments)[1]


def _post(env: Mapping[str, str], path: str, body: Mapping[str, object]) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{address(env)}{path}", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""

"""The built-in model: SmolLM2-135M in a process of its own, so that there is an answer without Ollama and without keys.

Measured with one thread of an EPYC: 110 tokens/s of prompt at 2,000 tokens, 66 at 8,000, 52 at 12,560 (attention grows
with the prompt: OpenClaw's first turn takes four minutes); output 67 tokens/s after a short prompt, 3.5 after that one.
The next turn of the session starts after 1-4 s, because its prompt is kept. 720 MB, and up to 1 GB of kept prompts.
It speaks English in whole sentences; what it says is often wrong.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import aiohttp

from gateway_core.clock import Clock, SystemClock
from gateway_core.providers import builtin_server, builtin_weights
from gateway_core.providers.builtin_weights import BuiltinError

MODEL_NAME = "builtin/smollm2-135m"
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 3.0
LOOK_S = 20.0
"""How often it is asked whether it lives, and how long it may take to say so: it does from a thread of its own, while
the model thinks too."""
MOST_MISSED = 3
"""Looks in a row that are not answered before it is killed: a request would wait for it for a quarter of an hour."""
MAX_RESTARTS = 3
RESTART_WINDOW_S = 600.0
_STDERR_LINES = 5
_LINE_CHARS = 200
_PASSED_ON = ("PATH", "HOME", "TMPDIR", "TEMP", "TMP", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT")
"""The child sees no other variable: keys of paid providers are none of its business."""
_UNPRINTABLE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[^\x20-\x7e]")

__all__ = ["MODEL_NAME", "BuiltinError", "BuiltinModel"]


class BuiltinModel:
    """The built-in model's process: started when wanted, restarted when it dies, gone when the gateway is.

    ``on_change`` is called, in the event loop, when the endpoint comes, moves or goes.
    """

    name = MODEL_NAME

    def __init__(
        self,
        folder: Path,
        context_tokens: int,
        *,
        on_change: Callable[[], None] = lambda: None,
        clock: Clock | None = None,
        server_command: tuple[str, ...] | None = None,
        restart_pause_s: float = 1.0,
        look_s: float = LOOK_S,
    ) -> None:
        """``folder`` is where fetched and prepared weights live. ``server_command`` is for tests."""
        self.context_tokens = context_tokens
        self.on_change = on_change
        self._folder = folder
        self._clock = clock or SystemClock()
        self._server_command = server_command
        self._restart_pause_s = restart_pause_s
        self._look_s = look_s
        self._lock = asyncio.Lock()
        self._child: _Child | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._failure: str | None = None
        self._deaths: deque[float] = deque(maxlen=MAX_RESTARTS + 1)

    @property
    def endpoint(self) -> tuple[str, str] | None:
        """Base URL (with ``/v1``) and key while the model serves, else None."""
        return (self._child.base_url, self._child.key) if self._child else None

    @property
    def failure(self) -> str | None:
        """Why the last start failed or why no more restarts are tried."""
        return self._failure

    def available(self) -> str | None:
        """What is missing, and the command that installs it; None when the model can start."""
        return None if self._server_command else builtin_weights.missing(self._folder)

    async def fetch(self) -> None:
        """Installs the weights where they are missing. Raises :class:`BuiltinError`."""
        await builtin_weights.fetch(self._folder)

    async def start(self) -> str:
        """Starts the model unless it runs; returns its base URL once it is healthy. Raises :class:`BuiltinError`."""
        async with self._lock:
            if self._child is None:
                await self._end_supervisor()
                if self._dies_often():
                    raise BuiltinError(self._failure or "The built-in model dies again and again.")
                try:
                    await self._spawn()
                except BuiltinError as error:
                    self._failure = str(error)
                    raise
                self._supervisor = asyncio.create_task(self._supervise(), name="built-in model")
            assert self._child is not None
            return self._child.base_url

    async def stop(self) -> None:
        """Ends the model's process; a later :meth:`start` starts a new one."""
        async with self._lock:
            await self._end_supervisor()
            child, self._child = self._child, None
            if child:
                await child.stop()
                self.on_change()

    async def _end_supervisor(self) -> None:
        supervisor, self._supervisor = self._supervisor, None
        if supervisor:
            supervisor.cancel()
            with suppress(asyncio.CancelledError):
                await supervisor

    async def _spawn(self) -> None:
        if reason := self.available():
            raise BuiltinError(reason)
        command = self._server_command
        if command is None:
            command = await asyncio.to_thread(self._command)
        self._child = await _Child.start(command, self._look_s)
        self._failure = None
        self.on_change()

    def _command(self) -> tuple[str, ...]:
        found = builtin_weights.find(self._folder)
        assert found is not None
        weights = builtin_weights.for_context(found, self.context_tokens, self._folder)
        options = {
            "--weights": weights,
            "--name": MODEL_NAME,
            "--context": self.context_tokens,
            "--trained-context": builtin_weights.TRAINED_CONTEXT_TOKENS,
        }
        script = Path(builtin_server.__file__)
        return (sys.executable, "-P", str(script), *(str(part) for option in options.items() for part in option))

    def _dies_often(self) -> bool:
        """Whether it died so often of late that another start would be one too many, whoever asks for it."""
        often = len(self._deaths) > MAX_RESTARTS
        return often and self._clock.monotonic() - self._deaths[0] < RESTART_WINDOW_S

    async def _supervise(self) -> None:
        """Starts the model again when its process dies, a few times at most."""
        while self._child:
            last_words = await self._child.died()
            self._child = None
            self.on_change()
            self._deaths.append(self._clock.monotonic())
            if self._dies_often():
                self._failure = (
                    f"The built-in model died {MAX_RESTARTS + 1} times and is not started again. {last_words}"
                )
                self.on_change()
                return
            await asyncio.sleep(self._restart_pause_s * 2 ** (min(len(self._deaths), MAX_RESTARTS) - 1))
            async with self._lock:
                try:
                    await self._spawn()
                except BuiltinError as error:
                    self._failure = str(error)
                    self.on_change()


class _Child:
    """One process of the model, up and healthy."""

    def __init__(self, process: asyncio.subprocess.Process, key: str) -> None:
        self.key = key
        self.base_url = ""
        self._process = process
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)
        self._reader = asyncio.create_task(self._read_stderr())
        self._watch: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, command: tuple[str, ...], look_s: float) -> _Child:
        """Starts ``command``, hands it a fresh key and waits until it is healthy. It is killed when it hangs later.
        Raises :class:`BuiltinError`."""
        pipe = asyncio.subprocess.PIPE
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
            )
        except OSError as error:
            raise BuiltinError(f"The built-in model cannot be started: {error.strerror}.") from None
        child = cls(process, secrets.token_urlsafe(24))
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await child._come_up()
        except TimeoutError:
            await child.stop()
            raise BuiltinError(
                f"The built-in model was not ready after {START_TIMEOUT_S:.0f} s. {child.last_words}"
            ) from None
        except BaseException:
            await child.stop()
            raise
        child._watch = asyncio.create_task(child._kill_when_stuck(look_s), name="built-in model's health")
        return child

    @property
    def last_words(self) -> str:
        """The end of its standard error on one line, nothing in it but printable ASCII."""
        return " | ".join(self._stderr)

    async def died(self) -> str:
        """Waits for its end and returns its last words."""
        await self._process.wait()
        await self._reader
        if self._watch:
            self._watch.cancel()
        return self.last_words

    async def stop(self) -> None:
        """Asks it to end by closing its standard input, and kills it if it does not."""
        assert self._process.stdin
        if self._watch:
            self._watch.cancel()
        self._process.stdin.close()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        await self._reader

    async def _come_up(self) -> None:
        assert self._process.stdin and self._process.stdout
        with suppress(ConnectionError):
            self._process.stdin.write(f"{self.key}\n".encode())
            await self._process.stdin.drain()
        address = (await self._process.stdout.readline()).decode("ascii", "replace").strip()
        if not address.startswith("http://127.0.0.1:"):
            await self.stop()
            raise BuiltinError(f"The built-in model did not start. {self.last_words}")
        async with aiohttp.ClientSession() as session:
            while not await self._healthy(session, address):  # noqa: ASYNC110 (another process has no event to await)
                await asyncio.sleep(0.1)
        self.base_url = f"{address}/v1"

    async def _healthy(self, session: aiohttp.ClientSession, address: str) -> bool:
        try:
            async with session.get(f"{address}/health", allow_redirects=False) as response:
                return response.status == 200
        except aiohttp.ClientError:
            if self._process.returncode is not None:
                raise BuiltinError(f"The built-in model died while it started. {self.last_words}") from None
            return False

    async def _kill_when_stuck(self, look_s: float) -> None:
        missed = 0
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=look_s)) as session:
            while missed < MOST_MISSED:
                await asyncio.sleep(look_s)
                try:
                    async with session.get(self.base_url.removesuffix("v1") + "health", allow_redirects=False):
                        missed = 0
                except (aiohttp.ClientError, TimeoutError):
                    missed += 1
        self._stderr.append("it did not answer any more, and was ended")
        with suppress(ProcessLookupError):
            self._process.kill()

    async def _read_stderr(self) -> None:
        assert self._process.stderr
        while chunk := await self._process.stderr.read(65536):
            for line in chunk.decode("utf-8", "replace").splitlines():
                if cleaned := _UNPRINTABLE.sub("", line).strip():
                    self._stderr.append(cleaned[:_LINE_CHARS])

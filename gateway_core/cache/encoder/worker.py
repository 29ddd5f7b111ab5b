"""Starts, talks to and restarts the encoder's child process. Nothing here waits longer than it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway_core.cache.encoder import frames
from gateway_core.cache.encoder.choice import Choice
from gateway_core.frozen import frozen

START_S = 300.0
STUCK_S = 20.0
STOP_S = 5.0
GONE_S = 0.5
BACKOFF_S = (1.0, 5.0, 30.0, 120.0, 600.0)
"""Pauses before a child that died is started again; there is one restart for each."""
LONG_LIFE_S = 600.0
"""A child that lived this long did not die of its start: the pauses begin anew."""
DIED = "its process ended"
RENEW_S = 10.0
"""How long a child that is to be replaced may take to finish."""
WHAT = "The semantic cache and the built-in embeddings"
WAITING_MESSAGES = 256
UNSENT_BYTES = 2 * 1024 * 1024
_KEPT_ENVIRONMENT = frozenset(
    ("PATH", "HOME", "USER", "LANG", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "VIRTUAL_ENV")
    + ("PYTHONPATH", "PYTHONHOME", "PYTHONUTF8", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
)
_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_NUM_THREADS": "1",
    "LANCE_CPU_THREADS": "2",
    "PYTHONDONTWRITEBYTECODE": os.environ.get("PYTHONDONTWRITEBYTECODE", ""),
}
_START = "import sys; sys.path.append(sys.argv.pop(1)); from gateway_core.cache.encoder.child import main; main()"

Message = dict[str, Any]
BUILTIN = Choice()


@frozen
class EncoderFacts:
    """Which encoder a child has. ``kind`` is ``onnx``, ``torch`` or ``ollama``; vectors of another ``fingerprint``
    cannot be compared with its own."""

    name: str
    kind: str
    fingerprint: str
    dimensions: int


@frozen
class _Ending:
    """How a child ended: ``why`` it could not start, whether that may pass, and whether it asked for a new one."""

    why: str = ""
    is_passing: bool = False
    is_renewal: bool = False


def child_command(folder: Path | None, choice: Choice = BUILTIN) -> list[str]:
    """How the child is started; without the folder of a table it only embeds.

    ``-P`` keeps the working directory out of its imports.
    """
    root = Path(__file__).parents[3]
    return [sys.executable, "-P", "-c", _START, str(root), str(folder or "-"), choice.pack()]


def child_environment() -> dict[str, str]:
    """What the child sees of the environment: no keys, and no way to the network for the hub's libraries."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT_ENVIRONMENT or name.startswith("LC_")}
    return kept | _OFFLINE


INHERITED = -1
"""The umask of this process."""


class Worker:
    """One child process, started when first needed, restarted when it dies, and given up when it keeps dying.

    ``state`` is ``idle``, ``starting``, ``ready``, ``failed`` or ``stopped``; ``detail`` says why it failed.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        on_note: Callable[[str], None] = lambda text: None,
        environment: Mapping[str, str] | None = None,
        umask: int = INHERITED,
        what: str = WHAT,
        backoff_s: Sequence[float] = BACKOFF_S,
        stuck_s: float = STUCK_S,
    ) -> None:
        self.command = tuple(command)
        self._on_note = on_note
        self._environment = dict(environment or {})
        self._umask = umask
        self._what = what
        self._backoff_s = backoff_s
        self._stuck_s = stuck_s
        self._process: Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._replies: dict[int, asyncio.Future[Message]] = {}
        self._unsent: deque[Message] = deque(maxlen=WAITING_MESSAGES)
        self.on_ready: Callable[[], None] = lambda: None
        """Called each time a child has become ready."""
        self._last_id = 0
        self._heard_at = 0.0
        self._changed = asyncio.Event()
        self.state = "idle"
        self.detail = ""
        self.restarts = 0
        self.entries = 0
        self.encoder: EncoderFacts | None = None

    @property
    def fingerprint(self) -> str:
        """Of the encoder, empty while none is ready."""
        return self.encoder.fingerprint if self.encoder and self.state == "ready" else ""

    @property
    def given_up(self) -> str:
        """What a person should know of a child that has died too often; empty where none has."""
        died = self.state == "failed" and self.detail == DIED
        return f"{self._what} are off until the next start: {self.detail} again and again." if died else ""

    def start(self) -> None:
        """Starts the child in the background, once."""
        if self.state == "idle":
            self.state = "starting"
            self._keeper = asyncio.create_task(self._keep(), name="encoder")

    async def ready(self) -> bool:
        """Waits until the child is ready or given up; for tests and tools."""
        while self.state in ("idle", "starting"):
            self._changed.clear()
            await self._changed.wait()
        return self.state == "ready"

    async def ask(self, message: Message, timeout_s: float) -> Message | None:
        """The child's reply; None when it is not ready, too busy or too slow.

        The child sees the number of the question as ``id``, and an ``id`` of the message as ``entry_id``.
        """
        if self.state != "ready" or self._is_congested():
            return None
        self._last_id += 1
        number = self._last_id
        reply = self._replies[number] = asyncio.get_running_loop().create_future()
        own = {"entry_id": message["id"]} if "id" in message else {}
        if not self._write({**message, **own, "id": number}):
            del self._replies[number]
            return None
        self._watch(number, reply, self._stuck_s)
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(reply) or None
        except TimeoutError:
            return None

    def tell(self, message: Message) -> bool:
        """Sends a message that needs no reply, now or once the child is ready. The child keeps their order."""
        if self.state == "ready":
            return not self._is_congested() and self._write(message)
        if self.state in ("idle", "starting"):
            self._unsent.append(message)
            return True
        return False

    async def stop(self) -> None:
        """Lets the child write what it has and end; ends it otherwise."""
        self._set("stopped")
        process = self._process
        if process is not None and process.returncode is None:
            if process.stdin is not None:
                process.stdin.close()
            await _end(process, STOP_S)
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        self._drop_replies()

    def _set(self, state: str, detail: str = "") -> None:
        self.state, self.detail = state, detail
        self._changed.set()

    def _is_congested(self) -> bool:
        stdin = self._process.stdin if self._process else None
        return stdin is None or stdin.transport.get_write_buffer_size() > UNSENT_BYTES

    def _write(self, message: Message) -> bool:
        try:
            frame = frames.pack(message)
        except TypeError:  # text that is not Unicode
            return False
        if self._process is None or self._process.stdin is None:
            return False
        self._process.stdin.write(frame)
        return True

    def _watch(self, number: int, reply: asyncio.Future[Message], pause_s: float) -> None:
        """Ends a child that says nothing for too long while somebody waits."""
        loop = asyncio.get_running_loop()

        def look() -> None:
            left = self._heard_at + self._stuck_s - loop.time()
            if left > 0:
                self._watch(number, reply, left)
            elif self._process is not None:
                _kill(self._process)

        watch = loop.call_later(pause_s, look)
        reply.add_done_callback(lambda _: watch.cancel())

    async def _keep(self) -> None:
        """Runs the child, again after each death, until it says that it cannot start or has died too often.

        What may pass, such as a server that is not running yet, is tried for ever.
        """
        attempt = 0
        while True:
            began = asyncio.get_running_loop().time()
            end = await self._run_once()
            self._drop_replies()
            if self.state == "stopped":
                return
            if end.is_renewal:
                continue
            attempt = 0 if asyncio.get_running_loop().time() - began > LONG_LIFE_S else attempt
            if not self._backoff_s or not end.is_passing and (end.why or attempt >= len(self._backoff_s)):
                break
            self._set("starting", end.why or DIED)
            self.restarts += 1
            if end.is_passing and attempt == 0:
                self._on_note(f"{self._what} are off for now: {end.why}")
            await asyncio.sleep(self._backoff_s[min(attempt, len(self._backoff_s) - 1)])
            attempt += 1
        self._set("failed", end.why or DIED)
        self._unsent.clear()
        self._on_note(f"{self._what} are off until the next start: {self.detail}")

    async def _run_once(self) -> _Ending:
        """One child from start to end; the result says why it cannot start, if it said so."""
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                env=child_environment() | self._environment,
                process_group=0,  # not a session: Linux weighs niceness within one only (sched(7), autogrouping)
                umask=self._umask,
            )
        except OSError as error:
            return _Ending(f"its process cannot be started: {error.strerror}")
        loop = asyncio.get_running_loop()
        ending = loop.call_later(START_S, _kill, process)
        end = _Ending()
        try:
            while (message := await _next_message(process)) is not None:
                if message.get("ready"):
                    ending.cancel()
                    self._begin(message)
                elif message.get("renew") and self.state == "ready":
                    end = _Ending(is_renewal=True)
                    self._let_go(process)
                    ending = loop.call_later(RENEW_S, _kill, process)
                elif "failed" in message:
                    end = _Ending(str(message["failed"]), bool(message.get("again")))
                else:
                    self._deliver(message)
        except asyncio.CancelledError:
            _kill(process)
            raise
        finally:
            ending.cancel()
        await _end(process, GONE_S)
        return end

    def _let_go(self, process: Process) -> None:
        """No more is sent to a child that wants to be replaced; it finishes what it has and ends."""
        self._set("starting")
        if process.stdin is not None:
            process.stdin.close()

    def _begin(self, message: Message) -> None:
        self.entries = int(message.get("entries", 0))
        if isinstance(facts := message.get("encoder"), dict):
            self.encoder = EncoderFacts(**facts)
        if self.state == "stopped":
            return
        self._set("ready")
        while self._unsent:
            self._write(self._unsent.popleft())
        self.on_ready()
        if note := message.get("note"):
            self._on_note(str(note))

    def _deliver(self, message: Message) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        if isinstance(entries := message.get("entries"), int):
            self.entries = entries
        if note := message.get("note"):
            self._on_note(str(note))
        reply = self._replies.pop(message["id"], None) if isinstance(message.get("id"), int) else None
        if reply is not None and not reply.done():
            reply.set_result(message)

    def _drop_replies(self) -> None:
        for reply in self._replies.values():
            if not reply.done():
                reply.set_result({})
        self._replies.clear()


async def _next_message(process: Process) -> Message | None:
    """The next frame of the child; None when it has ended or talks nonsense."""
    assert process.stdout is not None
    try:
        size = frames.length(await process.stdout.readexactly(frames.HEAD_BYTES))
        return frames.unpack(await process.stdout.readexactly(size))
    except (asyncio.IncompleteReadError, ConnectionError, ValueError):
        return None


async def _end(process: Process, patience_s: float) -> None:
    """Waits for the process, then kills it. Killing one that has just ended would take its status from asyncio."""
    try:
        async with asyncio.timeout(patience_s):
            await process.wait()
    except TimeoutError:
        _kill(process)
        await process.wait()


def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()

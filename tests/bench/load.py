"""Asks a server as fast as it answers, or at a steady rate, and tells how long that took.

``python -m tests.bench.load`` reads a :class:`Load` in JSON from standard input and prints a :class:`Report`. Times are
of the clock that the stand-in for the provider stamps its tokens with.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass, field

from tests.bench.figures import quantiles
from tests.bench.http_bytes import Message

NUMBER = "#NUMBER----#"
"""Stands for a number of twelve digits in a body, another one in each request."""
STAMPED = re.compile(rb"@T(\d{20})@")
LAST_ANSWERS_S = 30.0
MOST_FAILURES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """Over how many connections something is asked, for how many seconds after a warm-up.

    At ``rate`` requests a second, or for 0, each connection's next as soon as it has its answer. Where it ``repeats``,
    the request is the same each time.
    """

    connections: int = 1
    seconds: float = 2.0
    warm_up_s: float = 0.4
    rate: float = 0.0
    stream: bool = False
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Load(Manner):
    """What is asked of a port on this machine. The numbers in the bodies begin at ``first``."""

    port: int
    path: str
    headers: dict[str, str]
    body: str
    first: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What was counted after the warm-up, in milliseconds by quantile, and all requests and tokens with it.

    ``unsent`` are requests that were due at a steady rate when all connections still waited for an answer, at the end;
    ``cpu_s`` is what this process took of its core from its first request on.
    """

    answered: int
    failed: int
    first_failure: str
    elapsed_s: float
    latency_ms: dict[str, float]
    first_token_ms: dict[str, float]
    token_delay_ms: dict[str, float]
    tokens: int
    all_answered: int
    all_tokens: int
    unsent: int
    cpu_s: float

    @property
    def per_s(self) -> float:
        return self.answered / self.elapsed_s if self.elapsed_s else 0.0


@dataclass
class Counted:
    """Nanoseconds of each answer, and what failed."""

    latency: list[int] = field(default_factory=list)
    first_token: list[int] = field(default_factory=list)
    token_delay: list[int] = field(default_factory=list)
    failed: int = 0


class Client(asyncio.Protocol):
    """One connection: asks, reads, and tells its crew."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._message: Message | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._crew.free(self)

    def ask(self, request: bytes, due_ns: int) -> None:
        """Sends a request that was due at a moment."""
        self._message = Message()
        self._due_ns, self._first_ns, self._tokens, self._cut = due_ns, 0, 0, b""
        self._said = b""
        self._transport.write(request)

    def leave(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        now_ns = time.monotonic_ns()
        message = self._message
        if message is None:
            return
        body = message.feed(data)
        if self._crew.load.stream:
            self._read_tokens(body, now_ns)
        self._said = body or self._said
        if message.whole:
            self._message = None
            self._ended(message, now_ns)

    def _read_tokens(self, body: bytes, now_ns: int) -> None:
        text = self._cut + body
        end = 0
        for found in STAMPED.finditer(text):
            self._first_ns = self._first_ns or now_ns
            self._tokens += 1
            end = found.end()
            if self._crew.counting:
                self._crew.counted.token_delay.append(now_ns - int(found[1]))
        self._cut = text[max(end, len(text) - 22) :]  # a token that two reads share

    def _ended(self, message: Message, now_ns: int) -> None:
        crew = self._crew
        if message.status != 200 or (crew.load.stream and not self._tokens):
            crew.fail(f"{message.status} {self._said[:300].decode('utf-8', 'replace')}")
        else:
            crew.take(now_ns - self._due_ns, self._first_ns - self._due_ns, self._tokens)
        if message.closes:
            self._transport.close()
        else:
            crew.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if (message := self._message) is not None:
            self._message = None
            if message.head and message.closes:
                self._ended(message, time.monotonic_ns())
            else:
                self._crew.fail("the connection was lost in the middle of an answer")
        self._crew.lost(self)


class Crew:
    """All connections of one load, what they share, and what they have counted."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.counting = False
        self.counted = Counted()
        self.all_answered = self.all_tokens = 0
        self.first_failure = ""
        self._free: deque[Client] = deque()
        self._due: deque[int] = deque()
        self._open = 0
        self._over = False
        self._number = load.first
        self._done = asyncio.Event()
        begin, mark, end = load.body.partition(NUMBER)
        length = len(load.body.encode())
        given = {"Host": f"127.0.0.1:{load.port}", "Content-Type": "application/json", "Accept": "*/*", **load.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        head = f"POST {load.path} HTTP/1.1\r\n{lines}Content-Length: {length}\r\n\r\n"
        self._begin, self._end, self._numbered = (head + begin).encode(), end.encode(), bool(mark)

    def request(self) -> bytes:
        """The bytes of the next request."""
        number = self._number
        if not self.load.repeats:
            self._number += 1
        return b"%b%012d%b" % (self._begin, number, self._end) if self._numbered else self._begin

    async def run(self) -> Report:
        """Asks for as long as the load says, and waits for the last answers."""
        load, loop = self.load, asyncio.get_running_loop()
        began_cpu_s = time.process_time()
        for _ in range(load.connections):
            await self._connect()
        if load.rate:
            self._tick(loop.time(), 0)
        await asyncio.sleep(load.warm_up_s)
        self.counting, began = True, time.monotonic()
        await asyncio.sleep(load.seconds)
        self._over = True
        unsent = len(self._due)
        self._due.clear()
        if len(self._free) < self._open:
            async with asyncio.timeout(LAST_ANSWERS_S):
                await self._done.wait()
        elapsed_s, counted = time.monotonic() - began, self.counted
        for client in self._free:
            client.leave()
        return Report(
            answered=len(counted.latency),
            failed=counted.failed,
            first_failure=self.first_failure,
            elapsed_s=elapsed_s,
            latency_ms=_in_ms(counted.latency),
            first_token_ms=_in_ms(counted.first_token),
            token_delay_ms=_in_ms(counted.token_delay),
            tokens=len(counted.token_delay),
            all_answered=self.all_answered,
            all_tokens=self.all_tokens,
            unsent=unsent,
            cpu_s=time.process_time() - began_cpu_s,
        )

    async def _connect(self) -> None:
        self._open += 1
        await asyncio.get_running_loop().create_connection(lambda: Client(self), "127.0.0.1", self.load.port)

    def _tick(self, began: float, number: int) -> None:
        """Sends what is due, whether the last was answered or not."""
        if self._over:
            return
        now_ns = time.monotonic_ns()
        if self._free:
            self._free.popleft().ask(self.request(), now_ns)
        else:
            self._due.append(now_ns)
        loop = asyncio.get_running_loop()
        loop.call_at(began + (number + 1) / self.load.rate, self._tick, began, number + 1)

    def free(self, client: Client) -> None:
        """The connection has nothing to do."""
        if self._due:
            client.ask(self.request(), self._due.popleft())
        elif self._over or self.load.rate:
            self._free.append(client)
            if self._over and len(self._free) >= self._open:
                self._done.set()
        else:
            client.ask(self.request(), time.monotonic_ns())

    def lost(self, client: Client) -> None:
        """The connection has ended; another takes its place."""
        self._open -= 1
        if client in self._free:
            self._free.remove(client)
        if self._over:
            if len(self._free) >= self._open:
                self._done.set()
        elif self.counted.failed < MOST_FAILURES:
            task = asyncio.ensure_future(self._connect())
            task.add_done_callback(self._connected)

    def _connected(self, task: asyncio.Future[None]) -> None:
        if task.exception() is not None:
            self._open -= 1
            self.fail(f"no connection: {task.exception()}")

    def take(self, latency_ns: int, first_token_ns: int, tokens: int) -> None:
        self.all_answered += 1
        self.all_tokens += tokens
        if self.counting:
            self.counted.latency.append(latency_ns)
            if tokens:
                self.counted.first_token.append(first_token_ns)

    def fail(self, why: str) -> None:
        self.first_failure = self.first_failure or why
        self.counted.failed += 1


def _in_ms(values_ns: list[int]) -> dict[str, float]:
    return {name: value / 1e6 for name, value in quantiles(values_ns).items()}


async def _run() -> None:
    load = Load(**json.loads(sys.stdin.read()))
    print(json.dumps(asdict(await Crew(load).run())))


if __name__ == "__main__":
    asyncio.run(_run())

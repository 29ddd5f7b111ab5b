"""A developer's day against a gateway, over HTTP: turns with tools, repeats, heartbeats, recaps, bursts."""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import aiohttp

from gateway_core.demo.openclaw import CLIENT_HEADERS, Session, recap_body
from gateway_core.demo.script import EDITOR_SYSTEM, HARD_TURNS, QUESTIONS, RECAP_SYSTEM, TURNS, Turn
from gateway_core.model import JsonObject

PAUSE_S = (1.0, 3.0)
MAX_IN_FLIGHT = 6
LONGEST_SESSION_TURNS = 6
ANSWER_TIMEOUT_S = 120.0
SHARES = (36, 26, 24, 8, 6)
"""Of a hundred: turns, small questions, repeats, recaps, heartbeats."""
HARD_SHARE = 0.4
"""Of the turns; they are what moves the budget."""
BURST_SHARE, BURST = 0.05, (3, 5)
REMEMBERED = 12
"""Repeats are of what was asked lately."""

T = TypeVar("T")


@dataclass(slots=True)
class Tally:
    """What was sent and what came of it: ``sent`` by kind of request, ``statuses`` by HTTP status (0: no answer)."""

    sent: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)


async def play(
    address: str,
    key: str,
    *,
    seed: int | None = None,
    pause_s: tuple[float, float] = PAUSE_S,
    steps: int | None = None,
) -> Tally:
    """Sends requests to the gateway at ``address`` until it is cancelled, or for a number of ``steps``.

    Refusals and a gateway that is away are part of the show: it goes on. Everything in flight ends with it.
    """
    async with (
        aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {key}"},
            timeout=aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S),
            connector=aiohttp.TCPConnector(limit=MAX_IN_FLIGHT + BURST[1]),
        ) as http,
        asyncio.TaskGroup() as group,
    ):
        day = _Day(http, address.rstrip("/"), random.Random(seed))
        running: set[asyncio.Task[None]] = set()
        step = 0
        while steps is None or step < steps:
            step += 1
            if len(running) < MAX_IN_FLIGHT:
                for work in day.next():
                    task = group.create_task(work)
                    running.add(task)
                    task.add_done_callback(running.discard)
            await asyncio.sleep(day.random.uniform(*pause_s))
    return day.tally


class _Day:
    """Chooses what happens next, and does it."""

    def __init__(self, http: aiohttp.ClientSession, address: str, random_source: random.Random) -> None:
        self.random = random_source
        self.tally = Tally()
        self._http = http
        self._url = f"{address}/v1/chat/completions"
        self._session: Session | None = None
        self._asked: list[Turn] = []

    def next(self) -> list[Coroutine[None, None, None]]:
        """What happens now: one request as a rule, now and then a burst of small ones."""
        kinds = (self._turn, self._question, self._repeat, self._recap, self._heartbeat)
        if self.random.random() < BURST_SHARE:
            return [self._question() for _ in range(self.random.randint(*BURST))]
        return [self.random.choices(kinds, SHARES)[0]()]

    async def _turn(self) -> None:
        """The next turn of the session, or the first of a new one; a tool is called where the model asks for it."""
        session, self._session = self._session, None
        if session is None or session.turns >= LONGEST_SESSION_TURNS:
            session = self._new_session()
        turn = self._pick(HARD_TURNS if self.random.random() < HARD_SHARE else TURNS)
        if session.turns == 0 and turn.tool is None:
            self._asked.append(turn)
        answer = await self._send("turn", session.ask(turn.question), session.headers)
        while answer:
            session.answered(answer)
            calls = answer.get("tool_calls")
            if not calls:
                self._session = session
                return
            body = session.tool_result(calls[0]["id"], turn.tool_result or "(nothing)")
            answer = await self._send("tool result", body, session.headers)

    async def _question(self) -> None:
        turn = self._pick(QUESTIONS)
        self._asked.append(turn)
        await self._send("question", _editor_body(turn.question), CLIENT_HEADERS)

    async def _repeat(self) -> None:
        """Something asked before, by another session, word for word or in other words."""
        if not self._asked:
            return await self._question()
        turn = self._pick(self._asked[-REMEMBERED:])
        text = self._pick([turn.question, turn.question, *turn.rewordings])
        if turn in QUESTIONS:
            await self._send("repeat", _editor_body(text), CLIENT_HEADERS)
        else:
            session = self._new_session()
            await self._send("repeat", session.ask(text), session.headers)

    async def _recap(self) -> None:
        turn = self._pick(TURNS)
        said = [f"user: {turn.question}", f"assistant: {turn.answer[:200]}"]
        await self._send("recap", recap_body(RECAP_SYSTEM, said), CLIENT_HEADERS)

    async def _heartbeat(self) -> None:
        session = self._new_session()
        await self._send("heartbeat", session.heartbeat(), session.headers)

    def _new_session(self) -> Session:
        return Session(str(uuid.UUID(int=self.random.getrandbits(128), version=4)), time.time)

    def _pick(self, choices: Sequence[T]) -> T:
        return self.random.choice(choices)

    async def _send(self, kind: str, body: JsonObject, headers: dict[str, str]) -> JsonObject | None:
        """Sends one request and reads its answer; the assistant's message, None where none came."""
        self.tally.sent[kind] += 1
        status = 0
        try:
            async with self._http.post(self._url, json=body, headers=headers, allow_redirects=False) as response:
                status = response.status
                return await _assistant_message(response) if status == 200 else None
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None
        finally:
            self.tally.statuses[status] += 1


def _editor_body(text: str) -> JsonObject:
    messages = [{"role": "system", "content": EDITOR_SYSTEM}, {"role": "user", "content": text}]
    return {"model": "gateway-auto", "messages": messages, "stream": True, "max_tokens": 96}


async def _assistant_message(response: aiohttp.ClientResponse) -> JsonObject | None:
    """The message of a stream, put together; None for a stream that did not end as it should."""
    text, calls, finished = "", list[JsonObject](), False
    async for line in response.content:
        if not line.startswith(b"data: {"):
            continue
        chunk = json.loads(line[6:])
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") or {}
            text += delta.get("content") or ""
            for part in delta.get("tool_calls") or ():
                _add_call(calls, part)
            finished = finished or choice.get("finish_reason") is not None
    if not finished:
        return None
    return {"role": "assistant", "content": text or None, **({"tool_calls": calls} if calls else {})}


def _add_call(calls: list[JsonObject], part: JsonObject) -> None:
    """A tool call comes in pieces: the first names it, the others add to its arguments."""
    function = part.get("function") or {}
    if part.get("id"):
        named = {"name": function.get("name"), "arguments": function.get("arguments") or ""}
        calls.append({"id": part["id"], "type": "function", "function": named})
    elif calls:
        calls[-1]["function"]["arguments"] += function.get("arguments") or ""

"""What both simulated upstreams do alike: read a body, count, cut into words, stream."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import AsyncIterator

from aiohttp import web

from gateway_core.model import JsonObject

CHARACTERS_PER_TOKEN = 4.2


class Pace:
    """How fast a simulated model is. ``speed`` 0 answers at once."""

    def __init__(self, random_source: random.Random, speed: float) -> None:
        self._random = random_source
        self._speed = speed

    async def think(self, typical_s: float) -> None:
        """The time to the first token."""
        await self._pause(typical_s * self._random.uniform(0.7, 1.6))

    async def write(self, tokens_per_s: float) -> None:
        """The time between two words."""
        await self._pause(self._random.uniform(0.5, 1.5) / tokens_per_s)

    async def _pause(self, seconds: float) -> None:
        if self._speed:
            await asyncio.sleep(seconds / self._speed)


async def body_of(request: web.Request) -> JsonObject | None:
    """The request's JSON object, None when it is none."""
    try:
        body = json.loads(await request.read())
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def count_tokens(value: object) -> int:
    """About as many tokens as a real tokenizer counts."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return max(1, round(len(text) / CHARACTERS_PER_TOKEN))


def pieces(text: str) -> list[str]:
    """A text as a model streams it: a word with the white space before it."""
    return re.findall(r"\s*\S+|\s+$", text)


def shortened(text: str, max_tokens: int) -> tuple[str, bool]:
    """The text within a limit, and whether something was cut off."""
    room = round(max_tokens * CHARACTERS_PER_TOKEN)
    return text[:room], len(text) > room


def text_of(content: object) -> str:
    """The text parts of a message's content."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(
        str(part.get("text", "")) for part in parts if isinstance(part, dict) and part.get("type") == "text"
    )


async def stream(request: web.Request, events: AsyncIterator[bytes]) -> web.StreamResponse:
    """Sends server-sent events as they come."""
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
    )
    await response.prepare(request)
    async for event in events:
        await response.write(event)
    await response.write_eof()
    return response

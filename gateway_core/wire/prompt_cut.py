"""Whether a server has read less of a prompt than it was sent: some cut a prompt that is too long, and say nothing.

Ollama's ``/v1`` drops the middle of a prompt longer than its context and answers 200 (0.32.15: 6,075 tokens on a
context of 4,096 count as 2,050). The one trace is the number of prompt tokens in its usage, held here against a number
that no tokenizer can go below.

The lower bound counts runs of letters and runs of digits: tokenizers split text there before they merge anything. Of
messages it takes the contents only; tools, calls and thoughts are left out, since templates may. Held against SmolLM2's
tokenizer (2026-11-28) it came to 0.52 to 0.69 of the true count for OpenClaw's requests, 0.33 to 0.6 for code, 0.13 for
Chinese and Japanese, 0 for Russian, and 1.00, never more, for text made of the commonest words; the estimate came to
0.81 to 1.05, 0.77 to 0.95, 0.54 and 0.70. Of the recordings each cut message (0.19 and 0.37 of the lower bound were
read) is found without knowing the context, each cut history (0.76) with it, and no other answer is taken for one.
"""

from __future__ import annotations

import re

from gateway_core.frozen import frozen
from gateway_core.model import JsonObject
from gateway_core.wire.json_values import as_objects
from gateway_core.wire.tokens import estimate_tokens

_RUNS = re.compile(r"[A-Za-z]+|[0-9]+")
_WIDE = r"[\u2e80-\U0003ffff]"
_WIDE_CHARACTERS_A_TOKEN = 4
"""Chinese, Japanese and Korean characters, of which no tokenizer takes so many a token on average."""
_LEAST_REPORTED = 256
"""Fewer are no cut prompt: no context is so short. Some servers count only what was not in their prompt cache."""
_NEAR_HALF = 8
"""Ollama cuts a single long message to half of the context and a few tokens (4,096 to 2,050, 2,048 to 1,026)."""


@frozen
class CutPrompt:
    """A prompt that was cut: the tokens that were read, and how many there are at least."""

    read_tokens: int
    least_tokens: int


def floor_tokens(body: JsonObject) -> int:
    """A number of prompt tokens that the true count does not fall below where the template shows every message."""
    return sum(_floor(text) for message in body.get("messages") or () for text in _texts(message.get("content")))


def cut_prompt(body: JsonObject, read_tokens: int, context_tokens: int | None) -> CutPrompt | None:
    """The cut, where the prompt must have been cut.

    ``read_tokens`` are the prompt tokens reported, cached ones included; ``context_tokens`` is the context in force,
    None where nobody knows it. It is one where less than half of the lower bound was read, a context that holds the
    whole estimate aside (then the server counts in a way of its own); or where the lower bound passes the context; or
    where half of the context was read and the estimate is well above it.
    """
    if read_tokens < _LEAST_REPORTED:
        return None
    likely = estimate_tokens(body)
    if read_tokens >= likely:
        return None
    least = floor_tokens(body)
    if context_tokens is None:
        cut = read_tokens * 2 < least
    elif abs(read_tokens - context_tokens // 2) <= _NEAR_HALF and likely > read_tokens * 1.5:
        cut, least = True, max(least, read_tokens + 1)
    else:
        cut = read_tokens <= context_tokens < least or (read_tokens * 2 < least and likely >= context_tokens)
    return CutPrompt(read_tokens, least) if cut else None


def _floor(text: str) -> int:
    runs = sum(1 for _ in _RUNS.finditer(text))
    wide = 0 if text.isascii() else sum(1 for _ in re.finditer(_WIDE, text))
    return runs + wide // _WIDE_CHARACTERS_A_TOKEN


def _texts(content: object) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [part["text"] for part in as_objects(content) if isinstance(part.get("text"), str)]

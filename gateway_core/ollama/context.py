"""How large a context a model gets: what its prompt needs, within what it was trained for and what memory allows.

Another context than the one in force makes Ollama load the model again, which takes seconds. So contexts come in steps
that double, one that is large enough is left as it is, and none is made smaller while the model is loaded.
"""

from __future__ import annotations

from gateway_core.frozen import frozen
from gateway_core.model import JsonObject
from gateway_core.wire.json_values import positive

SMALLEST_CONTEXT_TOKENS = 4096
"""The first step; also Ollama's own default below 23 GiB of VRAM (0.32.15)."""
UNTOLD_TRAINED_TOKENS = 8192
"""The most that is asked for of a model that does not tell what it was trained for."""
_BYTES_A_VALUE = 2
"""Keys and values are kept as 16-bit floats unless Ollama is told otherwise."""
OVERHEAD = 1.25
"""Buffers on top of keys and values. Recorded: 27.1 kB a token of SmolLM2 where keys and values are 23.0."""
_SHARE_OF_MEMORY = 0.8
_UNTOLD_BYTES_A_TOKEN = 512 * 1024
"""Llama 2 7B, which keeps a key and a value for each of its heads: more than nearly every later model."""
_UNTOLD_MEMORY_BYTES = 2 * 1024**3
"""What keys and values may take on a machine whose memory nobody can see: 16,384 tokens of an 8B model."""
_STUB_BYTES = 1024 * 1024
"""A smaller model is the stub of one that runs in Ollama's cloud, where this machine's memory counts for nothing."""
_NO_BOUND = 1 << 30
_ESTIMATE_MARGIN = 1.25
"""The estimate came to 0.81 of the true count of OpenClaw's requests at the worst (SmolLM2's tokenizer, 2026-11-28)."""
_LEAST_ANSWER_TOKENS = 512
_USUAL_ANSWER_TOKENS = 1024
_MOST_ANSWER_TOKENS = 4096


@frozen
class Shape:
    """What decides how much memory a model takes. ``own_context`` is the ``num_ctx`` that it was made with, if any."""

    weights_bytes: int
    bytes_a_token: int | None
    trained_context: int | None
    own_context: int | None = None


@frozen
class Need:
    """The context that a request should have, and the least it can do with, both with its answer."""

    wanted_tokens: int
    least_tokens: int


def bytes_a_token(info: JsonObject) -> int | None:
    """Memory that the keys and values of one token take, of ``model_info`` as ``/api/show`` gives it.

    Layers count alike, also those that see a window only or keep no keys: it is more than they take, never less. None
    where the model does not tell.
    """
    family = info.get("general.architecture")

    def number(name: str) -> int | None:
        return positive(info.get(f"{family}.{name}"))

    blocks, heads, width = number("block_count"), number("attention.head_count"), number("embedding_length")
    shared = number("attention.head_count_kv") or heads
    head_width = width // heads if width and heads else None
    key, value = number("attention.key_length") or head_width, number("attention.value_length") or head_width
    if not (blocks and shared and key and value):
        return None
    return blocks * shared * (key + value) * _BYTES_A_VALUE


def largest_context(shape: Shape, *, memory_bytes: int | None, limit: int | None, loaded: int | None) -> int:
    """The largest context to ask for.

    ``memory_bytes`` is what the model may take in all, None where nobody knows; ``limit`` is the operator's word, which
    stands in its place; ``loaded`` is the context in force, which is there already.
    """
    trained = shape.trained_context or UNTOLD_TRAINED_TOKENS
    usual = shape.own_context or SMALLEST_CONTEXT_TOKENS
    allowed = limit or max(usual, _by_memory(shape, memory_bytes))
    return max(min(trained, allowed), loaded or 0)


def _by_memory(shape: Shape, memory_bytes: int | None) -> int:
    if 0 < shape.weights_bytes < _STUB_BYTES:
        return _NO_BOUND
    each = int((shape.bytes_a_token or _UNTOLD_BYTES_A_TOKEN) * OVERHEAD)
    if memory_bytes is None:
        return _UNTOLD_MEMORY_BYTES // each
    room = int(memory_bytes * _SHARE_OF_MEMORY) - shape.weights_bytes
    return max(0, room) // each // 1024 * 1024


def need_of(prompt_tokens: int, max_output_tokens: int | None, *, exact: bool = False) -> Need:
    """What a request needs. ``exact`` says that the tokens were counted by the model's own tokenizer."""
    answer = min(max_output_tokens or _USUAL_ANSWER_TOKENS, _MOST_ANSWER_TOKENS)
    wanted = prompt_tokens if exact else int(prompt_tokens * _ESTIMATE_MARGIN)
    return Need(wanted + answer, prompt_tokens + min(answer, _LEAST_ANSWER_TOKENS))


def context_for(need: Need, *, in_force: int | None, usual: int, largest: int) -> int | None:
    """The context to ask for; None where the request does not fit the ``largest``.

    ``in_force`` is what the model is loaded with, or what a request under way has asked for; without one it gets at
    least the ``usual``.
    """
    if need.least_tokens > largest:
        return None
    if in_force and in_force >= need.wanted_tokens:
        return in_force
    step = SMALLEST_CONTEXT_TOKENS
    while step < need.wanted_tokens:
        step *= 2
    return min(max(step, in_force or usual), largest)

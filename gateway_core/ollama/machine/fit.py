"""Whether a model fits: weights and context against what memory and VRAM have left."""

from __future__ import annotations

from gateway_core.frozen import frozen
from gateway_core.local_values import Fit, FitVerdict, Machine
from gateway_core.ollama.context import OVERHEAD

USUAL_CONTEXT_TOKENS = 16_384
"""What a first turn of OpenClaw needs (14 k tokens, measured), where nobody set another context."""
_GIVEN = 0.9
"""The share of what is free that a model may have: the rest of the machine lives on."""
_LEAST_SHARE = 0.1
"""A smaller part on the GPU is not worth calling it so."""
_GUESSED_KIB = 60.0
"""Keys and values of a token take about 60 KiB times the root of the weights' GB: Llama 3.2 3B, 3.1 8B and 70B, Qwen
2.5 32B and Qwen 3 8B and 14B (4 bits a weight, 16 bits a value, from their layers and heads) come to 0.8–1.3 of it."""

NOWHERE = Machine()
"""A machine that nobody sees."""


@frozen
class Weight:
    """What a model would take. ``bytes_a_token`` is None while its shape is not known."""

    model: str
    weights_bytes: int
    context_tokens: int
    bytes_a_token: int | None = None


def context_bytes(weight: Weight) -> int:
    """Memory of the whole context; from the model's size where its shape is not known."""
    each = weight.bytes_a_token
    if each is None:
        each = int(_GUESSED_KIB * 1024 * (weight.weights_bytes / 1e9) ** 0.5)
    return int(each * OVERHEAD * weight.context_tokens)


def unknown(model: str, why: str, machine: Machine = NOWHERE) -> Fit:
    """No verdict, and the reason for that; what the ``machine`` has is told all the same."""
    return Fit(
        model,
        FitVerdict.UNKNOWN,
        f"Unknown: {why}.",
        memory_available_bytes=machine.available_bytes,
        vram_available_bytes=machine.vram_bytes if machine.unified else machine.vram_available_bytes,
        disk_free_bytes=machine.disk_free_bytes,
    )


def judge(weight: Weight, machine: Machine, *, freed_bytes: int = 0, freed_vram_bytes: int = 0) -> Fit:
    """The verdict. ``freed_bytes`` and ``freed_vram_bytes`` are what loaded models give back when this one comes."""
    context = context_bytes(weight)
    need = weight.weights_bytes + context
    main = _left(machine.available_bytes, freed_bytes)
    vram = None if machine.unified else _left(machine.vram_available_bytes, freed_vram_bytes)
    verdict = _verdict(need, main, vram, machine)
    return Fit(
        weight.model,
        verdict,
        _why(weight, verdict, need, main, vram, machine),
        context_tokens=weight.context_tokens,
        weights_bytes=weight.weights_bytes,
        context_bytes=context,
        context_estimated=weight.bytes_a_token is None,
        memory_available_bytes=main,
        vram_available_bytes=machine.vram_bytes if machine.unified else vram,
    )


def _left(available: int | None, freed: int) -> int | None:
    return None if available is None else available + freed


def _verdict(need: int, main: int | None, vram: int | None, machine: Machine) -> FitVerdict:
    if main is None:
        return FitVerdict.UNKNOWN
    on_gpu, in_memory = int((vram or 0) * _GIVEN), int(main * _GIVEN)
    if machine.unified and machine.vram_bytes and need <= machine.vram_bytes and need <= in_memory:
        return FitVerdict.VRAM
    if vram is not None and need <= on_gpu:
        return FitVerdict.VRAM
    if need <= on_gpu + in_memory:
        return FitVerdict.PARTLY if on_gpu > _LEAST_SHARE * need else FitVerdict.MEMORY
    everything = (machine.memory_bytes or 0) + (0 if machine.unified else machine.vram_bytes or 0)
    return FitVerdict.TIGHT if need <= everything * _GIVEN else FitVerdict.NO


def _why(weight: Weight, verdict: FitVerdict, need: int, main: int | None, vram: int | None, machine: Machine) -> str:
    about = "about " if weight.bytes_a_token is None else ""
    takes = f"{about}{_gb(need)} with a context of {weight.context_tokens:,} tokens"
    if main is None:
        return f"Unknown: the server is on another machine, whose memory cannot be seen. The model takes {takes}."
    left = f"{_gb(main)} of memory" + (f" and {_gb(vram)} of VRAM" if vram is not None else "")
    if machine.unified and machine.vram_bytes:
        left = f"{_gb(main)} of memory, of which the GPU may have {_gb(machine.vram_bytes)}"
    no_gpu = "" if machine.vram_bytes else "; no GPU was found"
    return {
        FitVerdict.VRAM: f"Fits on the GPU: it takes {takes}; free are {left}.",
        FitVerdict.PARTLY: f"Fits, but only in part on the GPU, which is slower: it takes {takes}; free are {left}.",
        FitVerdict.MEMORY: f"Fits in main memory, which is slow: it takes {takes}; free are {left}{no_gpu}.",
        FitVerdict.TIGHT: f"Fits only once other programs give memory back: it takes {takes}; free are {left}.",
        FitVerdict.NO: f"Does not fit: it takes {takes}; this machine has {_all_of(machine)}.",
    }[verdict]


def _all_of(machine: Machine) -> str:
    vram = "" if machine.unified or not machine.vram_bytes else f" and {_gb(machine.vram_bytes)} of VRAM"
    return f"{_gb(machine.memory_bytes or 0)} of memory{vram}"


def _gb(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f} GB"

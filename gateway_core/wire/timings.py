"""How long a local model took to read a prompt and to write, as its server measured it."""

from __future__ import annotations

from gateway_core.frozen import frozen
from gateway_core.model import JsonObject
from gateway_core.wire.json_values import is_number, positive


@frozen
class Timing:
    """Tokens and the seconds they took; 0 for what was not told.

    ``load_s`` is what loading the model took before. ``counts_cached`` says that ``prompt_tokens`` may hold tokens that
    took no time, because they were kept from the prompt before (Ollama counts so, recordings of 0.32.15).
    """

    output_tokens: int = 0
    output_s: float = 0.0
    prompt_tokens: int = 0
    prompt_s: float = 0.0
    load_s: float = 0.0
    counts_cached: bool = False


def ollama_timing(line: JsonObject) -> Timing | None:
    """Of the last line of ``/api/chat``, whose durations are nanoseconds; None where they are missing."""
    output_s, prompt_s = _seconds(line.get("eval_duration"), 1e9), _seconds(line.get("prompt_eval_duration"), 1e9)
    if not output_s and not prompt_s:
        return None
    return Timing(
        positive(line.get("eval_count")) or 0,
        output_s,
        positive(line.get("prompt_eval_count")) or 0,
        prompt_s,
        _seconds(line.get("load_duration"), 1e9),
        counts_cached=True,
    )


def llama_timing(body: JsonObject) -> Timing | None:
    """llama.cpp's ``timings`` of an answer or its last chunk, where ``prompt_n`` leaves out what was cached."""
    told = body.get("timings")
    if not isinstance(told, dict):
        return None
    output_s, prompt_s = _seconds(told.get("predicted_ms"), 1e3), _seconds(told.get("prompt_ms"), 1e3)
    if not output_s and not prompt_s:
        return None
    return Timing(positive(told.get("predicted_n")) or 0, output_s, positive(told.get("prompt_n")) or 0, prompt_s)


def _seconds(value: object, a_second: float) -> float:
    return max(0.0, value / a_second) if is_number(value) else 0.0

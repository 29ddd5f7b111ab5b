"""Tokens per second, from real answers: short ones say nothing, cached prompts do not count, slow clients neither."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway_core.local_values import LocalModel, ModelSpeed
from gateway_core.model import Usage
from gateway_core.ollama.speeds import Stopwatch, load_seconds, measured
from gateway_core.wire.openai_chat import make_chunk
from gateway_core.wire.timings import Timing, llama_timing, ollama_timing

NEW = ModelSpeed()
READ = Timing(prompt_tokens=1000, prompt_s=10.0, counts_cached=True)


class Hands:
    time = 0.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


def test_ollamas_and_llama_cpps_own_figures_are_read() -> None:
    last = {
        "eval_count": 24,
        "eval_duration": 3_982_369_000,
        "prompt_eval_count": 12,
        "prompt_eval_duration": 77_570_000,
    }
    assert ollama_timing({**last, "load_duration": 1_810_751}) == Timing(
        24, 3.982369, 12, 0.07757, 0.001810751, counts_cached=True
    )
    assert ollama_timing({"eval_count": 24}) is None
    told = {"cache_n": 0, "prompt_n": 37, "prompt_ms": 4723.985, "predicted_n": 78, "predicted_ms": 50031.628}
    assert llama_timing({"timings": told}) == Timing(78, 50031.628 / 1e3, 37, 4723.985 / 1e3)
    assert llama_timing({"timings": "fast"}) is None and llama_timing({}) is None


def test_short_answers_say_nothing_and_newer_ones_count_more() -> None:
    assert measured(NEW, Timing(output_tokens=5, output_s=0.01), 1.0) == NEW
    speed = NEW
    for _ in range(20):
        speed = measured(speed, Timing(output_tokens=100, output_s=10.0), 1.0)
    assert speed.tokens_per_s == pytest.approx(10) and speed.answers == 20
    for _ in range(10):
        speed = measured(speed, Timing(output_tokens=200, output_s=10.0), 2.0)
    assert 18 < (speed.tokens_per_s or 0) < 20 and speed.measured_at == 2.0


def test_a_cached_prompt_is_not_taken_for_a_fast_one() -> None:
    """Recorded: 24 tokens "read" in 12 ms, where reading takes 40 ms a token."""
    speed = measured(NEW, READ, 1.0)
    assert speed.prompt_tokens_per_s == pytest.approx(100)
    assert measured(speed, replace(READ, prompt_s=0.5), 2.0) == speed
    cached_first = measured(NEW, replace(READ, prompt_s=0.5), 1.0)
    assert measured(cached_first, READ, 2.0).prompt_tokens_per_s == pytest.approx(100)
    faster_machine = measured(speed, replace(READ, prompt_s=2.0, load_s=2.0), 2.0)
    assert faster_machine.prompt_tokens_per_s == pytest.approx(500)


def _streamed(clock: Hands, *, with_client_s: float = 0.0, tokens: int = 41, estimated: bool = False) -> Timing | None:
    watch = Stopwatch(clock)
    clock.time += 5
    for number in range(tokens):
        clock.time += 0.1
        usage = Usage(output_tokens=tokens, estimated=estimated) if number == tokens - 1 else None
        watch.saw(make_chunk("id", "m", {"content": "x"}), usage)
        clock.time += with_client_s
        watch.taken()
    return watch.timing()


def test_a_server_without_timings_is_timed_from_its_first_token_to_its_last() -> None:
    timing = _streamed(Hands())
    assert timing and timing.output_tokens == 40 and timing.output_s == pytest.approx(4.0)
    assert _streamed(Hands(), tokens=10) is None
    assert _streamed(Hands(), estimated=True) is None
    assert _streamed(Hands(), with_client_s=0.2) is None


# --- loading --------------------------------------------------------------------------------------------------------


def test_a_load_is_measured_and_what_is_no_load_is_not() -> None:
    speed = measured(ModelSpeed(), Timing(20, 2.0, load_s=12.0), 1.0)
    speed = measured(speed, Timing(20, 2.0, load_s=0.05), 2.0)
    assert (speed.load_s, speed.loads) == (12.0, 1)
    assert measured(speed, Timing(20, 2.0, load_s=14.0), 3.0).load_s == 13.0


def test_loading_takes_what_it_took_or_what_others_of_that_size_took() -> None:
    known = LocalModel("a", 5_000_000_000, speed=ModelSpeed(load_s=10.0))
    other, empty = LocalModel("b", 9_000_000_000), LocalModel("c")
    assert load_seconds(known, (known, other)) == 10.0
    assert load_seconds(other, (known, other)) == pytest.approx(18.0)
    assert load_seconds(LocalModel("d", 1, loaded=True), (known,)) == 0.0
    assert load_seconds(other, (other,)) is None and load_seconds(empty, (known, empty)) is None

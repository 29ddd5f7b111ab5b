"""What would have been, as a gateway tells it: real replays of a made-up month."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from random import Random

from gateway_core.local_values import ModelSpeed
from gateway_core.whatif.replay import Replayer
from gateway_core.whatif.world import LocalKnown, Server, with_local
from gateway_core.whatif_values import Outcome, Policy
from tests.whatif.support import CHEAP, EASY, HARD, HIT, PREMIUM, UNCLEAR, WORLD, Asked, history_of

LOCAL = {
    "qwen3:8b": LocalKnown(32_768, True, ModelSpeed(31.0, 40, 410.0, 40)),
    "llama3.2:3b": LocalKnown(8_192, True),
}
SPEND = replace(
    WORLD,
    servers=(
        Server("local/qwen3:8b", (), 32_768, True, speed=LOCAL["qwen3:8b"].speed),
        replace(CHEAP, model="groq/llama-4-scout"),
        replace(PREMIUM, model="anthropic/claude-sonnet-5-5"),
    ),
    hard_limit_microusd=6_000_000,
)
SCALE = {EASY: 40, UNCLEAR: 30, HARD: 12, HIT: 18}
MANY_A_DAY = 40


@lru_cache(maxsize=4)
def replayer(days: int) -> Replayer:
    """A month of an agent's work, busier on some days; a few have no difficulty, or tokens that nobody counted."""
    random = Random(days)
    made = [_asked(random, number % days) for number in range(MANY_A_DAY * days)]
    made.sort(key=lambda one: one.day)
    return Replayer(history_of(made, days=days, not_answered=7), SPEND)


def _asked(random: Random, day: int) -> Asked:
    kind = random.choices(list(SCALE), list(SCALE.values()))[0]
    prompt, output = random.randrange(400, 40_000), random.randrange(40, 1_600)
    cost = {EASY: 0, UNCLEAR: prompt + 2 * output, HARD: 10 * prompt + 50 * output, HIT: 0}[kind]
    difficulty = round({EASY: 0.02, UNCLEAR: 0.35, HARD: 0.65, HIT: 0.0}[kind] + random.random() * 0.29, 2)
    return replace(
        kind,
        day=day,
        difficulty=difficulty if random.random() < 0.99 else None,
        session=f"agent:main:{random.randrange(6)}",
        lane="background" if random.random() < 0.2 else "interactive",
        input_tokens=prompt,
        output_tokens=output,
        output_counted="estimated" if random.random() < 0.01 else "measured",
        cost_microusd=cost,
        cache_read_tokens=prompt // 2 if kind is HARD else 0,
        no_answer_cache_microusd=prompt + 2 * output if kind is HIT else None,
        no_prompt_cache_microusd=cost,
    )


def outcome(policy: Policy) -> Outcome:
    """The outcome; a local model that nobody knows is said so."""
    made = replayer(policy.days)
    try:
        return made.outcome(policy, with_local(made.world, policy, LOCAL))
    except ValueError as error:
        return Outcome(policy, problem=str(error))

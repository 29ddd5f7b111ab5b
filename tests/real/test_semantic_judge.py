"""The exam of the semantic cache's judge, taken by the real small model inside llmgw."""

from __future__ import annotations

import time

import pytest

from gateway_core.cache.review.exam import MOST_WRONG, Exam, examine_next
from gateway_core.cache.review.exam_questions import DIFFERENT, SAME
from gateway_core.cache.review.judge import Said
from gateway_core.model import Target, Tier
from gateway_core.providers.base import Provider
from gateway_core.providers.openai_compatible import OpenAICompatible
from gateway_core.providers.side_question import side_question, words_of
from tests.real.openclaw import cache_folder
from tests.real.real_model import NAME, real_model

TOKENS = 16


@pytest.mark.real
@pytest.mark.timeout(1800)
async def test_the_small_models_exam_ends_with_a_result_that_is_told_as_it_is() -> None:
    async with real_model(cache_folder()) as model:
        provider = OpenAICompatible(name="local", kind="openai", base_url=model.base_url, api_key=model.key, free=True)
        try:
            exam, answers = await whole_exam(provider)
        finally:
            await provider.close()
    print(f"\n{NAME}: {exam}; {len(answers)} calls; answers {sorted(set(answers))[:8]}")
    assert all(answers), "it was asked, and it answered"
    assert exam.is_decided
    assert exam.passed is (exam.wrongly_approved <= MOST_WRONG and exam.rightly_approved * 3 >= len(SAME))


async def whole_exam(provider: Provider) -> tuple[Exam, list[str]]:
    """All of it, though a gateway ends it when it is decided; and what the model said."""
    target = Target(Tier.LOCAL, "local", NAME, free=True)
    answers: list[str] = []

    async def ask(instruction: str, text: str) -> Said:
        call = side_question("review", time.time(), target, instruction, text, TOKENS, temperature=0)
        words, used = "", 0
        async for (piece,) in provider.send(call):
            words = words_of(piece.body)
            used = piece.usage.prompt_tokens + piece.usage.output_tokens if piece.usage else 0
        answers.append(words)
        return Said(words, used)

    exam = Exam(NAME)
    while exam.different_asked + exam.same_asked < len(DIFFERENT) + len(SAME):
        exam = await examine_next(ask, exam)
    return exam, answers

"""How a model counts and how long its answers are is learned from what it reports, slowly and within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model import Counted, Lane, Usage
from gateway_core.reported_usage import ReportedUsage
from gateway_core.routing.landscape import USUAL_ANSWER
from gateway_core.store.database import Database
from gateway_core.store.errors import StoreError
from gateway_core.store.model_reports import Model, ModelReport, ModelReportStore

M = ("local", "m:1b")


def told(*ratios: float, estimated: int = 1_000) -> ReportedUsage:
    reported = ReportedUsage()
    for ratio in ratios:
        reported.prompt(*M, estimated, Usage(round(estimated * ratio)))
    return reported


def test_one_prompt_says_little_and_many_say_what_they_say() -> None:
    assert ReportedUsage().ratio(*M) == 1.0
    assert told(1.5).ratio(*M) == pytest.approx(1.1)
    assert told(*[1.5] * 4).ratio(*M) == pytest.approx(1.25)
    assert told(*[1.5] * 96).ratio(*M) == pytest.approx(1.48)
    assert told(*[1.5] * 96).ratio("local", "other:1b") == 1.0


def test_the_average_forgets_slowly() -> None:
    assert told(*[1.0] * 50, 2.0).ratio(*M) == pytest.approx(1.05, abs=0.01)
    assert told(*[1.0] * 50, *[2.0] * 100).ratio(*M) > 1.9


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.49])
def test_a_prompt_that_was_cut_without_a_word_teaches_nothing(ratio: float) -> None:
    assert told(*[ratio] * 50).ratio(*M) == 1.0


def test_short_prompts_and_counts_that_nobody_measured_teach_nothing() -> None:
    assert told(*[2.0] * 50, estimated=150).ratio(*M) == 1.0
    reported = ReportedUsage()
    for how in (Counted.ESTIMATED, Counted.CEILING):
        reported.prompt(*M, 1_000, Usage(2_000, input_counted=how))
        reported.answered(*M, Lane.INTERACTIVE, Usage(0, 2_000, output_counted=how))
    assert (reported.ratio(*M), reported.answer(*M, Lane.INTERACTIVE)) == (1.0, USUAL_ANSWER)


def test_cached_tokens_are_tokens_of_the_prompt() -> None:
    reported = ReportedUsage()
    for _ in range(96):
        reported.prompt(*M, 1_000, Usage(100, cache_read_tokens=1_000, cache_write_5m_tokens=100))
    assert reported.ratio(*M) == pytest.approx(1.2, abs=0.01)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=60))
def test_the_correction_stays_within_its_bounds(counts: list[tuple[int, int]]) -> None:
    reported = ReportedUsage()
    for estimated, counted in counts:
        reported.prompt(*M, estimated, Usage(counted))
    assert 0.5 <= reported.ratio(*M) <= 3.0


def test_an_answer_is_expected_to_be_as_those_before_in_its_lane() -> None:
    reported = ReportedUsage()
    for tokens in (500, 600, 700):
        reported.answered(*M, Lane.INTERACTIVE, Usage(1, tokens))
    reported.answered(*M, Lane.BACKGROUND, Usage(1, 9))
    answer, background = (reported.answer(*M, lane) for lane in Lane)
    assert (answer.tokens, answer.told_by) == (600, "its last answers")
    assert background == USUAL_ANSWER
    other = reported.answer("groq", "x", Lane.INTERACTIVE)
    assert (other.tokens, other.told_by) == (600, "other models' last answers")


# --- its keeping ----------------------------------------------------------------------------------------------------


async def test_what_was_learned_is_kept_over_a_restart(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "llmgw.db")
    reported = ReportedUsage(ModelReportStore(database))
    await reported.load()
    for _ in range(10):
        reported.prompt(*M, 1_000, Usage(1_400))
        reported.answered(*M, Lane.BACKGROUND, Usage(1, 30))
    await reported.close()
    again = ReportedUsage(ModelReportStore(database))
    await again.load()
    assert again.ratio(*M) == reported.ratio(*M) > 1.2
    assert again.answer(*M, Lane.BACKGROUND).tokens == 30
    await database.close()


class Counting(ModelReportStore):
    """Counts what is written; the first time it fails."""

    def __init__(self, fails: int = 0) -> None:
        self.saved: list[Mapping[Model, ModelReport]] = []
        self.wrote = asyncio.Event()
        self.fails = fails

    async def load(self) -> dict[Model, ModelReport]:
        raise StoreError("no such file")

    async def save(self, changed: Mapping[Model, ModelReport]) -> None:
        self.wrote.set()
        if self.fails:
            self.fails -= 1
            raise StoreError("the disk is full")
        self.saved.append(dict(changed))


async def test_many_reports_are_written_at_once_and_behind() -> None:
    store = Counting()
    reported = ReportedUsage(store, write_after_s=0.01)
    await reported.load()
    for _ in range(100):
        reported.prompt(*M, 1_000, Usage(1_400))
    assert store.saved == []
    async with asyncio.timeout(5):
        await store.wrote.wait()
    await reported.close()
    assert len(store.saved) == 1


async def test_what_could_not_be_written_is_written_the_next_time() -> None:
    store = Counting(fails=1)
    reported = ReportedUsage(store, write_after_s=0.0)
    reported.prompt(*M, 1_000, Usage(1_400))
    async with asyncio.timeout(5):
        await store.wrote.wait()
    await reported.close()
    assert [list(changed) for changed in store.saved] == [[M]]

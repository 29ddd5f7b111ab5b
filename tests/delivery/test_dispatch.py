"""One request's way through upstreams that fail: who is tried, how often, what is told and what is charged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator

import pytest

from gateway_core.delivery.dispatch import MAX_TRIES
from gateway_core.exchange import Exchange
from gateway_core.model import Decision, Refused, Target, Tier
from gateway_core.providers.base import Batch, Piece, UpstreamCall, UpstreamError
from gateway_core.providers.breaker import FAILURES_TO_OPEN
from gateway_core.providers.retry_budget import RESERVE
from tests.delivery.dispatching import CHEAP, CHEAP_TOO, LOCAL, PREMIUM, Desk, Dies, failed, gone, message, tool
from tests.providers.calls import make_call

WEATHER = tool("weather", city={"type": "string"})
OSLO = ("weather", '{"city": "Oslo"}')


# --- before the first byte -----------------------------------------------------------------------------------------


async def test_a_failing_upstream_is_tried_three_times_with_longer_pauses_then_the_next_one() -> None:
    desk = Desk({"groq": [failed("groq")] * 9})
    got = await desk.ask(CHEAP, CHEAP_TOO, PREMIUM)
    assert got.text == "Hello from openai."
    assert (desk.calls("groq"), desk.calls("anthropic")) == (MAX_TRIES, 0)
    assert desk.slept == [0.25, 0.5]
    assert got.exchange.route == "simple>openai"
    assert got.tries == [
        "groq/oss: failed (500); again in 0.2 s",
        "groq/oss: failed (500); again in 0.5 s",
        "groq/oss: failed (500); next openai/nano",
    ]


async def test_the_route_names_the_tier_that_answered() -> None:
    desk = Desk({"local": [failed("local", 400)]})
    got = await desk.ask(LOCAL, CHEAP)
    assert (got.exchange.route, got.exchange.row().tier) == ("simple>cheap", Tier.CHEAP)
    assert not got.exchange.repaired


async def test_a_short_retry_after_is_waited_for() -> None:
    desk = Desk({"groq": [failed("groq", 429, retry_after_s=2.0)]})
    got = await desk.ask(CHEAP, PREMIUM)
    assert (got.text, desk.slept) == ("Hello from groq.", [2.0])


async def test_a_long_retry_after_is_not_slept_on_and_holds_for_everybody() -> None:
    desk = Desk({"groq": [failed("groq", 429, retry_after_s=90.0)]})
    first = await desk.ask(CHEAP, PREMIUM)
    second = await desk.ask(CHEAP, PREMIUM)
    assert first.text == second.text == "Hello from anthropic."
    assert (desk.calls("groq"), desk.slept) == (1, [])
    assert second.tries == ["groq/oss: asked the gateway to wait, for 90 s more; next anthropic/claude"]
    desk.clock.advance(90)
    assert (await desk.ask(CHEAP, PREMIUM)).text == "Hello from groq."


async def test_when_nothing_else_is_left_the_caller_is_told_when_to_come_back() -> None:
    desk = Desk({"groq": [failed("groq", 429, retry_after_s=90.0)], "local": [failed("local")] * 3})
    got = await desk.ask(CHEAP, LOCAL)
    assert got.refusal and (got.refusal.http_status, got.refusal.retry_after_s) == (429, 90)
    alone = await desk.ask(CHEAP)
    assert alone.refusal and (alone.refusal.code, alone.refusal.retry_after_s) == ("rate_limit_exceeded", 90)
    assert desk.calls("groq") == 1


async def test_a_pause_that_was_waited_for_is_not_told_once_the_circuit_is_open() -> None:
    desk = Desk({"groq": [failed("groq")] * 3 + [failed("groq", 429, retry_after_s=1.0)] * 2})
    await desk.ask(CHEAP)
    got = await desk.ask(CHEAP)
    assert got.refusal and got.refusal.message.endswith("Try again in 9 s.")
    assert got.refusal.retry_after_s == 9


async def test_a_503_that_says_when_to_come_back_is_told_as_one() -> None:
    desk = Desk({"groq": [failed("groq", 503, retry_after_s=30.0)]})
    for got in (await desk.ask(CHEAP), await desk.ask(CHEAP)):
        assert got.refusal and got.refusal.http_status in (502, 503) and got.refusal.retry_after_s == 30
    assert desk.calls("groq") == 1


async def test_retries_end_when_the_retry_budget_is_spent() -> None:
    desk = Desk({"groq": [failed("groq", 400, retryable=True, code="invalid_request")] * 1000})
    for _ in range(100):
        await desk.ask(CHEAP)
    assert 100 + RESERVE <= desk.calls("groq") <= 100 + RESERVE + 100 * 0.2 + 100 * 0.1


async def test_an_open_circuit_is_not_called_and_others_are() -> None:
    desk = Desk({"groq": [failed("groq")] * 100})
    for _ in range(10):
        assert (await desk.ask(CHEAP, PREMIUM)).text == "Hello from anthropic."
    assert desk.calls("groq") == FAILURES_TO_OPEN


async def test_a_sole_target_behind_an_open_circuit_is_refused_at_once_with_when_to_come_back() -> None:
    desk = Desk({"groq": [failed("groq")] * 5})
    await desk.ask(CHEAP)
    await desk.ask(CHEAP)
    got = await desk.ask(CHEAP)
    assert got.refusal and (got.refusal.http_status, got.refusal.code) == (503, "no_provider")
    assert got.refusal.retry_after_s == 10
    assert got.refusal.message == "groq is not called now: circuit open after 5 failures. Try again in 10 s."
    desk.clock.advance(10)
    assert (await desk.ask(CHEAP)).text == "Hello from groq."


async def test_a_time_out_is_not_waited_for_twice_while_another_target_is_left() -> None:
    slow = UpstreamError("local did not answer within 120 s.", kind="timeout", retryable=True)
    desk = Desk({"local": [slow] * 9})
    got = await desk.ask(LOCAL, CHEAP)
    assert (desk.calls("local"), got.text) == (1, "Hello from groq.")
    assert got.tries == ["local/qwen3: did not answer within 120 s; next groq/oss"]


async def test_a_prompt_that_is_too_long_goes_up_and_not_down() -> None:
    too_long = failed("groq", 400, code="context_length_exceeded")
    desk = Desk({"groq": [too_long] * 9})
    got = await desk.ask(CHEAP, CHEAP_TOO, LOCAL, PREMIUM)
    assert (got.text, desk.calls("groq")) == ("Hello from anthropic.", 1)
    assert desk.calls("local") == desk.calls("openai") == 0


async def test_a_prompt_that_is_too_long_for_all_is_told_so() -> None:
    desk = Desk({"groq": [failed("groq", 400, code="context_length_exceeded")]})
    got = await desk.ask(CHEAP, LOCAL)
    assert got.refusal and (got.refusal.http_status, got.refusal.code) == (400, "context_length_exceeded")


@pytest.mark.parametrize("status", [401, 402, 403, 404])
async def test_what_the_gateway_must_mend_goes_to_the_next_target_and_is_never_passed_on(status: int) -> None:
    code = "model_not_found" if status == 404 else None
    desk = Desk({"groq": [failed("groq", status, code=code)] * 9})
    assert (await desk.ask(CHEAP, PREMIUM)).text == "Hello from anthropic."
    alone = await desk.ask(CHEAP)
    assert alone.refusal and alone.refusal.http_status in (502, 503)
    assert desk.calls("groq") == 1
    assert desk.notices


@pytest.mark.parametrize("model", ["groq/oss", "oss", "ollama/oss"])
async def test_a_model_that_the_caller_named_and_that_is_gone_is_not_found(model: str) -> None:
    """A provider may go by another name, as the local server does by its kind."""
    desk = Desk({"groq": [failed("groq", 404, code="model_not_found")]})
    got = await desk.ask(CHEAP, model=model)
    assert got.refusal and (got.refusal.http_status, got.refusal.code) == (404, "model_not_found")


# --- after the first byte ------------------------------------------------------------------------------------------


async def test_after_the_first_token_nothing_is_tried_again() -> None:
    desk = Desk({"groq": [Dies(message("a long answer that breaks off " * 9), after=4)]})
    got = await desk.ask(CHEAP, PREMIUM)
    assert got.text and got.refusal and got.refusal.code == "upstream_error"
    assert (desk.calls("groq"), desk.calls("anthropic")) == (1, 0)
    assert len(desk.ledger.charged) == 1


async def test_the_head_of_an_answer_that_breaks_off_before_its_first_word_is_never_seen() -> None:
    desk = Desk({"groq": [Dies(message("x"), after=1)] * 3})
    got = await desk.ask(CHEAP, PREMIUM)
    assert got.text == "Hello from anthropic."
    assert len([delta for delta in got.deltas if "role" in delta]) == 1
    assert len(desk.ledger.charged) == 1 + MAX_TRIES


# --- answers that are none -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "broken",
    [
        message(""),
        message(None, reasoning="I should say something."),
        message(None, ("weather", '{"city": "Os')),
        message(None, ("weather", '{"town": "Oslo"}')),
        message(None, ("wether", '{"city": "Oslo"}')),
        message('<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}</tool_call>'),
        message('{"name": "weather", "arguments": {"city": "Oslo"}}'),
    ],
)
async def test_a_local_answer_that_is_none_goes_a_tier_up_and_is_marked(
    broken: dict[str, object], stream: bool
) -> None:
    desk = Desk({"local": [broken]})
    got = await desk.ask(LOCAL, CHEAP, PREMIUM, stream=stream, tools=[WEATHER])
    assert (got.text, got.refusal) == ("Hello from groq.", None)
    assert got.exchange.repaired and not got.exchange.flawed
    assert desk.calls("local") == 1
    assert got.tries[0].endswith("; next groq/oss")


async def test_it_goes_one_tier_up_and_not_to_another_of_the_same() -> None:
    desk = Desk({"local": [message("")]})
    other = Target(Tier.LOCAL, "openai", "small", free=True)
    got = await desk.ask(LOCAL, other, PREMIUM)
    assert (got.text, desk.calls("openai")) == ("Hello from anthropic.", 0)


async def test_a_sound_local_call_comes_whole_and_unchanged() -> None:
    desk = Desk({"local": [message("Let me look.", OSLO)]})
    got = await desk.ask(LOCAL, CHEAP, tools=[WEATHER])
    assert (got.text, got.calls, desk.calls("groq")) == ("Let me look.", [OSLO], 0)
    assert not got.exchange.repaired


async def test_a_call_that_was_nearly_right_is_put_right_and_marked() -> None:
    desk = Desk({"local": [message("Let me look.", ("weather", '{"city": "Oslo",}'))]})
    got = await desk.ask(LOCAL, CHEAP, tools=[WEATHER])
    assert (got.text, got.calls) == ("Let me look.", [OSLO])
    assert got.exchange.repaired and not got.exchange.flawed
    assert [remark.step for remark in got.exchange.remarks] == ["repaired"]
    assert got.chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


async def test_text_that_was_sent_and_a_call_that_cannot_be_read_is_an_error() -> None:
    desk = Desk({"local": [message("Let me look.", ("weather", '{"city'))]})
    got = await desk.ask(LOCAL, CHEAP, tools=[WEATHER])
    assert got.text == "Let me look." and got.calls == []
    assert got.refusal and got.refusal.code == "upstream_error"


async def test_text_that_was_sent_and_a_call_that_does_not_fit_is_for_the_client_to_judge() -> None:
    wrong = ("weather", '{"town": "Oslo"}')
    desk = Desk({"local": [message("Let me look.", wrong)]})
    got = await desk.ask(LOCAL, CHEAP, tools=[WEATHER])
    assert (got.text, got.calls, got.refusal) == ("Let me look.", [wrong], None)
    assert got.exchange.repaired and got.exchange.flawed


async def test_thinking_that_was_sent_and_no_answer_after_it_is_an_error_and_no_silent_end() -> None:
    desk = Desk({"local": [message("", reasoning_content="Hm, what shall I say to that?")]})
    got = await desk.ask(LOCAL, CHEAP)
    assert any(delta.get("reasoning_content") for delta in got.deltas), "without tools, thinking is shown as it comes"
    assert got.refusal and got.refusal.code == "upstream_error"


async def test_with_nothing_above_the_same_model_is_asked_once_more() -> None:
    desk = Desk({"local": [message("")]})
    got = await desk.ask(LOCAL)
    assert (got.text, desk.calls("local")) == ("Hello from local.", 2)


async def test_when_the_tier_above_gives_none_either_the_best_is_sent_on() -> None:
    marked = message('<tool_call>{"name": "weather", "arguments": {"city": "Oslo"}}</tool_call>')
    desk = Desk({"local": [marked], "groq": [message("")]})
    got = await desk.ask(LOCAL, CHEAP, PREMIUM, tools=[WEATHER])
    assert (got.calls, got.text, got.refusal) == ([OSLO], "", None)
    assert got.exchange.flawed and got.exchange.row().tier is Tier.LOCAL
    assert desk.calls("anthropic") == 0
    assert got.exchange.cost_microusd == sum(desk.ledger.charged) > 0


async def test_a_call_that_nobody_can_read_is_never_sent_on() -> None:
    desk = Desk({"local": [message(None, ("weather", "{"))] * 2})
    got = await desk.ask(LOCAL, tools=[WEATHER])
    assert got.refusal and got.refusal.code == "upstream_error"
    assert got.chunks == []


@pytest.mark.parametrize("stream", [True, False])
async def test_an_empty_paid_answer_is_charged_and_asked_for_once_more(stream: bool) -> None:
    desk = Desk({"anthropic": [message("")] * 9})
    got = await desk.ask(PREMIUM, LOCAL, stream=stream)
    assert (desk.calls("anthropic"), desk.calls("local")) == (2, 0)
    assert (got.text, got.refusal) == ("", None), "given twice, it is believed"
    assert len(desk.ledger.charged) == 2 and got.exchange.flawed


async def test_paid_tool_calls_stream_through_as_they_are() -> None:
    desk = Desk({"groq": [message(None, ("weather", "{broken"))]})
    got = await desk.ask(CHEAP, PREMIUM, tools=[WEATHER])
    assert got.calls == [("weather", "{broken")]


async def test_nonsense_is_no_failure_of_the_server() -> None:
    desk = Desk({"local": [message("")] * 20})
    for _ in range(10):
        await desk.ask(LOCAL, CHEAP)
    assert desk.calls("local") == 10


# --- money ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_that_goes_on_past_its_limit_is_ended_and_charged_within_the_reservation(stream: bool) -> None:
    desk = Desk({"groq": [message("word " * 1000)] * 3})
    got = await desk.ask(CHEAP, stream=stream, max_tokens=10)
    assert got.refusal and got.refusal.message == "groq went on past the output limit."
    assert len(got.text) < 10 * 32 + 1024
    assert desk.calls("groq") == 1, "another try would cost the same again"
    (charged,) = desk.ledger.charged
    assert 0 < charged <= (await desk.dispatcher()).most_microusd(got.exchange.request, CHEAP)


async def test_a_free_answer_that_goes_on_past_its_callers_limit_is_ended() -> None:
    desk = Desk({"local": [message("word " * 1000)] * 3})
    assert (await desk.ask(LOCAL, max_tokens=10)).refusal
    assert len((await desk.ask(LOCAL)).text) == 5000


async def test_every_try_is_charged_what_it_cost_or_can_have_cost() -> None:
    desk = Desk({"groq": [failed("groq"), Dies(message("x"), after=1)]})
    got = await desk.ask(CHEAP)
    broken_off, whole = desk.ledger.charged
    assert whole == 10 * 1 + 5 * 2, "as reported"
    assert broken_off > 0
    assert got.exchange.cost_microusd == broken_off + whole


async def test_a_fallback_that_the_budget_refuses_goes_on_to_free_targets() -> None:
    desk = Desk({"groq": [gone("groq")] * 3}, hard_microusd=1)
    got = await desk.ask(CHEAP, PREMIUM, LOCAL)
    assert got.text == "Hello from local."
    assert desk.calls("groq") == desk.calls("anthropic") == 0
    assert [try_.partition(":")[0] for try_ in got.tries] == ["groq/oss", "anthropic/claude"]


async def test_a_refused_reservation_gives_the_probe_back() -> None:
    desk = Desk({"groq": [failed("groq")] * 5})
    await desk.ask(CHEAP)
    await desk.ask(CHEAP)
    desk.clock.advance(10)
    assert desk.budget is not None
    desk.budget.set_limits(0, 0, 1)
    assert (await desk.ask(CHEAP, LOCAL)).text == "Hello from local."
    desk.budget.set_limits(0, 0, 0)
    assert (await desk.ask(CHEAP, LOCAL)).text == "Hello from groq."


# --- time and cancellation -----------------------------------------------------------------------------------------


class Trickle:
    """An upstream whose answer never ends; ``steps`` counts what was read of it."""

    name = "groq"

    def __init__(self, quiet_after: int = 1_000_000) -> None:
        self.quiet_after = quiet_after
        self.steps = 0
        self.quiet = asyncio.Event()
        self.closed = asyncio.Event()

    async def send(self, call: UpstreamCall) -> AsyncGenerator[Batch]:
        try:
            while True:
                self.steps += 1
                if self.steps > self.quiet_after:
                    self.quiet.set()
                    await asyncio.Event().wait()
                await asyncio.sleep(0)
                yield [Piece({"choices": [{"index": 0, "delta": {"content": "x "}, "finish_reason": None}]})]
        finally:
            self.closed.set()


async def ignore(_: Batch) -> None:
    pass


async def test_a_stream_that_trickles_for_ever_is_ended_in_time() -> None:
    desk, trickle = Desk(), Trickle()
    desk.providers["groq"] = trickle  # type: ignore[assignment]
    dispatcher = await desk.dispatcher()
    dispatcher._total_s = 0.05
    exchange = Exchange(make_call(limit=100).request, time.monotonic())
    with pytest.raises(Refused) as refused:
        await dispatcher.send(exchange, Decision(CHEAP, (PREMIUM,), "simple", 0.0, ()), ignore)
    assert refused.value.refusal.code == "upstream_timeout"
    assert trickle.closed.is_set() and not desk.ledger.open and desk.ledger.charged


class Prompt(Trickle):
    """A provider whose whole answer is there at once."""

    async def send(self, call: UpstreamCall) -> AsyncGenerator[Batch]:
        for number in range(6):
            finish = "stop" if number == 5 else None
            yield [Piece({"choices": [{"index": 0, "delta": {"content": "x "}, "finish_reason": finish}]})]


async def test_the_time_that_a_client_takes_to_read_is_not_the_upstreams() -> None:
    desk = Desk()
    desk.providers["groq"] = Prompt()  # type: ignore[assignment]
    dispatcher = await desk.dispatcher()
    dispatcher._total_s = 0.05
    exchange = Exchange(make_call(limit=100).request, time.monotonic())
    taken: list[Piece] = []

    async def slowly(batch: Batch) -> None:
        taken.extend(batch)
        await asyncio.sleep(0.03)

    await dispatcher.send(exchange, Decision(CHEAP, (PREMIUM,), "simple", 0.0, ()), slowly)
    assert len(taken) == 6 and not desk.ledger.open and desk.calls("anthropic") == 0


class Unsent(Trickle):
    """An upstream that tells that nothing of the request has gone out, for ever; or that something may have."""

    def __init__(self, writes: bool) -> None:
        super().__init__()
        self.writes = writes

    async def send(self, call: UpstreamCall) -> AsyncGenerator[Batch]:
        call.sending.begins()
        if self.writes:
            call.sending.writes()
            call.sending.begins()
        await asyncio.Event().wait()
        yield []


@pytest.mark.parametrize("writes", [False, True])
async def test_a_call_out_of_time_before_it_was_written_is_not_charged(writes: bool) -> None:
    desk = Desk()
    desk.providers["groq"] = Unsent(writes)  # type: ignore[assignment]
    dispatcher = await desk.dispatcher()
    dispatcher._total_s = 0.05
    exchange = Exchange(make_call(limit=100).request, time.monotonic())
    with pytest.raises(Refused):
        await dispatcher.send(exchange, Decision(CHEAP, (), "simple", 0.0, ()), ignore)
    assert not desk.ledger.open and bool(desk.ledger.charged) == writes


@pytest.mark.parametrize("after", range(4))
async def test_a_cancelled_request_settles_once_and_closes_the_upstream(after: int) -> None:
    desk, trickle = Desk(), Trickle(quiet_after=after)
    desk.providers["groq"] = trickle  # type: ignore[assignment]
    dispatcher = await desk.dispatcher()
    exchange = Exchange(make_call(limit=100).request, time.monotonic())

    async def read() -> None:
        await dispatcher.send(exchange, Decision(CHEAP, (PREMIUM,), "simple", 0.0, ()), ignore)

    task = asyncio.create_task(read())
    await trickle.quiet.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert trickle.closed.is_set() and not desk.ledger.open and len(desk.ledger.charged) == 1
    assert desk.calls("anthropic") == 0

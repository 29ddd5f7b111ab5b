"""An operator stops one request in flight: its caller is told, it is paid, and every other request goes on."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from gateway_core.model import RequestRow, Status
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.http.events import stream as response_events
from tests.http.inside import KEY, Client, client, said, with_claude
from tests.http.test_messages import sdk_of
from tests.http.test_shared_calls import TEXT, boarded, ended, listen, setting

ASKED: Any = {"model": "gateway-premium", "messages": [{"role": "user", "content": "Tell a story."}]}
CODE = "stopped_by_hand"


async def running(llmgw: Client) -> RequestRow:
    """The newest request in flight."""
    with llmgw.gateway.bus.subscribe() as events:
        heard = aiter(events)
        while True:
            rows = [row for row in llmgw.gateway.snapshot().requests if row.status is Status.RUNNING]
            if rows:
                return rows[0]
            await anext(heard)


async def cancel(llmgw: Client, request_id: str) -> tuple[int, Any]:
    return await llmgw.post("/api/commands/cancel_request", request_id=request_id)


async def test_a_stream_that_is_stopped_says_so_and_pays_for_what_came(tmp_path: Path) -> None:
    async with setting(tmp_path) as (fake, llmgw):
        first = await listen(llmgw, {"x-llmgw-cache": "bypass"})
        await first.hears("Johann")
        row = await running(llmgw)
        other = await listen(llmgw, {"x-llmgw-cache": "bypass"})
        status, result = await cancel(llmgw, row.id)
        await first.rest()
        fake.resume()
        await other.rest()
        rows = await ended(llmgw, 2)
        stopped = next(one for one in rows if one.id == row.id)
        detail, budget = await llmgw.get(f"/api/requests/{row.id}"), llmgw.gateway.snapshot().budget
        told = [entry.text for entry in llmgw.gateway.event_log.page().entries]

    assert (status, result["message"]) == (200, "That request is stopped: its caller is told.")
    assert first.error == CODE and "by hand" in first.chunks[-1]["error"]["message"]
    assert (stopped.status, stopped.error_code) == (Status.KILLED, CODE) and "by hand" in detail["error_message"]
    assert stopped.cost_microusd > 0 == budget.reserved_microusd
    assert budget.spent_microusd == sum(one.cost_microusd for one in rows)
    assert said(other.chunks) == TEXT and [one.status for one in rows].count(Status.OK) == 1
    assert f"Request {row.id} was stopped at anthropic/{row.model}: {CODE}." in told
    assert any(text.startswith(f"cancel_request request_id={row.id}, by the API") for text in told)


async def test_before_the_first_token_the_sdks_get_an_error_and_do_not_ask_again(tmp_path: Path) -> None:
    async with FakeAnthropic(default=Reply(before_s=30)) as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        chat = openai.AsyncOpenAI(api_key=KEY, base_url=f"{llmgw.gateway.address}/v1")
        async with chat, sdk_of(llmgw) as made:
            messages = made.with_options(max_retries=2).messages
            for number, asked in enumerate(
                (
                    chat.chat.completions.create(**ASKED),
                    chat.responses.create(model="gateway-premium", input="Tell a story."),
                    messages.create(**ASKED, max_tokens=50),
                ),
                1,
            ):
                pending = asyncio.ensure_future(asked)
                await fake.wait_for_requests(number)
                await cancel(llmgw, (await running(llmgw)).id)
                with pytest.raises((openai.ConflictError, anthropic.ConflictError), match="by hand"):
                    await pending
        rows = await ended(llmgw, 3)

    assert fake.calls == 3, "nobody asks again"
    assert {(row.status, row.error_code) for row in rows} == {(Status.KILLED, CODE)}


async def test_streams_of_messages_and_responses_end_with_their_own_error_event(tmp_path: Path) -> None:
    reply = Reply(text="one two three", stall_after=5)
    async with FakeAnthropic(default=reply) as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        asked = {**ASKED, "max_tokens": 50, "stream": True}
        async with llmgw.http.post("/v1/messages", json=asked) as answer:
            while b"text_delta" not in await answer.content.readline():
                pass
            await cancel(llmgw, answer.headers["x-llmgw-request-id"])
            name, data = (await answer.text()).strip().splitlines()[-2:]
        events = asyncio.create_task(response_events(llmgw, "Count."))
        await fake.wait_for_requests(2)
        await cancel(llmgw, (await running(llmgw)).id)
        last = (await events)[-1]

    error = json.loads(data.removeprefix("data: "))["error"]
    assert (name, error["code"], error["type"]) == ("event: error", CODE, "invalid_request_error")
    assert last["type"] == "response.failed" and last["response"]["error"]["code"] == "invalid_prompt"
    assert "by hand" in last["response"]["error"]["message"]


async def test_others_that_share_its_call_hear_the_answer_to_the_end(tmp_path: Path) -> None:
    async with setting(tmp_path) as (fake, llmgw):
        first = await listen(llmgw)
        await first.hears("Johann")
        leader = await running(llmgw)
        second = await listen(llmgw)
        await boarded(llmgw, 2)
        await cancel(llmgw, leader.id)
        await first.rest()
        fake.resume()
        await second.rest()
        rows = await ended(llmgw, 2)

    assert first.error == CODE and said(second.chunks) == TEXT and fake.calls == 1
    assert {row.id == leader.id: row.status for row in rows} == {True: Status.KILLED, False: Status.OK}


async def test_what_is_not_in_flight_cannot_be_stopped_nor_twice(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        _, headers, _ = await llmgw.chat()
        over = await cancel(llmgw, headers["x-llmgw-request-id"])
        unknown = await cancel(llmgw, "req_nobody")
        empty = await cancel(llmgw, "")
        fake.script(Reply(before_s=30))
        pending = asyncio.create_task(llmgw.chat("Are you slow?"))
        await fake.wait_for_requests(2)
        row = await running(llmgw)
        run = llmgw.gateway.commands.run
        twice = await asyncio.gather(*(run("cancel_request", {"request_id": row.id}) for _ in range(2)))
        status, headers, body = await pending

    assert (over[0], unknown[0], empty[0]) == (400, 400, 400)
    assert "not in flight" in over[1]["message"] and "req_nobody is not in flight" in unknown[1]["message"]
    assert [result.ok for result in twice] == [True, False]
    assert (status, headers["x-should-retry"], body["error"]["code"]) == (409, "false", CODE)


async def test_the_kill_switch_after_it_leaves_it_stopped_by_hand(tmp_path: Path) -> None:
    async with FakeAnthropic(default=Reply(before_s=30)) as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        pending = asyncio.create_task(llmgw.chat("Are you slow?"))
        await fake.wait_for_requests(1)
        row, run = await running(llmgw), llmgw.gateway.commands.run
        await asyncio.gather(run("cancel_request", {"request_id": row.id}), run("kill", {}))
        status, _, body = await pending

    assert (status, body["error"]["code"]) == (409, CODE)

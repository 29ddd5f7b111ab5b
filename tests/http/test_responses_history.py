"""Responses that follow one another: kept, continued, asked for, deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openai
import pytest

from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.http.events import WEATHER, respond, said, stream
from tests.http.inside import KEY, client, with_claude


def texts(request: dict[str, Any]) -> list[str]:
    """The conversation a provider was sent, one text a message."""
    return ["".join(block.get("text", "") for block in message["content"]) for message in request["messages"]]


async def test_a_conversation_goes_on_from_a_previous_response(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        fake.script(Reply(text="one."), Reply(text="two."), Reply(text="three."))
        _, _, first = await respond(llmgw, "First?", instructions="Be brief.")
        events = await stream(llmgw, "Second?", previous_response_id=first["id"])
        second = events[-1]["response"]
        _, _, third = await respond(llmgw, [{"role": "user", "content": "?"}], previous_response_id=second["id"])

    assert second["previous_response_id"] == first["id"]
    assert texts(fake.requests[2]) == ["First?", "one.", "Second?", "two.", "?"]
    assert "system" not in fake.requests[1], "instructions are not carried over"
    assert said(third) == "three."


async def test_a_tool_result_may_answer_a_call_of_the_previous_response(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        fake.script(Reply(text="", tools=(("weather", {"city": "Rome"}),)), Reply(text="Sunny."))
        _, _, first = await respond(llmgw, "Rome?", tools=[WEATHER])
        result = {"type": "function_call_output", "call_id": first["output"][0]["call_id"], "output": "26"}
        _, _, second = await respond(llmgw, [result], tools=[WEATHER], previous_response_id=first["id"])
    assert said(second) == "Sunny."
    assert fake.rejected == []


async def test_an_item_can_be_referred_to_by_its_id(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        fake.script(Reply(text="one."), Reply(text="two."))
        _, _, first = await respond(llmgw, "First?")
        reference = {"type": "item_reference", "id": first["output"][0]["id"]}
        items = [{"role": "user", "content": "First?"}, reference, {"role": "user", "content": "Second?"}]
        _, _, second = await respond(llmgw, items)
        _, _, _ = await respond(llmgw, "Third?", previous_response_id=second["id"])
        status, _, missing = await respond(llmgw, [{"type": "item_reference", "id": "msg_x"}])

    assert texts(fake.requests[1]) == ["First?", "one.", "Second?"]
    assert texts(fake.requests[2]) == ["First?", "one.", "Second?", "two.", "Third?"]
    assert (status, missing["error"]["param"]) == (400, "input[0]")


async def test_a_cached_answer_is_a_response_of_its_own(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        _, _, first = await respond(llmgw, "Who wrote Faust?")
        _, headers, again = await respond(llmgw, "Who wrote Faust?")
        _, _, after = await respond(llmgw, "And when?", previous_response_id=again["id"])
    assert headers["x-llmgw-cache"] == "exact"
    assert first["id"] != again["id"]
    assert after["status"] == "completed"


async def test_a_response_is_kept_over_a_restart_but_for_its_caller_alone(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake:
        async with client(tmp_path, **with_claude(fake)) as llmgw:
            _, _, first = await respond(llmgw, "First?")
        async with client(tmp_path, **with_claude(fake)) as llmgw:
            status, _, _ = await respond(llmgw, "Second?", previous_response_id=first["id"])
            kept = await llmgw.gateway.responses.get("somebody else", first["id"])
    assert status == 200
    assert kept is None


async def test_the_sdk_gets_lists_and_deletes_what_is_kept(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        sdk = openai.AsyncOpenAI(base_url=f"{llmgw.gateway.address}/v1", api_key=KEY, max_retries=0)
        async with sdk:
            made = await sdk.responses.create(
                model="gateway-premium",
                input=[
                    {"role": "user", "content": "a"},
                    {"role": "user", "content": [{"type": "input_text", "text": "b"}]},
                ],
            )
            got = await sdk.responses.retrieve(made.id)
            items = [item async for item in sdk.responses.input_items.list(made.id, limit=1, order="asc")]
            newest = await sdk.responses.input_items.list(made.id)
            await sdk.responses.delete(made.id)
            with pytest.raises(openai.NotFoundError):
                await sdk.responses.retrieve(made.id)
            with pytest.raises(openai.BadRequestError) as failed:
                await sdk.responses.create(model="gateway-premium", input="?", previous_response_id=made.id)

    assert got == made
    assert [item.content[0].text for item in items if item.type == "message"] == ["a", "b"]  # type: ignore[union-attr]
    assert [item.id for item in newest.data] == [item.id for item in reversed(items)]
    assert failed.value.code == "previous_response_not_found"
    assert failed.value.param == "previous_response_id"


async def test_what_was_not_to_be_stored_is_not(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        _, _, first = await respond(llmgw, "First?", store=False)
        status, _, body = await respond(llmgw, "Second?", previous_response_id=first["id"])
        kept = await llmgw.gateway.responses.get("", first["id"])
    assert first["store"] is False
    assert (status, body["error"]["code"], kept) == (400, "previous_response_not_found", None)


async def test_keeping_nothing_is_said_where_something_is_asked_for(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, keep_bodies_days=0, **with_claude(fake)) as llmgw:
        _, _, first = await respond(llmgw, "First?")
        status, _, body = await respond(llmgw, "Second?", previous_response_id=first["id"])
        async with llmgw.http.get(f"/v1/responses/{first['id']}") as answer:
            got = answer.status, await answer.json()
    assert first["store"] is False
    assert (status, body["error"]["code"]) == (400, "previous_response_not_found")
    assert "KEEP_BODIES_DAYS is 0" in body["error"]["message"]
    assert got[0] == 404 and "KEEP_BODIES_DAYS is 0" in got[1]["error"]["message"]


@pytest.mark.parametrize(
    ("path", "status", "param"),
    [
        ("/v1/responses/resp_x", 404, "response_id"),
        ("/v1/responses/resp_x/input_items", 404, "response_id"),
        ("/v1/responses/{id}?stream=true", 400, "stream"),
        ("/v1/responses/{id}/input_items?limit=0", 400, "limit"),
        ("/v1/responses/{id}/input_items?limit=²", 400, "limit"),
        ("/v1/responses/{id}/input_items?limit=" + "9" * 5000, 400, "limit"),
        ("/v1/responses/%FF%00", 404, "response_id"),
        ("/v1/responses/{id}/input_items?order=up", 400, "order"),
    ],
)
async def test_what_cannot_be_given_is_named(tmp_path: Path, path: str, status: int, param: str) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        _, _, made = await respond(llmgw)
        async with llmgw.http.get(path.format(id=made["id"])) as answer:
            body = await answer.json()
    assert (answer.status, body["error"]["param"]) == (status, param)


async def test_a_long_conversation_is_kept_turn_by_turn(tmp_path: Path) -> None:
    """Ten turns take ten times the room of one, not fifty-five times."""
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        previous: str | None = None
        for turn in range(10):
            _, _, made = await respond(llmgw, f"Turn {turn}: " + "word " * 50, previous_response_id=previous)
            previous = made["id"]
        assert previous
        chain = await llmgw.gateway.responses.chain(_caller(), previous, 10**9)

    assert isinstance(chain, tuple)
    assert [len(turn.items) for turn in chain] == [2] * 10
    assert len(fake.requests[-1]["messages"]) == 19


def _caller() -> str:
    from gateway_core.secret import fingerprint

    return fingerprint(KEY)

"""Conversations through the whole gateway: tool loops stay, what is asked again is raised once, warm caches hold."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from gateway_core.clients.openclaw import is_carrier_text
from gateway_core.model import JsonObject
from tests.cache.browsed import BrowsedChild
from tests.clients.recorded import Recorded, recorded_session
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.fakes.script import Failure, Reply
from tests.http.inside import Client, client, with_claude, with_groq

EMPTY = Reply(text="")
"""What sends a request one tier up."""
PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}
LOOPS = ({2, 3}, {5, 6, 7}, {9, 10})
"""The requests of the recorded session's tool loops, each with the one that began it."""
HARD = "Design a distributed lock service and prove step by step that it has no deadlock. It must not use clocks."
READ = {
    "type": "function",
    "function": {"name": "read", "parameters": {"type": "object", "properties": {"path": {"type": "string"}}}},
}


@dataclass
class Upstreams:
    local: FakeOpenAI
    groq: FakeOpenAI
    claude: FakeAnthropic

    @property
    def settings(self) -> dict[str, Any]:
        local = {"local_llm_enabled": True, "local_llm_url": self.local.base_url, "cheap_provider": "groq"}
        return {**local, **with_groq(self.groq), **with_claude(self.claude)}


@asynccontextmanager
async def upstreams() -> AsyncIterator[Upstreams]:
    async with (
        FakeOpenAI(kind="lmstudio", models=("qwen3",)) as local,
        FakeOpenAI(key="groq-key", models=("openai/gpt-oss-120b",)) as groq,
        FakeAnthropic() as claude,
    ):
        yield Upstreams(local, groq, claude)


async def ask(gateway: Client, body: JsonObject, headers: dict[str, str] | None = None, api: str = "chat") -> Any:
    """What is kept of one request."""
    async with gateway.http.post(PATHS[api], json=body, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        await answer.read()
    return await gateway.get(f"/api/requests/{answer.headers['x-llmgw-request-id']}")


def talk(*said: str, **more: Any) -> JsonObject:
    """A plain conversation, the user's first; no session, no envelope."""
    roles = ("user", "assistant")
    messages = [{"role": roles[at % 2], "content": text} for at, text in enumerate(said)]
    return {"model": "gateway-auto", "messages": messages, **more}


def looped(steps: int, text: str = "Hello!", result: str = "No such file.") -> JsonObject:
    """A plain SDK's tool loop that calls the same over and over."""
    messages: list[JsonObject] = [{"role": "user", "content": text}]
    for at in range(steps):
        call = {"id": f"call_{at}", "type": "function", "function": {"name": "read", "arguments": '{"path":"a.md"}'}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"call_{at}", "content": result})
    return {"model": "gateway-auto", "messages": messages, "tools": [READ]}


# --- OpenClaw's recorded session over each protocol -----------------------------------------------------------------


def as_messages(body: JsonObject) -> JsonObject:
    """The recorded request in Anthropic's words, the carrier in a message of its own."""
    system, *rest = body["messages"]
    sent: list[JsonObject] = []
    for message in rest:
        role = "user" if message["role"] == "tool" else message["role"]
        blocks: list[JsonObject]
        if message["role"] == "tool":
            blocks = [
                {"type": "tool_result", "tool_use_id": message["tool_call_id"], "content": str(message["content"])}
            ]
        else:
            content = message["content"]
            blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(content or ())
            for call in message.get("tool_calls") or ():
                arguments = json.loads(call["function"]["arguments"])
                blocks.append(
                    {"type": "tool_use", "id": call["id"], "name": call["function"]["name"], "input": arguments}
                )
        if message["role"] == "tool" and sent[-1]["role"] == role:
            sent[-1]["content"] += blocks
        else:
            sent.append({"role": role, "content": blocks})
    tools = [
        {"name": one["function"]["name"], "input_schema": one["function"]["parameters"], "description": "A tool."}
        for one in body["tools"]
    ]
    return {
        "model": body["model"],
        "stream": True,
        "max_tokens": body["max_completion_tokens"],
        "system": system["content"],
        "messages": sent,
        "tools": tools,
    }


def as_responses(body: JsonObject) -> JsonObject:
    items: list[JsonObject] = []
    for message in body["messages"]:
        if message["role"] == "tool":
            output = str(message["content"])
            items.append({"type": "function_call_output", "call_id": message["tool_call_id"], "output": output})
            continue
        content = message["content"]
        if content:
            text = content if isinstance(content, str) else content[0]["text"]
            role = "developer" if message["role"] == "system" else message["role"]
            kind = "output_text" if role == "assistant" else "input_text"
            items.append({"type": "message", "role": role, "content": [{"type": kind, "text": text}]})
        for call in message.get("tool_calls") or ():
            items.append({"type": "function_call", "call_id": call["id"], **call["function"]})
    tools = [{"type": "function", **one["function"]} for one in body["tools"]]
    return {"model": body["model"], "stream": True, "store": False, "input": items, "tools": tools}


def without_names(request: Recorded) -> Recorded:
    """As a plain SDK would send it: no envelope and no session."""
    kept = [one for one in request.body["messages"] if not is_carrier(one)]
    messages = [
        {**one, "content": one["content"].partition("] ")[2].partition("\n\nRuntime:")[0]}
        if one["role"] == "user"
        else {**one, "content": "Be brief."}
        if one["role"] == "system"
        else one
        for one in kept
    ]
    return Recorded({"user-agent": "OpenAI/Python 3.0"}, {**request.body, "messages": messages, "prompt_cache_key": ""})


def is_carrier(message: JsonObject) -> bool:
    content = message["content"]
    return isinstance(content, list) and is_carrier_text(content[0]["text"])


@pytest.mark.parametrize("restarts", [(), (3, 6, 7, 10)], ids=["at once", "restarted within each loop"])
@pytest.mark.parametrize("api", ["chat", "messages", "responses", "plain"])
async def test_a_tool_loop_flips_no_tier(tmp_path: Path, api: str, restarts: Sequence[int]) -> None:
    """Each loop begins while the local model gives no answer, and goes on where the first one came from."""
    requests = recorded_session()
    if api == "plain":
        requests = [without_names(one) for one in requests]
    make: Callable[[JsonObject], JsonObject] = {"messages": as_messages, "responses": as_responses}.get(api, dict)
    path = api if api in PATHS else "chat"
    tiers: list[str] = []
    async with upstreams() as up:
        at = 0
        for end in (*restarts, len(requests)):
            async with client(tmp_path, **up.settings) as gateway:
                for number in range(at, end):
                    if number in (2, 5, 9):
                        up.local.script(EMPTY)
                    headers = dict(requests[number].headers)
                    detail = await ask(gateway, make(requests[number].body), headers, path)
                    tiers.append(detail["row"]["tier"])
            at = end
    for loop in LOOPS:
        assert {tiers[number] for number in loop} == {"cheap"}, tiers
    assert tiers[0] == "local"
    assert up.claude.rejected == up.groq.rejected == up.local.rejected == []


async def test_subagents_of_one_session_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Two loops in one session, step by step in turn: one began on the cheap tier, the other on the local one."""
    named = {"session_id": "one"}
    first, second = looped(1, "Hello!", "1"), looped(1, "Hello there!", "1")
    async with upstreams() as up, client(tmp_path, **up.settings) as gateway:
        up.local.script(EMPTY)
        tiers = []
        for steps in range(4):
            for text in ("Hello!", "Hello there!"):
                body = looped(steps, text, "x" * 7)
                detail = await ask(gateway, {**body, "tools": first["tools"]}, named)
                tiers.append(detail["row"]["tier"])
    assert second["messages"] != first["messages"]
    assert tiers[0::2] == ["cheap"] * 4
    assert set(tiers[1::2][:3]) == {"local"}


# --- what is asked again --------------------------------------------------------------------------------------------


async def test_what_is_asked_again_goes_a_tier_up_once_and_the_session_comes_back(tmp_path: Path) -> None:
    question = "What is the capital of France?"
    async with upstreams() as up, client(tmp_path, **up.settings) as gateway:
        first = await ask(gateway, talk(question))
        second = await ask(gateway, talk(question, "Lyon.", "That's wrong"))
        third = await ask(gateway, talk(question, "Lyon.", "That's wrong", "Nice.", "try again"))
        other = await ask(gateway, talk(question, "Lyon.", "That's wrong", "Nice.", "try again", "Paris.", "Thanks!"))
    assert [one["row"]["tier"] for one in (first, second, third, other)] == ["local", "cheap", "cheap", "local"]
    looks = [one["decision"]["record"]["session"] for one in (first, second, third, other)]
    assert looks[0] is None
    assert (looks[1]["escalated"], looks[1]["asked_again"]) == (True, 1.0)
    assert looks[1]["again_of"] == first["row"]["id"]
    assert (looks[2]["escalated"], looks[2]["again_of"]) == (False, second["row"]["id"])
    assert looks[3]["again_of"] == ""
    assert second["row"]["route"] == "session:again"


async def test_the_third_of_the_very_same_requests_gets_a_better_answer_and_no_cached_one(tmp_path: Path) -> None:
    async with upstreams() as up, client(tmp_path, **up.settings) as gateway:
        details = [await ask(gateway, talk("What is the capital of France?")) for _ in range(5)]
    served = [(one["row"]["cache"], one["row"]["tier"]) for one in details]
    assert served[:3] == [("miss", "local"), ("exact", "local"), ("miss", "cheap")]
    assert served[3:] == [("exact", "cheap")] * 2
    assert details[2]["row"]["route"] == "session:strikes"
    assert [one["decision"]["record"]["session"]["repeats"] for one in details[1:]] == [1, 2, 3, 4]


async def test_what_failed_is_no_strike(tmp_path: Path) -> None:
    async with upstreams() as up:
        local = {"local_llm_enabled": True, "local_llm_url": up.local.base_url}
        async with client(tmp_path, **local) as gateway:
            for _ in range(3):
                up.local.script(Failure(400, "Not today."))
                async with gateway.http.post("/v1/chat/completions", json=talk("Hello!")) as answer:
                    assert answer.status >= 400
            detail = await ask(gateway, talk("Hello!"))
    assert (detail["row"]["tier"], detail["decision"]["record"]["session"]) == ("local", None)


@pytest.mark.parametrize("named", ["gateway-local", "gateway-cheap", "qwen3"])
async def test_what_is_named_is_answered_by_the_cache_as_often_as_it_comes(tmp_path: Path, named: str) -> None:
    async with upstreams() as up, client(tmp_path, **up.settings) as gateway:
        details = [await ask(gateway, talk("Hello!", model=named)) for _ in range(4)]
    assert [one["row"]["cache"] for one in details] == ["miss", "exact", "exact", "exact"]


async def test_what_is_asked_again_gets_no_answer_that_was_given_to_other_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = BrowsedChild()
    monkeypatch.setattr("gateway_core.composition.open_encoder", lambda settings, note, url: child)
    asked, reworded = "What is the capital of Ghana?", "Please tell me what the capital of Ghana is"
    async with upstreams() as up, client(tmp_path, semantic_cache="on", **up.settings) as gateway:
        await ask(gateway, talk(asked), {"session_id": "one"})
        other = await ask(gateway, talk(reworded), {"session_id": "two"})
        again = await ask(gateway, talk(reworded), {"session_id": "one"})
    assert other["row"]["cache"] == "semantic"
    assert (again["row"]["cache"], again["row"]["tier"], again["row"]["route"]) == ("miss", "cheap", "session:again")


async def test_the_meaning_of_words_is_asked_for_only_where_they_leave_it_open(tmp_path: Path) -> None:
    glanced, read = list[str](), list[str]()

    async def glance(text: str) -> Sequence[float] | None:
        glanced.append(text)
        return (1.0, -1.0) if text == weather else (1.0, 0.5)

    async def reader(text: str) -> Sequence[float] | None:
        read.append(text)
        return (1.0, 0.5)

    weather = "Will it rain tomorrow?"
    boil, cook = "How do I boil an egg?", "What's the way to cook eggs?"
    async with upstreams() as up, client(tmp_path, **up.settings) as gateway:
        gateway.gateway._talks.use_readers(glance, reader)
        await ask(gateway, talk(boil))
        first = await ask(gateway, talk(boil, "In water.", boil))
        again = await ask(gateway, talk(boil, "In water.", boil, "In hot water.", cook))
        other = await ask(gateway, talk(boil, "In water.", boil, "In hot water.", cook, "With heat.", weather))
    assert first["decision"]["record"]["session"]["asked_again"] == 1.0
    assert (again["decision"]["record"]["session"]["again_of"]) == first["row"]["id"]
    assert not other["decision"]["record"]["session"]["asked_again"]
    assert glanced == [cook, boil, weather, cook]
    assert read == [cook, boil], "what is far at a glance is not read"


async def test_a_meaning_that_cannot_be_known_costs_no_request(tmp_path: Path) -> None:
    async def broken(text: str) -> Sequence[float] | None:
        raise OSError("the child has died")

    async with upstreams() as up, client(tmp_path, **up.settings) as gateway:
        gateway.gateway._talks.use_readers(broken, broken)
        await ask(gateway, talk("Hello!"))
        assert (await ask(gateway, talk("Hello!", "Hi.", "Who are you?")))["row"]["status"] == "ok"


async def test_two_agents_that_begin_alike_are_told_apart_by_their_calls(tmp_path: Path) -> None:
    """No session, the same words, one began on the cheap tier and one on the local: each stays where it is."""
    call = Reply(text="", tools=(("read", {"path": "a.md"}),))
    async with upstreams() as up, client(tmp_path, exact_cache="off", **up.settings) as gateway:
        await ask(gateway, talk("Hello!", model="gateway-cheap"))  # from here on its ids are not the local ones
        up.local.script(call, EMPTY)
        up.groq.script(call)
        begun = [await ask(gateway, talk("Hello!", tools=[READ])) for _ in range(2)]
        tiers: list[str] = []
        for one in (*begun, *begun):
            made = one["answer"]["tool_calls"][0]["id"]
            body = talk("Hello!", tools=[READ])
            body["messages"] += [one["answer"], {"role": "tool", "tool_call_id": made, "content": "x" * len(tiers)}]
            tiers.append((await ask(gateway, body))["row"]["tier"])
    assert [one["row"]["tier"] for one in begun] == ["local", "cheap"]
    assert tiers == ["local", "cheap", "local", "cheap"]


# --- the warm cache -------------------------------------------------------------------------------------------------


async def test_an_easy_turn_stays_where_the_prompt_cache_is_warm_and_says_so_in_dollars(tmp_path: Path) -> None:
    system = [{"role": "system", "content": "You know the handbook. " + "Rules are rules. " * 6_000}]
    async with upstreams() as up, client(tmp_path, **up.settings) as gateway:
        hard = talk(HARD, tools=[READ])
        hard["messages"] = system + hard["messages"]
        first = await ask(gateway, hard)
        easy = talk(HARD, "Here it is.", "Thanks!", tools=[READ])
        easy["messages"] = system + easy["messages"]
        second = await ask(gateway, easy)
        lone = await ask(gateway, talk("Thanks!"))
    assert [one["row"]["tier"] for one in (first, second, lone)] == ["premium", "premium", "local"]
    assert second["row"]["route"] == "session:warm-cache"
    look = second["decision"]["record"]["session"]
    reported = first["usage"]["cache_write_5m_tokens"] + first["usage"]["cache_write_1h_tokens"]
    assert look["cached_tokens"] == reported > 10_000
    assert 0 < look["saves_microusd"] < look["loses_microusd"]
    why = second["decision"]["reasons"][0]["text"]
    assert f"its prompt cache of {reported:,} tokens is warm for " in why
    assert f"local would save ${look['saves_microusd'] / 1e6:.4f} and lose ${look['loses_microusd'] / 1e6:.4f}" in why


# --- a model that turns in circles ----------------------------------------------------------------------------------


async def test_a_local_model_that_turns_in_circles_is_replaced_before_the_client_sees_it(tmp_path: Path) -> None:
    call = Reply(text="", tools=(("read", {"path": "a.md"}),))
    async with upstreams() as up, client(tmp_path, **up.settings) as gateway:
        up.local.script(call, call, call)
        up.groq.script(Reply(text="The file is not there."))
        details = [await ask(gateway, looped(steps)) for steps in range(3)]
        after = await ask(gateway, looped(3))
    assert [one["row"]["tier"] for one in (*details, after)] == ["local", "local", "cheap", "cheap"]
    assert details[2]["answer"]["content"] == "The file is not there."
    [said] = [one["text"] for one in details[2]["remarks"] if one["step"] == "try"]
    assert "turns in circles: it called 'read' for the third time" in said
    assert after["decision"]["record"]["session"]["escalated"] is False


async def test_a_paid_model_that_turns_in_circles_goes_up_at_the_next_step_and_once(tmp_path: Path) -> None:
    async with upstreams() as up, client(tmp_path, **up.settings) as gateway:
        up.local.script(EMPTY)
        tiers, routes = [], []
        text = "Tell me something about the weather in spring, in the mountains and at the sea, as you like it."
        for steps in range(6):
            detail = await ask(gateway, looped(steps, text))
            tiers.append(detail["row"]["tier"])
            routes.append(detail["row"]["route"])
    assert tiers == ["cheap"] * 3 + ["premium"] * 3
    assert routes[3:] == ["session:loop", "session:tool-loop", "session:tool-loop"]


def test_the_recorded_loops_are_where_this_file_says() -> None:
    loops = [number for number, one in enumerate(recorded_session()) if one.view().in_tool_loop]
    assert loops == [3, 6, 7, 10]
    assert not replace(recorded_session()[2]).view().in_tool_loop

"""What another policy would have cost, over HTTP, on a screen's source and on the command line: all tell the same."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import aiohttp
import pytest

from gateway_core.routing.lineup import DEFAULT_CHEAP_MODELS
from gateway_core.whatif_values import Policy
from llmgw_tui.cli import main
from llmgw_tui.source_http import HttpSource
from llmgw_tui.what_if import what_if
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.openai import FakeOpenAI
from tests.http.inside import KEY, Client, client, make_settings, with_claude, with_groq

GROQ_MODEL = DEFAULT_CHEAP_MODELS["groq"]
PREMIUM = {"all": "premium", "cache": "off"}


async def some_traffic(llmgw: Client) -> None:
    """An easy prompt, which goes to CHEAP for want of a local model, twice, and a hard one."""
    hard = "Design a distributed algorithm, prove step by step that it has no deadlock, and compare trade-offs."
    for prompt in ("Hello!", "Hello!", hard):
        assert (await llmgw.chat(prompt, model="gateway-auto"))[0] == 200


async def test_a_gateway_replays_what_it_answered_and_every_face_tells_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with FakeAnthropic() as claude, FakeOpenAI(key="groq-key", models=(GROQ_MODEL,)) as groq:
        more = {**with_claude(claude), **with_groq(groq), "router_easy_below": 0.3, "router_hard_from": 0.62}
        async with client(tmp_path, **more) as llmgw:
            await some_traffic(llmgw)
            calls = len(claude.requests), len(groq.requests)
            spent = llmgw.gateway.snapshot().budget.spent_microusd
            as_it_was = await llmgw.get("/api/whatif?days=1")
            dearer = await llmgw.get("/api/whatif?days=1&all=premium&cache=off")
            source = HttpSource(llmgw.gateway.address, KEY)
            source.open()
            looked = await source.what_if(Policy(days=1))
            await source.close()
            assert (len(claude.requests), len(groq.requests)) == calls, "nothing is called"
            assert looked == await llmgw.gateway.what_if.look(Policy(days=1)) and not looked.problem
            assert await what_if(make_settings(tmp_path, **more), {"days": "1", **PREMIUM}, as_json=True) == 0
            printed = json.loads(capsys.readouterr().out)
        assert await what_if(make_settings(tmp_path, **more), {"days": "1"}, as_json=False) == 0
    assert as_it_was["requests"] == 3 and as_it_was["moved"] == 0 and spent > 0
    assert as_it_was["before_microusd"] == as_it_was["after_microusd"] == spent
    assert {one["source"]: one["requests"] for one in as_it_was["moves"]} == {"cheap": 1, "premium": 1, "cache": 1}
    assert (as_it_was["now"]["easy_below"], as_it_was["now"]["hard_from"]) == (0.3, 0.62)
    assert as_it_was["now"]["decided"] == 2 and as_it_was["now"]["share"] == 0.5
    assert dearer["moved"] == 2 and dearer["after_microusd"] > spent
    assert {one["target"] for one in dearer["moves"]} == {"premium"}
    for name in ("after_microusd", "low_microusd", "moves", "tiers", "now", "then", "lanes", "limit_after"):
        assert printed[name] == dearer[name], name
    table = capsys.readouterr().out
    assert "3 answered requests" in table and "policy      as it was" in table


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("days=0", "days is a whole number from 1 to 400."),
        ("premium_share=x", "premium_share is a percentage from 0 to 100."),
        ("all=premium&premium_share=5", "give one of them."),
        ("local_model=nobody", "local_model nobody: its context is not known, so give it as nobody@TOKENS."),
        ("cache=1", "cache is on or off."),
        ("model=x", "model is not known here"),
    ],
)
async def test_a_wrong_question_is_told_what_would_be_right(tmp_path: Path, query: str, says: str) -> None:
    async with client(tmp_path) as llmgw, llmgw.http.get(f"/api/whatif?{query}") as answer:
        error = (await answer.json())["error"]
        assert answer.status == 400 and says in error["message"] and error["param"] == query.split("=")[0].split("&")[0]


async def test_it_needs_the_key(tmp_path: Path) -> None:
    async with client(tmp_path) as llmgw, aiohttp.ClientSession(llmgw.gateway.address) as nobody:
        assert (await nobody.get("/api/whatif")).status == 401


async def test_a_gateway_that_has_answered_nothing_says_so(tmp_path: Path) -> None:
    async with client(tmp_path) as llmgw:
        found = await llmgw.get("/api/whatif")
        assert (found["requests"], found["after_microusd"], len(found["days"])) == (0, 0, 30)
        assert found == json.loads(json.dumps(asdict(await llmgw.gateway.what_if.look(Policy()))))


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--days", "0"], 2, "days are a number from 1 to 400"),
        (["--premium-share", "200"], 2, "a share is a percentage from 0 to 100"),
        (["--premium-share", "5", "--all-premium"], 2, "not allowed with"),
        (["--local-model", "x@y"], 2, "--local-model is NAME or NAME@TOKENS"),
        ([], 1, "nothing was recorded in"),
    ],
)
def test_what_cannot_be_done_is_said_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    try:
        found = main(["what-if", "--data-dir", str(tmp_path), *arguments])
    except SystemExit as ended:
        found = int(ended.code or 0)
    assert found == code and says in capsys.readouterr().err

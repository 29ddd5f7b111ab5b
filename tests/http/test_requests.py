"""The request log over HTTP: filtered, sorted, page by page."""

from __future__ import annotations

from pathlib import Path

from gateway_core.model import Counted
from gateway_core.request_pages import RequestsPage
from llmgw_tui.source_http import HttpSource
from llmgw_tui.source_local import LocalSource
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply
from tests.http.inside import KEY, chat_body, client, with_claude


async def test_the_log_is_paged_searched_and_sorted_alike_here_and_over_http(tmp_path: Path) -> None:
    async with FakeAnthropic(default=Reply(text="Volumen.")) as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        for number in range(5):
            await llmgw.chat(f"Question number {number}?")
        first = await llmgw.get("/api/requests?limit=2")
        second = await llmgw.get(f"/api/requests?limit=2&cursor={first['next']}")
        assert [row["preview"] for row in first["requests"] + second["requests"]] == [
            f"Question number {number}?" for number in (4, 3, 2, 1)
        ]
        assert (first["total"], first["kept"], second["total"]) == (5, 5, None)
        assert len((await llmgw.get("/api/requests?q=volum%20tier:premium%20cost%3E0"))["requests"]) == 5
        assert (await llmgw.get("/api/requests?q=!question"))["requests"] == []
        costs = [row["cost_microusd"] for row in (await llmgw.get("/api/requests?sort=-cost"))["requests"]]
        assert costs == sorted(costs) and len(costs) == 5
        here = await LocalSource(llmgw.gateway).requests("number", "latency")
        source = HttpSource(llmgw.gateway.address, KEY)
        source.open()
        there = await source.requests("number", "latency")
        wrong = await source.requests("cst>1")
        await source.close()
        assert isinstance(here, RequestsPage) and here == there and here.total == 5
        assert "no number is called cst" in wrong.problem
        assert "no number is called cst" in (await LocalSource(llmgw.gateway).requests("cst>1")).problem


async def test_what_cannot_be_understood_is_a_400_that_says_what_is_known(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, client(tmp_path, **with_claude(fake)) as llmgw:
        for query, param, says in (
            ("q=cst%3E0.01", "q", "no number is called cst; choose cost"),
            ("sort=best", "sort", "There is no order best"),
            ("cursor=nonsense", "cursor", "next of another page"),
            ("limit=0", "limit", "from 1 to 1000"),
        ):
            async with llmgw.http.get(f"/api/requests?{query}") as answer:
                error = (await answer.json())["error"]
                assert (answer.status, error["param"]) == (400, param) and says in error["message"]


async def test_what_was_not_counted_is_told_everywhere(tmp_path: Path) -> None:
    async with (
        FakeAnthropic(default=Reply(text="One two three four.", stall_after=4)) as fake,
        client(tmp_path, **with_claude(fake)) as llmgw,
    ):
        source = HttpSource(llmgw.gateway.address, KEY)
        source.open()
        async with llmgw.http.post("/v1/chat/completions", json=chat_body("Count.", stream=True)) as answer:
            running = await llmgw.get("/api/requests")
            await answer.content.readline()
            await llmgw.gateway.commands.run("kill", {})
            await answer.read()
        logged = (await llmgw.get("/api/requests"))["requests"][0]
        detail = await source.detail(logged["id"])
        (attached,) = (await source.fetch()).requests
        local = llmgw.gateway.snapshot().requests[0]
        await source.close()
    assert running["requests"][0]["input_counted"] == "estimated"
    assert (logged["input_counted"], logged["output_counted"]) == ("measured", "ceiling")
    assert detail is not None and detail.usage.output_counted is detail.row.output_counted is Counted.CEILING
    assert attached.output_counted is local.output_counted is Counted.CEILING

"""One key stops everything, also what is in flight."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.e2e.harness import anthropic_env, gateway
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.script import Reply

STREAM = {"model": "gateway-premium", "stream": True, "messages": [{"role": "user", "content": "Tell me a story."}]}


async def test_kill_switch_stops_a_stream_in_flight(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, gateway(tmp_path, **anthropic_env(fake)) as llmgw:
        fake.script(Reply(text="once upon a time", stall_after=4))
        async with llmgw.http.post("/v1/chat/completions", json=STREAM) as stream:
            first = await stream.content.readline()
            assert first.startswith(b"data: ")
            async with llmgw.http.post("/admin/kill-switch?action=enable") as switched:
                assert (await switched.json())["enabled"] is True
            rest = await stream.text()
        await fake.wait_for_disconnects(1)
        budget = await llmgw.get("/api/budget")
        rows = (await llmgw.get("/api/requests"))["requests"]
        refused = await llmgw.chat("Anybody there?")

        assert '"kill_switch"' in rest and "[DONE]" not in rest
        assert budget["spent_usd"] > 0 and budget["reserved_usd"] == 0
        assert rows[0]["status"] == "killed"
        assert (refused.status, refused.code) == (503, "kill_switch")

        assert (await llmgw.command("release"))["ok"]
        assert (await llmgw.chat("And now?")).status == 200


async def test_kill_switch_stops_a_request_that_waits_for_its_first_token(tmp_path: Path) -> None:
    async with FakeAnthropic(default=Reply(before_s=30)) as fake, gateway(tmp_path, **anthropic_env(fake)) as llmgw:
        pending = asyncio.create_task(llmgw.chat("Are you slow?"))
        await fake.wait_for_requests(1)
        await llmgw.command("kill")
        answer = await pending

    assert (answer.status, answer.code) == (503, "kill_switch")


async def test_a_client_that_leaves_stops_the_upstream_and_pays_for_what_came(tmp_path: Path) -> None:
    async with FakeAnthropic() as fake, gateway(tmp_path, **anthropic_env(fake)) as llmgw:
        fake.script(Reply(text="once upon a time", stall_after=4))
        finished = asyncio.create_task(llmgw.event("request.finished"))
        async with llmgw.http.post("/v1/chat/completions", json=STREAM) as stream:
            await stream.content.readline()
            stream.close()
        await fake.wait_for_disconnects(1)
        await finished
        budget = await llmgw.get("/api/budget")
        rows = (await llmgw.get("/api/requests"))["requests"]

    assert budget["spent_usd"] > 0 and budget["reserved_usd"] == 0
    assert rows[0]["status"] == "cancelled"

"""The built-in model's process dies or hangs: what is in flight gets an error of its protocol, and it comes back."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.harness import GatewayProcess, gateway
from tests.faults.asked import PATHS, PROTOCOLS, asked
from tests.faults.children import MODEL, child_of, child_there, hurt
from tests.faults.disk import LONGEST_S

pytestmark = pytest.mark.asyncio(loop_scope="module")
LOCAL = {"model": "gateway-local"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def llmgw(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("builtin")
    async with gateway(folder, before=MODEL, LOCAL_LLM_ENABLED="true", BUILTIN_MODEL="on") as process:
        await serves(process)
        yield process


async def serves(llmgw: GatewayProcess) -> None:
    """Returns once the model answers."""
    async with asyncio.timeout(LONGEST_S):
        while (await llmgw.chat("Hello", model="gateway-local", temperature=0.5)).status != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


ENDS = {"chat": 'data: {"error":', "messages": "event: error", "responses": "event: response.failed"}
"""How a stream ends in an error, by protocol."""


class Streams:
    """A stream of each protocol, of which the model has sent a piece: nobody may be asked anew."""

    async def begin(self, llmgw: GatewayProcess, text: str) -> None:
        self._answers = [
            await llmgw.http.post(PATHS[protocol], json=asked(protocol, f"{text}, {protocol}", stream=True) | LOCAL)
            for protocol in PROTOCOLS
        ]
        for answer in self._answers:
            async with asyncio.timeout(LONGEST_S):
                while b"It" not in await answer.content.readline():
                    pass

    async def end_in_errors(self) -> None:
        """Once the model has gone."""
        async with asyncio.timeout(LONGEST_S):
            rests = [(await answer.read()).decode() for answer in self._answers]
        assert [ENDS[protocol] in rest for protocol, rest in zip(PROTOCOLS, rests, strict=True)] == [True] * 3, rests


async def assert_another_serves_after(how: signal.Signals, llmgw: GatewayProcess, asked: str) -> None:
    """What is in flight when the model is hurt ends in errors, and another model comes."""
    child = await child_there(llmgw)
    streams = Streams()
    await streams.begin(llmgw, asked)
    hurt(child, how)
    await streams.end_in_errors()
    await child_there(llmgw, other_than=child)
    await serves(llmgw)


async def test_a_killed_model_gives_what_is_in_flight_an_error_of_its_protocol_and_comes_back(
    llmgw: GatewayProcess,
) -> None:
    """As the system ends it for want of memory: SIGKILL."""
    await assert_another_serves_after(signal.SIGKILL, llmgw, "please stall")


async def test_a_model_that_hangs_is_ended_with_an_error_to_what_is_in_flight_and_comes_back(
    llmgw: GatewayProcess,
) -> None:
    await assert_another_serves_after(signal.SIGSTOP, llmgw, "please stall again")


async def test_a_model_that_dies_again_and_again_is_given_up_and_said_so(llmgw: GatewayProcess) -> None:
    """The last one: it is started three times at most, those of before among them."""
    child, said = None, ""
    async with asyncio.timeout(2 * LONGEST_S):
        while "is not started again" not in said:
            if child_of(llmgw) not in (None, child):
                child = await child_there(llmgw)
                await serves(llmgw)
                hurt(child, signal.SIGKILL)
            await asyncio.sleep(0.05)
            said = str((await llmgw.get("/api/snapshot"))["notices"])
    assert "The built-in model died 4 times" in said and child_of(llmgw) is None
    refused = await llmgw.chat("Hello?", model="gateway-local")
    assert (refused.status, refused.code) == (503, "no_provider")

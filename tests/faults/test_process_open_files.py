"""More connections than the process may have files open."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

from tests.e2e.harness import GatewayProcess, gateway

FILES = 60
LIMITED = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({FILES}, {FILES}))"
LOWERED = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 4_096))"


def open_files(llmgw: GatewayProcess) -> int:
    return len(list(Path(f"/proc/{llmgw.process.pid}/fd").iterdir()))


def most_files(llmgw: GatewayProcess) -> int:
    limits = Path(f"/proc/{llmgw.process.pid}/limits").read_text().splitlines()
    return int(next(line for line in limits if line.startswith("Max open files")).split()[3])


def cpu_s(llmgw: GatewayProcess) -> float:
    fields = Path(f"/proc/{llmgw.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


async def is_at_rest(llmgw: GatewayProcess) -> None:
    """Returns once a gateway that has just started has loaded what it will need soon; fails after a while."""
    async with asyncio.timeout(30):
        used = -1.0
        while cpu_s(llmgw) - used > 0.1:
            used = cpu_s(llmgw)
            await asyncio.sleep(1)


async def test_too_many_connections_spin_no_cpu_and_service_resumes_when_they_go(tmp_path: Path) -> None:
    async with gateway(tmp_path, before=LIMITED) as llmgw, AsyncExitStack() as stack:
        host, port = llmgw.address.removeprefix("http://").split(":")
        for _ in range(FILES):
            _, writer = await asyncio.open_connection(host, int(port))
            stack.callback(writer.close)
        async with asyncio.timeout(30):
            while open_files(llmgw) < FILES:  # noqa: ASYNC110 - another process accepts
                await asyncio.sleep(0.02)
        await is_at_rest(llmgw)
        began, used = time.monotonic(), cpu_s(llmgw)
        await asyncio.sleep(2)
        assert cpu_s(llmgw) - used < (time.monotonic() - began) / 4
        assert llmgw.process.returncode is None
        await stack.aclose()
        async with asyncio.timeout(30), llmgw.http.get("/health") as answer:
            assert answer.status == 200
        assert (await llmgw.chat()).code == "no_provider"


async def test_a_low_limit_of_open_files_is_raised_as_far_as_it_may_be(tmp_path: Path) -> None:
    async with gateway(tmp_path, before=LOWERED) as llmgw:
        assert most_files(llmgw) == 4_096

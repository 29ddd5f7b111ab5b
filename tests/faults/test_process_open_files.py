"""More connections than the process may have files open."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

from tests.e2e.harness import GatewayProcess, gateway

FILES = 60
LIMITED = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({FILES}, {FILES}))"
COUNTED = """
import os, socket
failed = os.open({path!r}, os.O_WRONLY | os.O_CREAT, 0o600)
taken = socket.socket.accept
def accept(listening):
    try:
        return taken(listening)
    except OSError as error:
        if not isinstance(error, BlockingIOError):
            os.write(failed, b".")
        raise
socket.socket.accept = accept
"""
"""Notes each connection that could not be taken, as a byte in a file."""
LOWERED = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 4_096))"


def open_files(llmgw: GatewayProcess) -> int:
    return len(list(Path(f"/proc/{llmgw.process.pid}/fd").iterdir()))


def most_files(llmgw: GatewayProcess) -> int:
    limits = Path(f"/proc/{llmgw.process.pid}/limits").read_text().splitlines()
    return int(next(line for line in limits if line.startswith("Max open files")).split()[3])


async def test_too_many_connections_are_tried_once_a_second_and_service_resumes_when_they_go(tmp_path: Path) -> None:
    failed = tmp_path / "failed"
    before = f"{LIMITED}\n{COUNTED.format(path=str(failed))}"
    async with gateway(tmp_path, before=before) as llmgw, AsyncExitStack() as stack:
        host, port = llmgw.address.removeprefix("http://").split(":")
        for _ in range(FILES):
            _, writer = await asyncio.open_connection(host, int(port))
            stack.callback(writer.close)
        async with asyncio.timeout(30):
            while open_files(llmgw) < FILES:  # noqa: ASYNC110 - another process accepts
                await asyncio.sleep(0.02)
            while not failed.stat().st_size:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        began = time.monotonic()
        await asyncio.sleep(2)
        assert failed.stat().st_size <= 2 + time.monotonic() - began
        assert llmgw.process.returncode is None
        await stack.aclose()
        async with asyncio.timeout(30), llmgw.http.get("/health") as answer:
            assert answer.status == 200
        assert (await llmgw.chat()).code == "no_provider"


async def test_a_low_limit_of_open_files_is_raised_as_far_as_it_may_be(tmp_path: Path) -> None:
    async with gateway(tmp_path, before=LOWERED) as llmgw:
        assert most_files(llmgw) == 4_096

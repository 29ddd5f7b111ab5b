"""What becomes of ``llmgw`` and ``llmgw serve`` when their terminal goes away: the gateway goes on without it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal

from gateway_core.gateway import Gateway
from llmgw_tui.ending import end_by_signals

log = logging.getLogger(__name__)


def leave_session(address: str) -> None:
    """Nothing that becomes of the terminal's session reaches the gateway at ``address`` from now on."""
    with contextlib.suppress(OSError):
        os.setsid()  # fails for the leader of a process group, which the hang-up has freed already
    log.warning("the terminal has gone: the gateway goes on at %s, process %s", address, os.getpid())


async def serve_on(gateway: Gateway) -> None:
    """Serves until SIGTERM, SIGINT or ``llmgw stop``. SIGHUP has the configuration read again, as in ``serve``."""
    leave_session(gateway.address)
    loop = asyncio.get_running_loop()
    end_by_signals(gateway.stopping.asked.set, gateway.stopping.hurry)
    reloads: set[asyncio.Task[object]] = set()

    def reload() -> None:
        task: asyncio.Task[object] = loop.create_task(gateway.reloader.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    await gateway.stopping.asked.wait()
    log.warning("the gateway ends")

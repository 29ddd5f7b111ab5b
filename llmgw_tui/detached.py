"""What becomes of ``llmgw`` when its terminal goes away: the gateway inside goes on without a screen."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal

from gateway_core.gateway import Gateway

log = logging.getLogger(__name__)


async def serve_on(gateway: Gateway) -> None:
    """Serves until SIGTERM, SIGINT or ``llmgw stop``. SIGHUP has the configuration read again, as in ``serve``."""
    with contextlib.suppress(OSError):
        os.setsid()  # fails for the leader of a process group, which the hang-up has freed already
    log.warning("the terminal has gone: the gateway goes on at %s, process %s", gateway.address, os.getpid())
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, gateway.stopping.asked.set)
    reloads: set[asyncio.Task[object]] = set()

    def reload() -> None:
        task: asyncio.Task[object] = loop.create_task(gateway.reloader.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    await gateway.stopping.asked.wait()
    log.warning("the gateway ends")

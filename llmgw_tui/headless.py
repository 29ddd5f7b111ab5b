"""``llmgw serve``: the gateway without a screen, a line for each request."""

from __future__ import annotations

import asyncio
import signal
import sys
import termios
from datetime import datetime

from gateway_core.events import KillSwitchChanged, Notice, RequestFinished
from gateway_core.gateway import Gateway
from gateway_core.http.server import PortInUse
from gateway_core.model import RequestRow
from gateway_core.running import running_gateway
from gateway_core.settings import Settings
from gateway_core.settings_files import SettingsFiles
from gateway_core.store.errors import StoreError
from llmgw_tui.logs import hide_in_log, log_to_file
from llmgw_tui.text import dollars, milliseconds, one_line, tokens


async def serve(settings: Settings, files: SettingsFiles, *, read_only: bool, quiet: bool) -> int:
    """Serves until SIGTERM, SIGINT or ``llmgw stop``, or the end of its terminal; returns the exit code.

    SIGHUP, unless it comes because the terminal has gone, has the configuration read again.
    """
    stop, hung_up = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    has_terminal = sys.stdin is not None and sys.stdin.isatty()
    loop.add_signal_handler(signal.SIGHUP, lambda: (stop if has_terminal and _terminal_gone() else hung_up).set())
    log_to_file(settings.data_dir)
    try:
        async with running_gateway(settings, files=files, read_only=read_only) as gateway:
            hide_in_log(gateway.event_log.redactor)
            _say(f"llmgw serves {gateway.address}/v1")
            _say(f"The key is in {settings.data_dir}; `llmgw connect` shows it, and how to use it. Ctrl+C ends.")
            for notice in gateway.snapshot(rows=0).notices:
                _say(one_line(notice))
            tasks = [asyncio.create_task(work) for work in (_tell(gateway, quiet), _reload(gateway, hung_up))]
            await first_of(stop, gateway.stopping.asked)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    except (StoreError, PortInUse) as error:
        print(f"llmgw: {error.strerror if isinstance(error, OSError) else error}", file=sys.stderr)
        return 1
    return 0


async def first_of(*events: asyncio.Event) -> None:
    """Until one of them is set."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _terminal_gone() -> bool:
    """Whether the terminal that this was started from has been closed: reading its attributes fails then."""
    try:
        termios.tcgetattr(0)
    except termios.error:
        return True
    return False


async def _reload(gateway: Gateway, hung_up: asyncio.Event) -> None:
    """Reads the configuration again at each SIGHUP; what came of it is told as a notice."""
    while True:
        await hung_up.wait()
        hung_up.clear()
        result = await gateway.reloader.reload()
        _say(f"SIGHUP: {one_line(result.message)}")


async def _tell(gateway: Gateway, quiet: bool) -> None:
    with gateway.bus.subscribe() as subscription:
        async for event in subscription:
            if isinstance(event, RequestFinished) and not quiet:
                _say(request_line(event.row))
            elif isinstance(event, Notice):
                _say(f"{event.level}: {one_line(event.text)}")
            elif isinstance(event, KillSwitchChanged):
                _say(kill_line(event))


def kill_line(event: KillSwitchChanged) -> str:
    """What the kill switch did."""
    if not event.kill.on:
        return "kill switch off: requests pass again"
    many = event.cancelled
    stopped = f"{many} request{'' if many == 1 else 's'} stopped" if many else "no request was in flight"
    return f"kill switch on, {stopped}"


def request_line(row: RequestRow) -> str:
    """One finished request, without a word of its prompt."""
    served = row.served_by or row.status.value
    words = (
        datetime.fromtimestamp(row.at).strftime("%H:%M:%S"),
        row.id,
        f"{row.status.value:<9}",
        f"{served:<8}",
        one_line(row.model or row.asked_model),
        f"{tokens(row.input_tokens, row.input_counted)}>{tokens(row.output_tokens, row.output_counted)} tokens",
        dollars(row.cost_microusd),
        milliseconds(row.latency_ms),
        one_line(row.error_code or row.route),
    )
    return "  ".join(words)


def _say(line: str) -> None:
    print(line, flush=True)

"""``llmgw serve``: the gateway without a screen, a line for each request."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
from datetime import datetime
from functools import partial

from gateway_core.events import Event, KillSwitchChanged, Notice, RequestFinished
from gateway_core.garbage import settle_in
from gateway_core.gateway import Gateway
from gateway_core.http.server import PortInUse
from gateway_core.model import RequestRow
from gateway_core.running import running_gateway
from gateway_core.settings import Settings
from gateway_core.settings_files import SettingsFiles
from gateway_core.store.errors import StoreError
from llmgw_tui.detached import leave_session
from llmgw_tui.ending import end_by_signals
from llmgw_tui.logs import hide_in_log, log_to_file
from llmgw_tui.saying import Sayer
from llmgw_tui.streams import let_go_of_terminal
from llmgw_tui.text import dollars, milliseconds, one_line, tokens


async def serve(settings: Settings, files: SettingsFiles, *, read_only: bool, quiet: bool) -> int:
    """Serves until SIGTERM, SIGINT or ``llmgw stop``; returns the exit code. A second signal ends it at once.

    SIGHUP has the configuration read again. One that comes because the terminal has gone only has it let go of that.
    """
    stop, hung_up = asyncio.Event(), asyncio.Event()
    end_by_signals(stop.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hung_up.set)
    terminals = tuple(number for number in range(3) if os.isatty(number))
    trouble = log_to_file(settings.data_dir)
    sayer = Sayer()
    try:
        async with running_gateway(settings, files=files, read_only=read_only) as gateway:
            settle_in()
            hide_in_log(gateway.event_log.redactor)
            if not stop.is_set():
                end_by_signals(stop.set, gateway.stopping.hurry)
            sayer.say(f"llmgw serves {gateway.address}/v1")
            sayer.say(f"The key is in {settings.data_dir}; `llmgw connect` shows it, and how to use it. Ctrl+C ends.")
            for notice in (*filter(None, [trouble]), *gateway.notices):
                sayer.say(one_line(notice))
            tell = partial(_tell, sayer=sayer, quiet=quiet)
            gateway.bus.listen(tell, RequestFinished, Notice, KillSwitchChanged)
            hang_ups = asyncio.create_task(_hear_hang_ups(gateway, sayer, hung_up, terminals))
            await first_of(stop, gateway.stopping.asked)
            gateway.bus.unlisten(tell)
            hang_ups.cancel()
            await asyncio.gather(hang_ups, return_exceptions=True)
    except (StoreError, PortInUse) as error:
        print(f"llmgw: {error.strerror if isinstance(error, OSError) else error}", file=sys.stderr)
        return 1
    finally:
        sayer.close()
    return 0


async def first_of(*events: asyncio.Event) -> None:
    """Until one of them is set."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _has_gone(terminal: int) -> bool:
    """Whether the terminal that this was started from has been closed: reading its attributes fails then."""
    try:
        termios.tcgetattr(terminal)
    except termios.error:
        return True
    return False


async def _hear_hang_ups(gateway: Gateway, sayer: Sayer, hung_up: asyncio.Event, terminals: tuple[int, ...]) -> None:
    """Reads the configuration again at each SIGHUP; what came of it is told as a notice.

    A terminal that has gone takes no request with it, nor do the SIGHUPs of its shell: ``llmgw stop`` ends what goes
    on.
    """
    while True:
        await hung_up.wait()
        hung_up.clear()
        if terminals and _has_gone(terminals[0]):
            let_go_of_terminal(terminals)
            terminals = ()
            leave_session(gateway.address)
            continue
        result = await gateway.reloader.reload()
        sayer.say(f"SIGHUP: {one_line(result.message)}")


def _tell(event: Event, sayer: Sayer, quiet: bool) -> None:
    if isinstance(event, RequestFinished):
        if not quiet:
            sayer.say(request_line(event.row))
    elif isinstance(event, Notice):
        sayer.say(f"{event.level}: {one_line(event.text)}")
    elif isinstance(event, KillSwitchChanged):
        sayer.say(kill_line(event))


def kill_line(event: KillSwitchChanged) -> str:
    """What the kill switch did."""
    if not event.kill.on:
        return "kill switch off: requests pass again"
    many = event.cancelled
    stopped = f"{many} request{'' if many == 1 else 's'} stopped" if many else "no request was in flight"
    return f"kill switch on, {stopped}"


def request_line(row: RequestRow) -> str:
    """One finished request, without a word of its prompt."""
    served = row.served_by or str(row.status)
    words = (
        datetime.fromtimestamp(row.at).strftime("%H:%M:%S"),
        row.id,
        f"{row.status!s:<9}",
        f"{served:<8}",
        one_line(row.model or row.asked_model),
        f"{tokens(row.input_tokens, row.input_counted)}>{tokens(row.output_tokens, row.output_counted)} tokens",
        dollars(row.cost_microusd),
        milliseconds(row.latency_ms),
        one_line(row.error_code or row.route),
    )
    return "  ".join(words)

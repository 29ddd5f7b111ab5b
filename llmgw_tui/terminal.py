"""Keeps a slow, stalled or lost terminal from holding up the gateway.

Textual 8.2.8 hands frames to a thread through a queue of 30 whose ``put()`` blocks the event loop: with a terminal
that stops reading, requests hung after 4–8 s (facts/tui.md). The names with an underscore are Textual's own, which is
why it is pinned exactly and why ``tests/tui/test_terminal.py`` stops reading a terminal.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import termios
from collections.abc import Callable, Iterator
from queue import Empty, Full

from textual import events
from textual.driver import Driver
from textual.drivers import linux_driver
from textual.drivers._writer_thread import WriterThread
from textual.geometry import Size

from llmgw_tui.pasting import PasteSafeParser

FRAMES_BEHIND = 4
"""Writes waiting from which frames are skipped; one full repaint follows when the queue is empty."""
STOP_WAIT_S = 0.5
RESIZE_S = 0.1


class PatientWriter(WriterThread):
    """A writer that drops what does not fit instead of blocking, and outlives a terminal that has gone."""

    dropped = 0
    """How many writes did not fit."""

    def write(self, text: str) -> None:
        try:
            self._queue.put_nowait(text)
        except Full:
            self.dropped += 1

    @property
    def waiting(self) -> int:
        return self._queue.qsize()

    def run(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().run()

    def stop(self) -> None:
        """Waits a moment for what is queued; a terminal that does not read gets no more than that."""
        try:
            self._queue.put_nowait(None)
        except Full:
            with contextlib.suppress(Empty):
                self._queue.get_nowait()
            with contextlib.suppress(Full):
                self._queue.put_nowait(None)
        self.join(STOP_WAIT_S)


class PatientDriver(linux_driver.LinuxDriver):
    """Textual's driver with a :class:`PatientWriter`, and without stopping the process on ctrl+z."""

    _resizing: asyncio.TimerHandle | None = None

    def start_application_mode(self) -> None:
        kept = WriterThread
        setattr(linux_driver, "WriterThread", PatientWriter)  # noqa: B010 - the driver makes its writer by this name
        try:
            super().start_application_mode()  # type: ignore[no-untyped-call]
        finally:
            setattr(linux_driver, "WriterThread", kept)  # noqa: B010
        with contextlib.suppress(ValueError, RuntimeError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGWINCH, self._size_changed)

    def _size_changed(self) -> None:
        """A window that is dragged sends a hundred signals a second; each would be a layout of the whole screen."""
        if self._resizing is None and not self._in_band_window_resize:
            self._resizing = asyncio.get_running_loop().call_later(RESIZE_S, self._tell_size)

    def _tell_size(self) -> None:
        self._resizing = None
        size = Size(*self._get_terminal_size())
        self._app.post_message(events.Resize(size, size))

    def stop_application_mode(self) -> None:
        if self._resizing is not None:
            self._resizing.cancel()
        super().stop_application_mode()

    def _sigtstp_application(self, *_: object) -> None:
        """Stopping the process would stop the gateway, and every request in flight."""

    def _sigcont_application(self, *_: object) -> None:
        return None

    @property
    def can_suspend(self) -> bool:
        return False

    @property
    def frames_waiting(self) -> int:
        writer = self._writer_thread
        return writer.waiting if isinstance(writer, PatientWriter) else 0

    @property
    def hung_up(self) -> bool:
        """Whether the terminal has gone: reading its attributes fails then."""
        if not self.input_tty:
            return False
        try:
            termios.tcgetattr(self.fileno)
        except termios.error:
            return True
        return False

    def _run_input_thread(self) -> None:
        setattr(linux_driver, "XTermParser", PasteSafeParser)  # noqa: B010 - the driver makes its parser by this name
        with contextlib.suppress(OSError):
            self.run_input_thread()


def frames_waiting(driver: Driver | None) -> int:
    """Writes that the terminal has not taken yet; 0 where there is no terminal."""
    return driver.frames_waiting if isinstance(driver, PatientDriver) else 0


def writes_dropped(driver: Driver | None) -> int:
    """Writes that never reached the terminal."""
    writer = driver._writer_thread if isinstance(driver, PatientDriver) else None
    return writer.dropped if isinstance(writer, PatientWriter) else 0


def hung_up(driver: Driver | None) -> bool:
    return driver.hung_up if isinstance(driver, PatientDriver) else False


@contextlib.contextmanager
def ended_by_signals(
    stop: Callable[[], None], hang_up: Callable[[], None] | None = None, *, outlived: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Calls ``stop`` on SIGTERM and SIGINT and ``hang_up`` on SIGHUP, so that the terminal is restored at the end.

    What the process has ``outlived`` leaves SIGHUP its handler: a shell that ends sends it once more, and by default
    that would kill a gateway that is to go on.
    """
    loop = asyncio.get_running_loop()
    taken = []
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        before = signal.getsignal(number)
        with contextlib.suppress(ValueError, RuntimeError):
            loop.add_signal_handler(number, hang_up or stop if number == signal.SIGHUP else stop)
            taken.append((number, before))
    try:
        yield
    finally:
        for number, before in taken:
            if number == signal.SIGHUP and outlived():
                continue
            loop.remove_signal_handler(number)
            signal.signal(number, before if before is not None else signal.SIG_DFL)
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            signal.signal(signal.SIGCONT, signal.SIG_DFL)

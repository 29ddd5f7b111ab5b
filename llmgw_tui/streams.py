"""The streams of a command: readers that leave, disks that are full, terminals that know few characters, Ctrl+C.

``llmgw status`` waits for what is imported here.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable
from typing import NoReturn

NOT_WRITTEN = 1
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def run_as_command(work: Callable[[], int]) -> int:
    """What ``work`` returns, once all that it printed is written; 1, with words on stderr, where that cannot be.

    A reader of stdout that has left, and Ctrl+C, end the process as they end any other: by the signal, so that a shell
    tells them from a failure, and a loop around the command ends with it.
    """
    _make_fit()
    try:
        try:
            return work()
        finally:
            _flush()
    except KeyboardInterrupt:
        _end_by("SIGINT")
    except BrokenPipeError:
        _end_by("SIGPIPE")
    except OSError as error:
        if error.errno not in _FULL or error.filename is not None:
            raise
        _discard_stdout()
        print(f"llmgw: not all could be written: {error.strerror}.", file=sys.stderr)
        return NOT_WRITTEN


def check_reader() -> None:
    """Raises ``BrokenPipeError`` when nobody reads stdout any more; what waits for news would not notice."""
    import select

    if sys.stdout is None or not hasattr(select, "poll"):
        return
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):
        return
    if any(event & (select.POLLERR | select.POLLNVAL) for _, event in poll.poll(0)):
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def let_go_of_terminal(numbers: Iterable[int] = (0, 1, 2)) -> None:
    """Points input and output at nothing: a write to a terminal that has gone fails, a read of it never ends."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in numbers:
        os.dup2(nothing, number)
    if nothing > 2:
        os.close(nothing)


def _make_fit() -> None:
    """A character that the terminal's encoding lacks is written as its code. Closed streams are open to nothing, so
    that no database or connection gets their number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _open_to_nothing(number, name)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")


def _open_to_nothing(number: int, name: str) -> None:
    mode = "r" if name == "stdin" else "w"
    opened = os.open(os.devnull, os.O_RDWR)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _discard_stdout() -> None:
    """What is still unwritten goes nowhere, or the interpreter would try again at its end."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.close(nothing)


def _end_by(name: str) -> NoReturn:
    import signal

    number = signal.Signals[name]
    _discard_stdout()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)

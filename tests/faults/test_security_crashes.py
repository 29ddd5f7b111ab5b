"""A crash tells where it happened: no text of the exception, no variable, nothing that acts on a terminal."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from gateway_core.redaction import Redactor
from llmgw_tui.app import ControlCentre
from llmgw_tui.cli import main
from llmgw_tui.crashes import crash_report, say_crash
from llmgw_tui.logs import FILE, hide_in_log, log_to_file
from tests.fakes.snapshots import busy
from tests.fakes.source import FakeSource

EVIL = "canary-in-the-text \x1b]52;c;ZXZpbA==\x07"


def crash() -> Exception:
    secret = EVIL
    try:
        try:
            raise ValueError(secret)
        except ValueError as error:
            raise RuntimeError(f"again {secret}") from error
    except RuntimeError as made:
        return made


def test_a_crash_report_has_places_and_kinds_and_no_text() -> None:
    report = crash_report(crash())
    assert "in crash" in report and "ValueError" in report and "RuntimeError" in report
    assert "canary-in" not in report and "\x1b" not in report


def test_an_exception_that_ends_a_command_is_told_without_its_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    assert main(["completion", "bash"]) == 0
    error = crash()
    sys.excepthook(type(error), error, error.__traceback__)
    say_crash(KeyboardInterrupt, KeyboardInterrupt(), None)
    told = capsys.readouterr().err
    assert "RuntimeError" in told and "canary-in" not in told and "\x1b" not in told


def test_an_exception_in_the_log_is_told_without_its_text_and_known_keys_are_left_out(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = root.handlers, root.level
    try:
        log_to_file(tmp_path)
        hide_in_log(Redactor(["a-key-that-looks-like-none"]))
        logging.getLogger("x").error("it failed \x1b[5m", exc_info=crash())
        logging.getLogger("x").error("with a-key-that-looks-like-none\nFORGED line")
        for handler in root.handlers:
            handler.close()
    finally:
        root.handlers, root.level = before
    first, second = (tmp_path / FILE).read_text("utf-8").splitlines()
    assert "RuntimeError" in first and "canary-in" not in first and "\x1b" not in first
    assert "a-key-that" not in second and "FORGED line" in second


async def test_a_crash_of_the_screen_prints_whole_places_no_variable_and_no_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    app = ControlCentre(FakeSource(busy()))
    with pytest.raises(RuntimeError):
        async with app.run_test() as pilot:
            app.call_later(fail)
            await pilot.pause()
            await asyncio.sleep(0)
    told = "".join(capsys.readouterr())
    assert f'File "{__file__}"' in told and "in fail" in told and "RuntimeError" in told and "canary-in" not in told


def fail() -> None:
    secret = EVIL
    raise RuntimeError(secret)

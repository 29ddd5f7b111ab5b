"""What arguments may be. Each takes the text that was typed, and raises ``ArgumentTypeError`` with what it may be."""

from __future__ import annotations

import argparse


def updates(text: str) -> float:
    from llmgw_tui.screen_options import updates_per_second

    try:
        return updates_per_second(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65_535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return value


def rows(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 100_000:
        raise argparse.ArgumentTypeError("a limit is a number from 1 to 100000")
    return value


def days(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 400:
        raise argparse.ArgumentTypeError("days are a number from 1 to 400")
    return value


def percent(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError("a tolerance is a percentage from 0 to 100")
    return value


def milliseconds(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 60_000:
        raise argparse.ArgumentTypeError("a timeout is a number of milliseconds from 1 to 60000")
    return value


def seconds(text: str) -> float:
    value = float(text)
    if not 0.2 <= value <= 86_400:
        raise argparse.ArgumentTypeError("seconds are a number from 0.2 to 86400")
    return value


def lines(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1_000_000:
        raise argparse.ArgumentTypeError("lines are a number from 1 to 1000000")
    return value

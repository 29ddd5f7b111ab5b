"""What arguments may be. Each takes the text that was typed, and raises ``ArgumentTypeError`` with what it may be."""

from __future__ import annotations

import argparse
import math


def updates(text: str) -> float:
    from llmgw_tui.screen_options import updates_per_second

    try:
        return updates_per_second(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def port(text: str) -> int:
    return _whole(text, 0, 65_535, "a port is a number")


def rows(text: str) -> int:
    return _whole(text, 1, 100_000, "a limit is a number")


def days(text: str) -> int:
    return _whole(text, 1, 400, "days are a number")


def percent(text: str) -> float:
    return _number(text, 0, 100, "a tolerance is a percentage")


def share(text: str) -> float:
    return _number(text, 0, 100, "a share is a percentage")


def milliseconds(text: str) -> int:
    return _whole(text, 1, 60_000, "a timeout is a number of milliseconds")


def hours(text: str) -> float:
    return _number(text, 0, 720, "hours are a number")


def seconds(text: str) -> float:
    return _number(text, 0.2, 86_400, "seconds are a number")


def lines(text: str) -> int:
    return _whole(text, 1, 1_000_000, "lines are a number")


def _whole(text: str, least: int, most: int, what: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"{what} from {least} to {most}")
    return value


def _number(text: str, least: float, most: float, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"{what} from {least:g} to {most:g}")
    return value

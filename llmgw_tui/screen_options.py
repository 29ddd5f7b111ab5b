"""What flags and environment say about the screen; read before anything of a screen is imported."""

from __future__ import annotations

from collections.abc import Mapping

from gateway_core.frozen import frozen

SLOWEST, FASTEST = 0.2, 20.0


@frozen
class ScreenOptions:
    """What the flags say; None and False leave it to the environment and what was saved."""

    theme: str | None = None
    ascii_only: bool = False
    updates_per_second: float | None = None
    low_bandwidth: bool = False


def is_set(environment: Mapping[str, str], name: str) -> bool:
    """Whether a switch of the environment is on: anything but nothing, 0, no, off and false."""
    return environment.get(name, "").strip().lower() not in ("", "0", "no", "off", "false")


def updates_per_second(text: str) -> float:
    """A number from 0.2 to 20. Raises ``ValueError`` that says so."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not SLOWEST <= value <= FASTEST:
        raise ValueError(f"updates a second are a number from {SLOWEST:g} to {FASTEST:g}, not {text!r}")
    return value

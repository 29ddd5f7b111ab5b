"""Changing the daily limits: what is asked for must be in order, what is not named follows."""

from __future__ import annotations

from gateway_core.settings import Settings
from gateway_core.store.operator import Limits

_NAMES = ("soft", "medium", "hard")


def configured_limits(settings: Settings) -> Limits:
    """The daily limits as they are configured."""
    dollars = (settings.daily_budget_soft, settings.daily_budget_medium, settings.daily_budget_hard)
    return Limits(*(round(value * 1e6) for value in dollars))


def background_limit(settings: Settings) -> int:
    """What the background may cost a day as it is configured, in micro-dollars."""
    return round(settings.background_budget_daily * 1e6)


def changed(now: Limits, soft: int | None, medium: int | None, hard: int | None) -> Limits:
    """The limits after a change, in micro-dollars; 0 is off, None leaves one as it is.

    A limit that is not named and would be above a higher one that is goes down with it: lowering must never fail.
    Raises ``ValueError``, which says what to do, where a named one is above a higher one.
    """
    named = (soft, medium, hard)
    before = (now.soft_microusd, now.medium_microusd, now.hard_microusd)
    values = [old if new is None else new for new, old in zip(named, before, strict=True)]
    for lower in range(3):
        for higher in range(lower + 1, 3):
            if not values[lower] or not values[higher] or values[lower] <= values[higher]:
                continue
            if named[lower] is not None:
                raise ValueError(
                    f"The {_NAMES[lower]} limit ({values[lower] / 1e6:.2f} USD) would be above the {_NAMES[higher]} one"
                    f" ({values[higher] / 1e6:.2f} USD): give soft <= medium <= hard, 0 for off. Nothing was changed."
                )
            values[lower] = values[higher]
    return Limits(*values)


def background_within(microusd: int, limits: Limits) -> int:
    """The background's limit as it was named. Raises ``ValueError`` where it is above the hard one, which holds it."""
    if limits.hard_microusd and microusd > limits.hard_microusd:
        raise ValueError(
            f"The background limit ({microusd / 1e6:.2f} USD) would be above the hard one"
            f" ({limits.hard_microusd / 1e6:.2f} USD), and is inside it: give less, 0 for off. Nothing was changed."
        )
    return microusd


def in_words(limits: Limits, background_microusd: int) -> str:
    """``soft 5.00 USD, medium off, hard 50.00 USD, background 0.50 USD``."""
    values = (limits.soft_microusd, limits.medium_microusd, limits.hard_microusd, background_microusd)
    return ", ".join(
        f"{name} {value / 1e6:.2f} USD" if value else f"{name} off"
        for name, value in zip((*_NAMES, "background"), values, strict=True)
    )

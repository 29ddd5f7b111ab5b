"""The routing screen's things in full: where a prompt would go, and one model of a line-up."""

from __future__ import annotations

from collections.abc import Iterator

from textual.strip import Strip

from gateway_core.routing_values import LineupPlace, RouteTrial
from llmgw_tui.panes.details import Line, heading, laid, pair, wrapped
from llmgw_tui.panes.draw import Look, meter
from llmgw_tui.panes.routing import health_words, trial_style, trial_target
from llmgw_tui.text import clock_time, dollars, milliseconds, percent, preview
from llmgw_tui.theme import (
    BAD_STYLE,
    BRIGHT_STYLE,
    GOOD_STYLE,
    TEXT_STYLE,
    TIER_KEYS,
    TIER_STYLES,
    WARN_STYLE,
)


def trial_lines(trial: RouteTrial, look: Look, width: int) -> tuple[Strip, ...]:
    """Where a prompt would go, in full."""
    return tuple(laid(_trial(trial, look, max(10, width - 2)), width))


def _trial(trial: RouteTrial, look: Look, width: int) -> Iterator[Line]:
    yield from wrapped("prompt", trial.prompt[:600], width, BRIGHT_STYLE)
    if trial.problem:
        yield from wrapped("nobody", trial.problem, width, BAD_STYLE)
    else:
        yield pair("tier", f"{TIER_KEYS.get(trial.tier, ' ')}  {trial.tier}", trial_style(trial))
        yield from wrapped("model", trial_target(trial), width, BRIGHT_STYLE)
        yield pair("at most", dollars(trial.worst_microusd) if trial.worst_microusd else "free")
    yield pair("route", preview(trial.route))
    yield pair("difficulty", f"{trial.difficulty:.2f}  (0 is a greeting, 1 is design or proof)")
    yield from heading("Why", width, look)
    for reason in trial.reasons:
        step, _, text = reason.partition(": ")
        yield from wrapped(step, text, width, TEXT_STYLE)
    if trial.then:
        yield from heading("If that fails", width, look)
        for number, target in enumerate(trial.then, 1):
            yield from wrapped(f"{number}.", target, width, TEXT_STYLE)
    yield from heading("Nothing was called or stored", width, look)


def place_lines(place: LineupPlace, look: Look, width: int) -> tuple[Strip, ...]:
    """One model of the line-up in full."""
    return tuple(laid(_place_whole(place, look, max(10, width - 2)), width))


def _place_whole(place: LineupPlace, look: Look, width: int) -> Iterator[Line]:
    yield pair("tier", f"{TIER_KEYS.get(place.tier, ' ')}  {place.tier}", TIER_STYLES.get(place.tier, TEXT_STYLE))
    if not place.provider:
        yield from wrapped("not usable", place.unavailable, width, WARN_STYLE)
        return
    yield from wrapped("model", f"{place.provider}/{place.model}", width, BRIGHT_STYLE)
    yield pair("health", *health_words(place))
    if place.obstacle:
        yield from wrapped("not asked", place.obstacle, width, BAD_STYLE)
    elif place.chosen:
        yield pair("asked next", f"a plain {place.tier} request goes here now", GOOD_STYLE)
    if place.free:
        yield pair("price", "free")
    elif place.input_usd is not None and place.output_usd is not None:
        guess = "" if place.price_known else "  a guess: set its price in config.yaml"
        yield pair("price", f"${place.input_usd:g} in, ${place.output_usd:g} out, per million tokens{guess}")
    if place.context_tokens:
        yield pair("context", f"{place.context_tokens:,} tokens")
    known = [
        f"{name} {'yes' if can else 'no'}"
        for name, can in (("tools", place.tools), ("images", place.vision), ("JSON to a schema", place.structured))
        if can is not None
    ]
    if known:
        yield pair("can", ", ".join(known))
    if abs(place.ratio - 1) >= 0.01:
        yield pair("counts", f"{place.ratio:.2f} prompt tokens for each that is estimated, as its answers told")
    if place.loaded is not None:
        loads = f", loads in about {milliseconds(place.load_s * 1000)}" if place.load_s else ""
        yield pair("in memory", "yes" if place.loaded else f"no{loads}", GOOD_STYLE if place.loaded else TEXT_STYLE)
    if place.pushes_out:
        yield from wrapped("stays cold", place.pushes_out, width, WARN_STYLE)
    yield from heading("Performance", width, look)
    if place.seconds_plain is not None:
        yield pair("a question", f"about {milliseconds(place.seconds_plain * 1000)} to the whole answer, expected now")
    if place.seconds_openclaw is not None:
        yield pair("OpenClaw", f"about {milliseconds(place.seconds_openclaw * 1000)} for its first turn")
    yield pair("today", f"{place.requests_today:,} answered")
    if place.latency_p50_ms is not None and place.latency_p95_ms is not None:
        times = f"p50 {milliseconds(place.latency_p50_ms)}, p95 {milliseconds(place.latency_p95_ms)}"
        yield pair("latency", f"{times}, of the newest {place.samples}")
    if place.first_token_p50_ms is not None:
        yield pair("first token", f"p50 {milliseconds(place.first_token_p50_ms)}")
    if (share := place.error_share) is not None:
        told = f"{place.errors_last_hour} of {place.tries_last_hour} tries in the last hour, {share * 100:.1f} %"
        yield pair("errors", told, WARN_STYLE if place.errors_last_hour else TEXT_STYLE)
    if place.last_error:
        at = clock_time(place.last_error_at or 0.0, look.zone)
        yield from wrapped("last error", f"{at}  {place.last_error}", width, WARN_STYLE)
    if place.limits:
        yield from heading("Its own limits", width, look)
        for one in place.limits:
            yield [
                *pair(percent(one.share), f"{one.used:,.6g} of {one.limit:,g} {one.name}  "),
                *meter(20, one.share, WARN_STYLE if one.share > 0.8 else GOOD_STYLE, look.glyphs),
            ]

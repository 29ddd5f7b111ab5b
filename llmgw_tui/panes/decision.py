"""Why a request went where it went: what was weighed, who could have answered, and what would have changed it."""

from __future__ import annotations

from collections.abc import Iterator

from rich.segment import Segment
from rich.style import Style

from gateway_core.model import (
    Considered,
    Decision,
    DecisionRecord,
    Difficulty,
    Example,
    Feature,
    SessionLook,
    TierCost,
)
from llmgw_tui.panes.details import Line, label, pair, wrapped
from llmgw_tui.panes.draw import Look, cell, meter, text_segment
from llmgw_tui.text import dollars, duration, milliseconds, preview
from llmgw_tui.theme import (
    ACCENT,
    BRIGHT_STYLE,
    GOOD_STYLE,
    MUTED_STYLE,
    TEXT_STYLE,
    TIER_STYLES,
    WARN_STYLE,
    tier_mark,
)

LEAST_POINTS = 0.005
"""A feature of less is drawn as nothing: it is counted with the others."""
POINTS_CELLS, BAR_CELLS = 7, 40
NAME_CELLS = (26, 44)
"""In a narrow and in a wide window."""
WIDE = 100
WANTED = {"local": "local was enough", "cheap": "cheap was enough", "premium": "needed premium"}


def decision_lines(decision: Decision, elsewhere: tuple[TierCost, ...], width: int, look: Look) -> Iterator[Line]:
    """The decision with the inputs of each step."""
    record, target = decision.record, decision.target
    yield pair("target", f"{target.tier.value}  {_name(target.provider, target.model)}", TIER_STYLES[target.tier.value])
    named = "  chosen by the caller or the operator" if decision.explicit else ""
    yield pair("route", preview(decision.route) + named)
    for reason in decision.reasons:
        yield from wrapped(preview(reason.step), reason.text, width, TEXT_STYLE)
    yield from _difficulty(decision.difficulty, record.difficulty, width, look)
    if decision.fallbacks:
        others = ", ".join(f"{other.tier.value} {_name(other.provider, other.model)}" for other in decision.fallbacks)
        yield from wrapped("if it fails", others, width, MUTED_STYLE)
    for text in record.otherwise:
        yield from wrapped("would be", text, width, BRIGHT_STYLE)
    if record.session:
        yield from wrapped("before", _session(record.session), width, MUTED_STYLE)
    yield from _models(record, width, look)
    yield from _elsewhere(elsewhere, width, look)


def weighed_lines(record: DecisionRecord, width: int, look: Look) -> Iterator[Line]:
    """What was looked at for a request that nobody could take."""
    if record.difficulty:
        yield from _difficulty(record.difficulty.score, record.difficulty, width, look)
    yield from _models(record, width, look)


def _difficulty(score: float, known: Difficulty | None, width: int, look: Look) -> Iterator[Line]:
    yield [
        label("difficulty"),
        *meter(20, score, Style(color=ACCENT), look.glyphs),
        text_segment(f" {score:.2f}", TEXT_STYLE),
        text_segment(f"  {_sources(known)}" if known else "", MUTED_STYLE),
    ]
    if known is None:
        return
    yield from difficulty_lines(known, width, look)
    for example in known.examples:
        yield from _example(example, width)


def _sources(known: Difficulty) -> str:
    """What the difficulty was read from."""
    meaning = "words, structure and meaning" if known.embedded else "words and structure"
    return f"{meaning}; {known.labels} of your labels" if known.labels else meaning


def difficulty_lines(known: Difficulty, width: int, look: Look) -> Iterator[Line]:
    """A waterfall: from where all prompts begin, a feature a line, to the difficulty."""
    shown = [one for one in known.features if abs(one.points) >= LEAST_POINTS]
    name = NAME_CELLS[width >= WIDE]
    bar = min(BAR_CELLS, width - name - POINTS_CELLS - 3)
    if bar < 8:
        yield from wrapped("", ", ".join(f"{one.name} {one.points:+.2f}" for one in shown), width, MUTED_STYLE)
        return
    at = known.score - sum(one.points for one in shown)
    yield _step(Feature("every prompt", at), 0.0, at, name, bar, MUTED_STYLE, look)
    for feature in shown:
        style = WARN_STYLE if feature.points > 0 else GOOD_STYLE
        yield _step(feature, at, at + feature.points, name, bar, style, look)
        at += feature.points


def _step(feature: Feature, begin: float, end: float, cells: int, bar: int, style: Style, look: Look) -> Line:
    """One line of the waterfall: its bar goes from where the last one ended to where the next one begins."""
    left, right = sorted((_cell_of(begin, bar), _cell_of(end, bar)))
    drawn = look.glyphs.full * max(1, right - left)
    left = min(left, bar - len(drawn))
    name = f"{feature.name}, {feature.value}" if feature.value else feature.name
    return [
        cell(f"   {preview(name)}", cells, MUTED_STYLE, ellipsis=look.glyphs.ellipsis),
        cell(f"{feature.points:+.2f} ", POINTS_CELLS, style, right=True),
        Segment(" " * left, MUTED_STYLE),
        Segment(drawn, style),
    ]


def _cell_of(score: float, bar: int) -> int:
    return round(min(1.0, max(0.0, score)) * bar)


def _example(example: Example, width: int) -> Iterator[Line]:
    wanted = WANTED[example.wanted.value]
    yield from wrapped("like", f"{example.text}  ({wanted}, cosine {example.cosine:.2f})", width, MUTED_STYLE)


def _session(known: SessionLook) -> str:
    """What was known of the conversation."""
    words = [f"{known.target.model} answered last"]
    if known.cached_tokens:
        words.append(f"{known.cached_tokens:,} tokens in its prompt cache, warm for {duration(known.warm_s)}")
    if known.saves_microusd or known.loses_microusd:
        words.append(f"a switch saves {dollars(known.saves_microusd)} and loses {dollars(known.loses_microusd)}")
    if known.asked_again is not None:
        words.append(f"{known.asked_again:.2f} alike to the turn before")
    if known.repeats:
        words.append(f"answered {known.repeats} time{'' if known.repeats == 1 else 's'} before")
    return "; ".join(words)


def _models(record: DecisionRecord, width: int, look: Look) -> Iterator[Line]:
    for number, one in enumerate(record.considered):
        name = _name(one.provider, one.model) if one.model else "nobody"
        mark = [text_segment(f"{tier_mark(one.tier.value, look.glyphs)} ", TIER_STYLES[one.tier.value])]
        style = MUTED_STYLE if one.obstacle else TEXT_STYLE
        yield [label("models" if number == 0 else ""), *mark, text_segment(f"{name}  {_fit(one)}", style)]
        if why := one.obstacle or one.passed_over:
            yield from wrapped("", why, width, WARN_STYLE)


def _fit(one: Considered) -> str:
    words = []
    if one.tokens_needed and one.model:
        room = f" of {one.context_tokens:,}" if one.context_tokens else ""
        words.append(f"{one.tokens_needed:,}{room} tokens")
    if one.loaded is not None:
        words.append("loaded" if one.loaded else "cold")
    if one.seconds is not None:
        words.append(f"{'about' if one.answer_tokens else 'usually'} {milliseconds(one.seconds * 1000)}")
    if one.most_microusd:
        words.append(f"at most {dollars(one.most_microusd)}")
    return "  ".join(words)


def _elsewhere(elsewhere: tuple[TierCost, ...], width: int, look: Look) -> Iterator[Line]:
    for number, one in enumerate(elsewhere):
        cost = "price unknown" if one.cost_microusd is None else dollars(one.cost_microusd)
        yield [
            label("elsewhere" if number == 0 else ""),
            text_segment(f"{tier_mark(one.tier.value, look.glyphs)} ", TIER_STYLES[one.tier.value]),
            text_segment(f"{_name(one.provider, one.model)}  {cost}", TEXT_STYLE),
        ]


def _name(provider: str, model: str) -> str:
    return f"{preview(provider)}/{preview(model)}"

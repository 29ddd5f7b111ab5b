"""The routing screen's list of what the router has learned, from which labels, and which answers wait for a thumb."""

from __future__ import annotations

from collections.abc import Iterator

from rich.segment import Segment
from textual.strip import Strip

from gateway_core.kinds import Tier
from gateway_core.learning_values import Figures, HeadVersion, LearningStatus, ShownLabel, WaitingSample
from llmgw_tui.panes.columns import Cell, Column, Listing, on_cursor_or_not, says
from llmgw_tui.panes.columns import row as row_of
from llmgw_tui.panes.details import Line, heading, laid, pair, wrapped
from llmgw_tui.panes.draw import Look, line, segments_width, text_segment
from llmgw_tui.text import clock_day, clock_time, percent, preview
from llmgw_tui.theme import (
    BRIGHT_STYLE,
    GOOD_STYLE,
    MUTED_STYLE,
    TEXT_STYLE,
    THUMB_STYLES,
    THUMBS,
    TIER_KEYS,
    TIER_STYLES,
    WARN_STYLE,
)

COLUMNS = (
    Column("at", "time", 11, 60),
    Column("thumb", "", 1),
    Column("wanted", "needs", 9),
    Column("text", "learned from", 0),
    Column("source", "because of", 10, 52),
    Column("tier", "answered by", 11, 90),
    Column("difficulty", "hard", 4, 104, right=True),
    Column("weight", "weight", 6, 112, right=True),
    Column("held_out", "", 8, 124),
)
LearningRow = HeadVersion | WaitingSample | ShownLabel | str


def learning_rows(status: LearningStatus | None) -> tuple[LearningRow, ...]:
    """What is in force, the versions, the requests picked by chance and the newest labels, a word above each kind."""
    if status is None:
        return ()
    if status.problem:
        return (status.problem,)
    rows: list[LearningRow] = [in_force(status), *status.versions]
    if status.samples or status.quality.judged:
        rows += [chance(status), *status.samples]
    if status.newest:
        counted = ", ".join(f"{many:,} {name}" for name, many in status.sources)
        rows += [f"{status.labels:,} labels: {counted}", *status.newest]
    return tuple(rows)


def row_names(status: LearningStatus | None) -> list[object]:
    """By what a row is known again when others have come: a version's number, a label's request and source."""
    names: list[object] = []
    for row in learning_rows(status):
        match row:
            case HeadVersion(number=number):
                names.append(number)
            case WaitingSample(request_id=name):
                names.append((name, ""))
            case ShownLabel(request_id=name, source=source):
                names.append((name, source))
            case _:
                names.append(row)
    return names


def in_force(status: LearningStatus) -> str:
    """Who decides, and when the router learns again."""
    if not status.on:
        return "ROUTER_LEARNING is off: the rules alone decide"
    who = "the rules alone decide"
    if chosen := next((one for one in status.versions if one.number == status.in_force), None):
        who = f"version {chosen.number} decides, learned from {_labels(chosen.labels)}"
    if status.fitting:
        return f"{who}; the router is learning"
    return f"{who}; learns again {_labels(status.until_refit)} later" if status.until_refit else who


def chance(status: LearningStatus) -> str:
    """What is asked of the user about requests picked by chance, and what they have said."""
    quality = status.quality
    asked = "picked by chance: how were these?" if status.samples else "picked by chance"
    if not quality.judged:
        return asked
    share = f"{percent(quality.low)} to {percent(quality.high)} good"
    return f"{asked} {quality.up} of {quality.judged} were good ({share})"


def learning_list(status: LearningStatus | None, look: Look, width: int) -> Listing:
    """All of it, a row each."""
    rows = learning_rows(status)

    def drawn(index: int, on_cursor: bool) -> Strip:
        shown = rows[index]
        if isinstance(shown, ShownLabel | WaitingSample):
            cells = _label(shown, look) if isinstance(shown, ShownLabel) else _sample(shown, look)
            return row_of(COLUMNS, cells, look, width, on_cursor=on_cursor)
        segments = _version(shown, look, width) if isinstance(shown, HeadVersion) else [_word(shown)]
        return on_cursor_or_not(line(width, *segments), look, on_cursor=on_cursor)

    nothing = "Nothing is learned yet. + and - say of a request how its answer was; e runs one again to compare."
    head = line(width, text_segment(" what the router has learned from you", MUTED_STYLE))
    empty = status is not None and not (status.labels or status.versions or status.samples or status.problem)
    return Listing((head,), 0 if empty else len(rows), drawn, says(width, nothing) if empty else ())


def _word(text: str) -> Segment:
    return text_segment(f" {preview(text)}", MUTED_STYLE)


def _version(version: HeadVersion, look: Look, width: int) -> Line:
    """With its verdict where there is room for all of it: opened, it says it in full."""
    mark = look.glyphs.pinned if version.in_force else "-" if not version.taken else " "
    style = GOOD_STYLE if version.in_force else TEXT_STYLE if version.taken else MUTED_STYLE
    new, before = version.trial.new, version.trial.before
    held = "" if version.trial.tells_little else f"  right {new.right}/{new.labels}, {before.right} before"
    told: Line = [
        text_segment(f" {mark} version {version.number}", style),
        text_segment(f"  {_when(version.at, look)}  {_labels(version.labels)}", TEXT_STYLE),
        text_segment(held, BRIGHT_STYLE),
    ]
    verdict = text_segment(f"  {preview(version.verdict)}", MUTED_STYLE if version.taken else WARN_STYLE)
    if segments_width([*told, verdict]) <= width:
        return [*told, verdict]
    return told if version.taken else [*told, text_segment("  not taken up", WARN_STYLE)]


def _label(label: ShownLabel, look: Look) -> dict[str, Cell]:
    wanted = label.wanted_tier if label.weight else None
    return {
        "at": (_when(label.at, look), MUTED_STYLE),
        "thumb": (THUMBS.get(label.verdict, ""), THUMB_STYLES.get(label.verdict, MUTED_STYLE)),
        "wanted": _tier(wanted.value) if wanted else ("-", MUTED_STYLE),
        "text": (preview(label.text), TEXT_STYLE),
        "source": (label.source, MUTED_STYLE),
        "tier": _tier(label.tier),
        "difficulty": ("" if label.difficulty is None else f"{label.difficulty:.2f}", MUTED_STYLE),
        "weight": (f"{label.weight:g}", MUTED_STYLE),
        "held_out": ("held out" if label.held_out else "", MUTED_STYLE),
    }


def _sample(sample: WaitingSample, look: Look) -> dict[str, Cell]:
    blank: Cell = ("", MUTED_STYLE)
    return {
        **dict.fromkeys((column.name for column in COLUMNS), blank),
        "at": (_when(sample.at, look), MUTED_STYLE),
        "thumb": ("?", WARN_STYLE),
        "text": (preview(sample.text), TEXT_STYLE),
        "source": ("+ or -", MUTED_STYLE),
        "tier": _tier(sample.tier),
    }


def _tier(name: str) -> Cell:
    return (f"{TIER_KEYS.get(name, ' ')} {name}" if name in list(Tier) else "", TIER_STYLES.get(name, MUTED_STYLE))


def _when(at: float, look: Look) -> str:
    if clock_day(at, look.zone) == clock_day(look.now, look.zone):
        return clock_time(at, look.zone)
    return f"{clock_day(at, look.zone)[5:]} {clock_time(at, look.zone, seconds=False)}"


def _labels(many: int) -> str:
    return f"{many:,} label{'' if many == 1 else 's'}"


# --- one version in full -----------------------------------------------------------------------------------------


def version_lines(version: HeadVersion, look: Look, width: int) -> tuple[Strip, ...]:
    """A version with its figures."""
    return tuple(laid(_version_whole(version, look, max(10, width - 2)), width))


def _version_whole(version: HeadVersion, look: Look, width: int) -> Iterator[Line]:
    state = "decides now" if version.in_force else "was taken up" if version.taken else "not taken up"
    yield pair("version", f"{version.number}  {state}", GOOD_STYLE if version.in_force else BRIGHT_STYLE)
    yield pair("at", _when(version.at, look))
    yield pair("learned from", _labels(version.labels))
    yield from wrapped("verdict", version.verdict, width, TEXT_STYLE if version.taken else WARN_STYLE)
    trial = version.trial
    yield from heading(f"On {_labels(trial.new.labels)} that it did not learn from", width, look)
    yield pair("", "right tier  95 % certain   mean error", MUTED_STYLE)
    for name, figures in (("this version", trial.new), ("before it", trial.before), ("rules alone", trial.rules)):
        yield pair(name, _figures(figures))
    yield []
    why = "A fifth of the labels, picked by their request's id, is never learned from: it says whether a version is "
    yield from wrapped("", f"{why}better. One that is worse by more than chance is not taken up.", width, MUTED_STYLE)


def _figures(figures: Figures) -> str:
    if not figures.labels:
        return "no label yet"
    right = f"{figures.right} of {figures.labels}"
    return f"{right:<10}  {percent(figures.low):>4} to {percent(figures.high):<4}  {figures.error:>8.2f}"

"""Labels as lines of JSON: what ``llmgw labels`` writes and reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256

from gateway_core.kinds import Tier
from gateway_core.learning.hearing import beginning
from gateway_core.learning.meaning import IMPORTED
from gateway_core.learning.picking import is_held_out
from gateway_core.learning_values import VALUES, Source, tier_wanted
from gateway_core.model import JsonObject
from gateway_core.store.labels import Label

SHAPE = '{"prompt": "...", "tier": "local|cheap|premium"}, or "weak" and "strong" scores from 0 to 1 for "tier"'


class NoLabel(ValueError):
    """A line is none; the message says what it lacks."""


def line_of(label: Label) -> JsonObject:
    """What is exported of a label; :func:`read_line` takes it again."""
    return {
        "prompt": label.text,
        "tier": tier_wanted(label.wanted).value,
        "wanted": label.wanted,
        "weight": label.weight,
        "source": label.source.value,
        "answered_by": label.tier or None,
        "difficulty": label.difficulty,
        "held_out": label.held_out,
        "request_id": label.request_id,
        "at": label.at,
    }


def read_lines(lines: Iterable[object], at: float) -> list[Label]:
    """A label for each line, of ``at``. Raises :class:`NoLabel` naming the first line that is none."""
    labels = []
    for number, line in enumerate(lines, 1):
        try:
            labels.append(read_line(line, at))
        except NoLabel as error:
            raise NoLabel(f"line {number}: {error}") from None
    return labels


def read_line(line: object, at: float) -> Label:
    """The label that a line says. The same prompt is the same label. Raises :class:`NoLabel`."""
    if not isinstance(line, Mapping):
        raise NoLabel(f"this is no object of the shape {SHAPE}")
    prompt = line.get("prompt")
    text = beginning(prompt) if isinstance(prompt, str) else ""
    if not text:
        raise NoLabel("prompt is missing or empty")
    request_id = f"import:{sha256(text.encode('utf-8', 'replace')).hexdigest()[:20]}"
    weight = 1.0 if line.get("weight") is None else _share(line, "weight")
    return Label(request_id, at, Source.IMPORT, text, _wanted(line), weight * IMPORTED.weight, is_held_out(request_id))


def _wanted(line: Mapping[str, object]) -> float:
    if line.get("wanted") is not None:
        return _share(line, "wanted")
    if line.get("tier") is not None:
        if line["tier"] not in list(Tier):
            raise NoLabel("tier is local, cheap or premium")
        return VALUES[Tier(str(line["tier"]))]
    if line.get("weak") is None or line.get("strong") is None:
        raise NoLabel(f"it says neither tier nor weak and strong: {SHAPE}")
    return min(1.0, max(0.0, _share(line, "strong") - _share(line, "weak")))


def _share(line: Mapping[str, object], name: str) -> float:
    value = line[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise NoLabel(f"{name} is a number from 0 to 1")
    return float(value)

"""``llmgw explain``: where a prompt would go, and why."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from contextlib import redirect_stderr
from dataclasses import asdict
from pathlib import Path

from gateway_core.cache.encoder.embedder import EncoderError
from gateway_core.explain import Embedded, Explainer, Explanation, embedded
from gateway_core.frozen import frozen
from gateway_core.learning.aside import Learned, learned
from gateway_core.learning.nearest import nearest_of
from gateway_core.settings import Settings
from gateway_core.store.errors import StoreError
from llmgw_tui.telling import complain, print_json
from llmgw_tui.text import one_line


def explain(settings: Settings, file: str, *, as_json: bool) -> int:
    """The routing decision for a prompt, or for each line of JSONL."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return complain(f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}")
    try:
        asked = _lines(text) if as_json else [_Asked(text.strip())]
    except ValueError as error:
        return complain(str(error))
    known, seen = _learned(settings), _embedded(settings, [one.prompt for one in asked])
    explainer = Explainer(settings, known.head, nearest_of(known.labels, seen.fingerprint if seen else ""))
    vectors = seen.vectors if seen else [None] * len(asked)
    for one, vector in zip(asked, vectors, strict=True):
        found = explainer.explain(one.prompt, one.id, one.context, vector)
        if as_json:
            print_json(asdict(found))
        else:
            _print_explanation(found)
    return 0


@frozen
class _Asked:
    prompt: str
    id: str = "-"
    context: object = None


def _lines(text: str) -> list[_Asked]:
    """What each line asks. Raises ``ValueError`` for one that is no JSON object with a prompt."""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            asked = json.loads(line)
            found.append(_Asked(str(asked["prompt"]), str(asked.get("id", number)), asked.get("context")))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ValueError(f'line {number} is not {{"id": ..., "prompt": ...}}') from None
    return found


def _learned(settings: Settings) -> Learned:
    """What the user taught the router; nothing where it cannot be read, which is said."""
    try:
        return asyncio.run(learned(settings))
    except StoreError as error:
        print(f"{error} What the router has learned is left out.", file=sys.stderr)
        return Learned()


def _embedded(settings: Settings, prompts: list[str]) -> Embedded | None:
    """What the prompts mean; None where that is switched off or the encoder cannot be loaded, which is said."""
    if settings.router_embedding == "off" or not prompts:
        return None
    try:
        with redirect_stderr(io.StringIO()):  # the libraries' progress bars
            return embedded(settings, prompts)
    except EncoderError as error:
        print(f"{error} The words and the structure of a prompt decide alone.", file=sys.stderr)
        return None


def _print_explanation(found: Explanation) -> None:
    print(f"{found.tier or 'refused'}  {one_line(found.model)}  difficulty {found.difficulty:.2f}  ({found.route})")
    for reason in found.reasons:
        print(f"  {one_line(reason)}")
    if found.missing:
        print(f"  {found.missing} is not set: without it the request goes to the next tier that can take it.")

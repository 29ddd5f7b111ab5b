"""``llmgw explain``: where a prompt would go, and why."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from gateway_core.explain import Explainer, Explanation
from gateway_core.settings import Settings
from llmgw_tui.telling import complain, print_json
from llmgw_tui.text import one_line


def explain(settings: Settings, file: str, *, as_json: bool) -> int:
    """The routing decision for a prompt, or for each line of JSONL."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return complain(f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}")
    explainer = Explainer(settings)
    if not as_json:
        _print_explanation(explainer.explain(text.strip()))
        return 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            asked = json.loads(line)
            prompt, prompt_id = asked["prompt"], str(asked.get("id", number))
        except (ValueError, KeyError, TypeError, AttributeError):
            return complain(f'line {number} is not {{"id": ..., "prompt": ...}}')
        print_json(asdict(explainer.explain(str(prompt), prompt_id, asked.get("context"))))
    return 0


def _print_explanation(found: Explanation) -> None:
    print(f"{found.tier or 'refused'}  {one_line(found.model)}  difficulty {found.difficulty:.2f}  ({found.route})")
    for reason in found.reasons:
        print(f"  {one_line(reason)}")
    if found.missing:
        print(f"  {found.missing} is not set: without it the request goes to the next tier that can take it.")

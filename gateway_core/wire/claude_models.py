"""What the Claude models accept, told from their names.

From Anthropic's "What's new" pages and migration guides as of November 2026, and the types of anthropic 2.12. A name
without a version counts as the newest.
"""

from __future__ import annotations

import re

_VERSION = re.compile(r"-(\d)(?:-(\d)(?!\d))?")


def version(model: str) -> tuple[int, int]:
    """(5, 5) of ``claude-sonnet-5-5``, (4, 5) of ``claude-haiku-4-5-20251001``, (5, 0) of ``claude-opus-5``."""
    found = _VERSION.search(model)
    return (int(found[1]), int(found[2] or 0)) if found else (9, 9)


def takes_forced_tools(model: str) -> bool:
    """Whether ``tool_choice`` any and tool work; models that always think answer 400 (Fable, Mythos, the 5.5 line)."""
    return version(model) < (5, 1) and not re.search("fable|mythos", model)


def takes_effort(model: str) -> bool:
    """Whether thinking is adaptive and steered by ``output_config.effort``, not by a budget of tokens."""
    return version(model) >= (4, 6)


def highest_effort(model: str) -> str:
    """What OpenAI's ``xhigh`` becomes."""
    return "xhigh" if version(model) >= (4, 7) else "high"

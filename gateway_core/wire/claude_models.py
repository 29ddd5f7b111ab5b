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


def cacheable_from(model: str) -> int:
    """The least prompt in tokens that the prompt cache takes; a shorter one is not cached, and no error says so.

    From Anthropic's page "Prompt caching" as of October 2026; Haiku 5.5, which it does not list, is taken to be like
    the rest of its line. Older models than it lists count as the dearest of their kind.
    """
    made = version(model)
    if made == (4, 7) or "mythos-preview" in model:
        return 2048
    if made >= (5, 0):
        return 1024 if made == (5, 0) and "sonnet" in model else 512
    if "haiku" in model or ("opus" in model and made in ((4, 5), (4, 6))):
        return 4096
    return 1024

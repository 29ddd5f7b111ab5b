"""What the models screen asks before it does something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gateway_core.model import CommandResult, Fit, LocalModel, PullStatus
from llmgw_tui.model_actions import OTHER
from llmgw_tui.panes.model_info import context_allowed, frees_words
from llmgw_tui.panes.models import served_tiers
from llmgw_tui.text import context, size

if TYPE_CHECKING:
    from llmgw_tui.hosting import Hosting

LEAST_CONTEXT = 512


async def asked_delete(centre: Hosting, model: LocalModel) -> bool:
    """States what is freed, what keeps the weights, and who is cut off."""
    words = [f"This {frees_words(model)}{' on disk' if model.frees_bytes != 0 else ''}."]
    if centre.snapshot and (tiers := served_tiers(centre.snapshot).get(model.name)):
        words.append(f"It serves {' and '.join(tier.upper() for tier in tiers)} now.")
    if model.frees_bytes and model.shares_with:
        words.append(f"{', '.join(model.shares_with)} keep what they share with it.")
    if model.in_flight:
        words.append(f"It answers {_requests(model.in_flight)} at this moment.")
    words.append("To use it again, pull it again.")
    return await centre.confirm(f"Delete {model.name}?", " ".join(words))


async def asked_unload_all(centre: Hosting, models: Sequence[LocalModel]) -> bool:
    """Names what is loaded; the next request has to wait for its model."""
    loaded = [model for model in models if model.loaded]
    memory, busy = sum(model.memory_bytes for model in loaded), sum(model.in_flight for model in loaded)
    words = [f"{', '.join(model.name for model in loaded)}{f': {size(memory)} of memory' if memory else ''}."]
    if busy:
        words.append(f"{_requests(busy).capitalize()} in flight will be finished.")
    words.append("The next request will wait until its model is loaded again.")
    many = "the loaded model" if len(loaded) == 1 else f"all {len(loaded)} loaded models"
    return await centre.confirm(f"Unload {many}?", " ".join(words))


async def asked_context(centre: Hosting, model: LocalModel, fit: Fit | None) -> int | str | None:
    """A context in tokens, ``auto``, or None."""
    chosen = await centre.choose(f"Context of {model.name}", context_choices(model, fit))
    if chosen != OTHER:
        return chosen if chosen in (None, "auto") else int(chosen)
    most = f"{LEAST_CONTEXT} to {model.trained_context:,}" if model.trained_context else f"{LEAST_CONTEXT} or more"
    typed = await centre.ask(f"Context of {model.name}", f"tokens, {most}; 16k is 16,384; or auto")
    if typed is None:
        return None
    tokens = parsed_context(typed)
    if tokens is None:
        centre.say(CommandResult(False, f"Give a number of tokens, at least {LEAST_CONTEXT}, or auto."))
    return tokens


def parsed_context(typed: str) -> int | str | None:
    """``16384``, ``16,384``, ``16k`` or ``auto``; None for anything else."""
    word = typed.strip().casefold().replace(",", "").replace("_", "").replace(" ", "")
    if word == "auto":
        return "auto"
    number, times = (word[:-1], 1024) if word.endswith("k") else (word, 1)
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        return None
    tokens = int(number) * times
    return tokens if tokens >= LEAST_CONTEXT else None


def context_choices(model: LocalModel, fit: Fit | None) -> list[tuple[str, str]]:
    """Automatic, then what is in force, what memory allows, and what it was trained on; each number once."""
    out = [("auto", f"{'auto':>9}  as large as each prompt needs{_now(model.num_ctx is None)}")]
    allowed = context_allowed(fit)
    if allowed and model.trained_context:
        allowed = min(allowed, model.trained_context)
    suggested = (
        (model.num_ctx, "chosen now"),
        (model.context_length if model.loaded else None, "in force now"),
        (allowed, "about what free memory allows"),
        (model.trained_context, "the most it was trained for"),
    )
    seen: set[int] = set()
    for tokens, words in suggested:
        if tokens and tokens not in seen and tokens >= LEAST_CONTEXT:
            seen.add(tokens)
            out.append((str(tokens), f"{tokens:>9,}  {context(tokens)}, {words}"))
    return [*out, (OTHER, f"{'':>9}  another number")]


async def asked_pull(centre: Hosting, question: str, pulls: Sequence[PullStatus]) -> PullStatus | None:
    """The only one, or the one that is chosen."""
    if len(pulls) < 2:
        return pulls[0] if pulls else None
    chosen = await centre.choose(question, [(pull.model, pull.model) for pull in pulls])
    return next((pull for pull in pulls if pull.model == chosen), None)


def _requests(number: int) -> str:
    return "1 request" if number == 1 else f"{number} requests"


def _now(current: bool) -> str:
    return ", chosen now" if current else ""

"""Which local model serves: the operator's, else the configured one, else one that is loaded, else the first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway_core.frozen import frozen
from gateway_core.model import LocalModel


@frozen
class Choice:
    """The model that serves, and what a person should know about it."""

    model: str | None
    remark: str = ""


def choose(
    models: Sequence[LocalModel], wanted: Iterable[tuple[str, str | None]], previous: str | None, server: str
) -> Choice:
    """The model to use. ``wanted`` are names with who wants them, the first that is there wins.

    Without one the ``previous`` choice stays, unless only another model is loaded: going back and forth would cost a
    reload each time.
    """
    remark = ""
    for origin, name in wanted:
        if not name:
            continue
        if found := find(models, name):
            return Choice(found.name, remark)
        if not models:
            return Choice(name, f"{server} lists no models; {name} ({origin}) is tried.")
        remark = remark or f"{name} ({origin}) is not on {server}."
    usable = [model for model in models if answers(model)]
    loaded = [model for model in usable if model.loaded]
    kept = [model for model in loaded or usable if model.name == previous]
    chosen = next(iter(kept or loaded or usable), None)
    if chosen is None:
        return Choice(None, remark)
    return Choice(chosen.name, f"{remark} {chosen.name} is used.".strip() if remark else "")


def find(models: Iterable[LocalModel], name: str) -> LocalModel | None:
    """The model of that name; as Ollama does, a name without a tag means ``:latest``."""
    known = {model.name: model for model in models}
    return known.get(name) or known.get(f"{name}:latest")


def answers(model: LocalModel) -> bool:
    """Whether it can chat: embedding models cannot."""
    return not model.capabilities or "completion" in model.capabilities

"""What the router knows of a local server's models: what they can, how fast they are, whether they are in memory."""

from __future__ import annotations

from gateway_core.local_values import LocalModel, LocalServer
from gateway_core.ollama.choice import find
from gateway_core.ollama.manager import LocalModels
from gateway_core.ollama.residence import comes
from gateway_core.ollama.speeds import load_seconds
from gateway_core.routing.landscape import Capabilities, InMemory, Pace

_TELL_WHAT_IS_LOADED = ("ollama", "lmstudio", "localai", "llamacpp")
_MAKE_ROOM = ("ollama", "lmstudio")
"""Servers that put a model out for another one. LM Studio keeps one of those that were loaded when they were asked
(its "auto-evict", 2026-11)."""
_ONE_AFTER_ANOTHER = ("ollama", "builtin")
"""Ollama answers one request to a model at a time where ``OLLAMA_NUM_PARALLEL`` does not say otherwise (its FAQ,
2026-11), the built-in model always."""


def capabilities(local: LocalModels, server: LocalServer, model: str) -> Capabilities:
    """What a model can do. Ollama and llama.cpp, which the built-in model runs in, hold any model to a schema, for they
    let it write nothing else (their documentation of ``format`` and of grammars, 2026-11)."""
    holds = server.kind in ("ollama", "builtin") or server.product == "llamacpp"
    return Capabilities(
        local.context_of(model),
        local.supports(model, "tools"),
        local.supports(model, "vision"),
        True if holds else None,
    )


def standing(
    model: str, local: LocalModels, server: LocalServer, now: float, usual_s: float | None = None
) -> tuple[Pace, InMemory]:
    """How fast one of this server's models is, and whether it is in memory. ``usual_s`` is what an answer of it takes
    as a rule."""
    found = find(server.models, model)
    if found is None:
        return Pace(load_s=None, usual_s=usual_s), InMemory()
    return _pace(found, local, server, now, usual_s), _memory(found, local, server, now)


def _pace(model: LocalModel, local: LocalModels, server: LocalServer, now: float, usual_s: float | None) -> Pace:
    speed, kept = model.speed, local.residence.kept(model.name)
    waits = (server.product or server.kind) in _ONE_AFTER_ANOTHER
    return Pace(
        speed.prompt_tokens_per_s,
        speed.tokens_per_s,
        load_s=load_seconds(model, server.models) if _is_loaded(model, server, now) is False else 0.0,
        wait_s=model.in_flight * (usual_s or 0.0) if waits else 0.0,
        kept_session=kept.session if kept else None,
        kept_tokens=kept.tokens if kept else 0,
        kept_context=model.context_length or 0,
        usual_s=usual_s,
    )


def _memory(model: LocalModel, local: LocalModels, server: LocalServer, now: float) -> InMemory:
    loaded = _is_loaded(model, server, now)
    if loaded is None or server.product not in _MAKE_ROOM:
        return InMemory(loaded)
    leaving = local.residence.leaving(model, server.models, server.looked_at or 0.0, now, local.beside)
    return InMemory(loaded, leaving.model, leaving.in_use) if leaving else InMemory(loaded)


def _is_loaded(model: LocalModel, server: LocalServer, now: float) -> bool | None:
    """One that has answered since the last look was loaded for it; one that is to answer may still be loading."""
    if model.loaded or (not model.in_flight and comes(model, server.looked_at or 0.0, now)):
        return True
    return False if server.product in _TELL_WHAT_IS_LOADED else None

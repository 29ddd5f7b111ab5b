"""Which models of a local server are in memory, which would have to leave for another, and what the last prompt left.

Loading a model takes seconds to minutes and may put out one that is about to be asked again. Ollama loads a further
model beside the others only where all of it fits there, on the GPUs where there are any, and otherwise puts out one
that nobody asks at the moment, a pinned one too (its ``server/sched.go``: ``requireFull``, ``findRunnerToUnload``; seen
with 0.32.15, 2026-11).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from gateway_core.frozen import frozen
from gateway_core.local_values import LocalModel
from gateway_core.ollama.choice import find

STICKY_S = 300.0
"""A model that was used within that time is left in memory, unless a request names another or only another can answer.
Ollama itself keeps a model for as long after its last request (``OLLAMA_KEEP_ALIVE``: 5 m; its FAQ, 2026-11)."""
MOST_LOADED = 3
"""Models that Ollama keeps at a time where nobody says otherwise (``OLLAMA_MAX_LOADED_MODELS``; its FAQ, 2026-11)."""

Beside = Callable[[Sequence[LocalModel], frozenset[str]], bool]
"""Whether models can be loaded beside those that are, but for some that leave for them. False where nobody knows."""


@frozen
class Leaving:
    """A model in use that would have to leave. ``in_use`` says how, for people: ``used 40 s ago``."""

    model: str
    in_use: str


@frozen
class Kept:
    """The prompt that a model has read last: of this session, and of so many tokens as estimated."""

    session: str
    tokens: int


class Residence:
    """What was seen of one server's memory. Times are Unix seconds."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """The server is another one now."""
        self._loaded: dict[str, LocalModel] = {}
        self._together: set[frozenset[str]] = set()
        self._apart: set[frozenset[str]] = set()
        self._kept: dict[str, Kept] = {}

    def saw(self, models: Iterable[LocalModel], now: float) -> None:
        """Takes up a look at the server: models that are loaded together fit together, and one that went before its
        time when another came does not fit beside that one."""
        before, self._loaded = self._loaded, {model.name: model for model in models if model.loaded}
        names = self._loaded.keys()
        gone = [model.name for model in before.values() if model.name not in names and _had_time(model, now)]
        self._apart |= {frozenset((came, name)) for came in names - before.keys() for name in gone}
        self._together -= self._apart
        self._together |= {frozenset((one, other)) for one in names for other in names if one != other}
        self._apart -= self._together
        self._kept = {name: kept for name, kept in self._kept.items() if name in names}

    def read(self, model: str, session: str | None, tokens: int) -> None:
        """A model has read a prompt that is estimated at so many tokens; 0 where nobody knows whether all of it."""
        found = find(self._loaded.values(), model)
        name = found.name if found else model
        if session and tokens:
            self._kept[name] = Kept(session, tokens)
        else:
            self._kept.pop(name, None)

    def kept(self, model: str) -> Kept | None:
        """The prompt that the model holds the keys and values of, as far as they are known to be there."""
        return self._kept.get(model)

    def leaving(
        self, model: LocalModel, models: Sequence[LocalModel], looked_at: float, now: float, beside: Beside
    ) -> Leaving | None:
        """The model in use that would have to leave for ``model``, the one used last; None where none has to.

        ``models`` are as they were seen at ``looked_at``. One that was asked since then is on its way into memory,
        whatever was seen, and what it puts out does not come back beside it; of several the last one asked stays.
        """
        others = [other for other in models if other.name != model.name]
        coming = [other for other in others if comes(other, looked_at, now)]
        if comes(model, looked_at, now):
            against = coming = [other for other in coming if _last_use(other) > _last_use(model)]
        elif model.loaded:
            against = coming
        else:
            against = [*coming, *(other for other in others if _stays(other, now))]
        if not against or self._fit(model, against, coming, models, beside):
            return None
        last = max(against, key=_last_use)
        return Leaving(last.name, _use(last, now))

    def _fit(
        self,
        model: LocalModel,
        against: list[LocalModel],
        coming: list[LocalModel],
        models: Sequence[LocalModel],
        beside: Beside,
    ) -> bool:
        pairs = {frozenset((model.name, other.name)) for other in against}
        if pairs & self._apart or len(against) >= MOST_LOADED:
            return False
        if pairs <= self._together:
            return True
        keep = {model.name, *(other.name for other in against)}
        idle = frozenset(one.name for one in models if one.loaded and not one.stays and one.name not in keep)
        return beside(coming if model.loaded else [model, *coming], idle)


def _had_time(model: LocalModel, now: float) -> bool:
    return model.expires_at is None or model.expires_at > now


def comes(model: LocalModel, looked_at: float, now: float) -> bool:
    """Whether it was not in memory when it was looked, and was asked since. What was used in the future was used before
    the clock was set."""
    return not model.loaded and (model.in_flight > 0 or looked_at <= (model.last_used_at or 0.0) <= now)


def _last_use(model: LocalModel) -> tuple[bool, float]:
    return (model.in_flight > 0, model.last_used_at or 0.0)


def _stays(model: LocalModel, now: float) -> bool:
    if not model.loaded:
        return False
    used = model.last_used_at is not None and 0 <= now - model.last_used_at < STICKY_S
    return used or model.in_flight > 0 or model.stays


def _use(model: LocalModel, now: float) -> str:
    if model.in_flight:
        return "which is answering"
    ago_s = max(0.0, now - (model.last_used_at or 0.0))
    if model.stays and ago_s >= STICKY_S:
        return "which is to stay"
    return f"used {ago_s:.0f} s ago" if ago_s < 120 else f"used {ago_s / 60:.0f} min ago"

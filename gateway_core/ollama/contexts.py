"""The contexts of the local models: how long a prompt may be, and what a request asks Ollama for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from gateway_core.clock import Clock
from gateway_core.learned_contexts import LearnedContexts
from gateway_core.model import LocalModel
from gateway_core.ollama.choice import find
from gateway_core.ollama.client import OllamaClient, OllamaError
from gateway_core.ollama.context import SMALLEST_CONTEXT_TOKENS, context_for, largest_context, need_of
from gateway_core.ollama.discovery import Found
from gateway_core.ollama.machine.memory import available_bytes
from gateway_core.wire.ollama_chat import Loading

FOR_EVER = -1
_UNTOLD = 1 << 30
"""A model that is not listed gets what it is asked for: the server says what is wrong with it."""


class Contexts:
    """Follows what was found of one server. ``client`` is its own API, None before the first look.

    ``limit`` is the operator's word on the largest context, ``keep_alive`` on how long a model stays. ``same_machine``
    says that this machine's memory is the server's. ``chosen`` is the context that the operator set for a model, which
    it then has whatever a prompt needs, and ``pinned`` whether it is to stay loaded.
    """

    def __init__(
        self,
        found: Callable[[], Found | None],
        client: Callable[[], OllamaClient | None],
        clock: Clock,
        *,
        limit: int | None,
        keep_alive: str | None,
        same_machine: bool,
        memory: Callable[[], int | None] = available_bytes,
        chosen: Callable[[str], int | None] = lambda model: None,
        pinned: Callable[[str], bool] = lambda model: False,
    ) -> None:
        self._found = found
        self._client = client
        self._clock = clock
        self._available = memory
        self._chosen = chosen
        self._pinned = pinned
        self._asked: dict[str, list[Loading]] = {}
        self.use(limit=limit, keep_alive=keep_alive, same_machine=same_machine)

    def use(self, *, limit: int | None, keep_alive: str | None, same_machine: bool) -> None:
        """Takes up what the operator says now, of a server that may be another: what was learned is forgotten."""
        self.limit = limit
        self._keep_alive = int(keep_alive) if keep_alive and keep_alive.lstrip("-").isdigit() else keep_alive
        self._memory = self._available if same_machine else lambda: None
        self._learned = LearnedContexts(self._clock)
        self._lacking: str | None = None

    @property
    def native_chat(self) -> bool:
        """Whether the server has a chat of Ollama's own; one that only mimics Ollama may lack it."""
        found = self._found()
        return self._lacking is None or (found is not None and found.version != self._lacking)

    def lacks_native_chat(self) -> None:
        """Remembers that it has none, until it is of another version."""
        found = self._found()
        self._lacking = found.version if found else ""

    def context_of(self, model: str) -> int | None:
        """Tokens that prompt and answer can have together; None where nobody knows."""
        found = self._found()
        return self._known(found, self._full_name(model), found.running) if found else None

    def in_force(self, model: str) -> int | None:
        """Tokens that a request over ``/v1`` can have, where the server itself tells: the operator may be wrong."""
        found, name = self._found(), self._full_name(model)
        if found is None:
            return None
        told = found.contexts.get(name)
        return _context(found.running.get(name)) or (None if told == self.limit else told)

    def learn(self, model: str, tokens: int) -> None:
        """Remembers for a while that no more than ``tokens`` fit."""
        self._learned.learn(self._full_name(model), tokens)

    async def loading(
        self, model: str, prompt_tokens: int, max_output_tokens: int | None, *, exact: bool = False
    ) -> Loading | None:
        """What to ask for; None where the request does not fit. ``exact`` says that the model counted the tokens.

        Looks at what is loaded at this moment: another program may have loaded the model with another context.
        """
        running = await self._running()
        found, name = self._found(), self._full_name(model)
        need = need_of(prompt_tokens, max_output_tokens, exact=exact)
        asked = self._asked.get(model, [])
        in_force = max((loading.num_ctx for loading in asked), default=_context(running.get(name)))
        largest = self._known(found, name, running) if found else None
        shape = found.shapes.get(name) if found else None
        usual = (shape.own_context if shape else None) or SMALLEST_CONTEXT_TOKENS
        if (fixed := self._fixed(found, name)) is not None:
            num_ctx = fixed if need.least_tokens <= min(fixed, largest or fixed) else None
        else:
            num_ctx = context_for(need, in_force=in_force, usual=usual, largest=largest or _UNTOLD)
        if num_ctx is None:
            return None
        pinned = (
            self._pinned(name) or _pinned(running.get(name)) or any(loading.keep_alive == FOR_EVER for loading in asked)
        )
        return Loading(num_ctx, FOR_EVER if pinned else self._keep_alive)

    @contextmanager
    def asking(self, model: str, loading: Loading) -> Iterator[None]:
        """Says for the length of a request what it asks for: others must not ask for less while the model loads."""
        asked = self._asked.setdefault(model, [])
        asked.append(loading)
        try:
            yield
        finally:
            asked.remove(loading)
            if not asked:
                self._asked.pop(model, None)

    def _full_name(self, model: str) -> str:
        found = self._found()
        listed = find(found.models, model) if found else None
        return listed.name if listed else model

    async def _running(self) -> Mapping[str, LocalModel]:
        client = self._client()
        try:
            return await client.ps() if client else {}
        except OllamaError:
            found = self._found()
            return found.running if found else {}

    def _known(self, found: Found, model: str, running: Mapping[str, LocalModel]) -> int | None:
        known: int | None = found.contexts.get(model)
        if self.native_chat and model in found.shapes:
            known = self._fixed(found, model) or self._largest(found, model, running)
        return self._learned.within(model, known)

    def _fixed(self, found: Found | None, model: str) -> int | None:
        """The context that the operator set, within what the model was trained for."""
        chosen = self._chosen(model)
        trained = found.shapes[model].trained_context if found and model in found.shapes else None
        return min(chosen, trained or chosen) if chosen else None

    def given_back(self, model: str) -> tuple[int, int]:
        """Main memory and VRAM that loaded models give back when ``model`` comes: those that are not pinned."""
        found = self._found()
        running = found.running if found else {}
        return self.gives_back(frozenset(name for name in running if name == model or not _pinned(running[name])))

    def gives_back(self, leaving: frozenset[str]) -> tuple[int, int]:
        """Main memory and VRAM that those of the loaded models give back."""
        found = self._found()
        main = vram = 0
        for name, other in (found.running if found else {}).items():
            if found and name in leaving:
                shape = found.shapes.get(name)
                main += _given_back(other, shape.weights_bytes if shape else 0) - other.size_vram_bytes
                vram += other.size_vram_bytes
        return main, vram

    def _largest(self, found: Found, model: str, running: Mapping[str, LocalModel]) -> int:
        memory = None if self.limit else self._memory()
        if memory is not None:
            for name, other in running.items():
                if name == model or not _pinned(other):
                    shape = found.shapes.get(name)
                    memory += _given_back(other, shape.weights_bytes if shape else 0)
        loaded = _context(running.get(model))
        return largest_context(found.shapes[model], memory_bytes=memory, limit=self.limit, loaded=loaded)


def _context(running: LocalModel | None) -> int | None:
    return running.context_length if running else None


def _given_back(running: LocalModel, weights_bytes: int) -> int:
    """Memory that a model gives back when Ollama puts it out: all that it has of a GPU, and of main memory what its
    weights do not take, since those are a file's pages, which count as available all the time."""
    main = running.size_bytes - running.size_vram_bytes
    weights = weights_bytes * main // running.size_bytes if running.size_bytes else 0
    return running.size_vram_bytes + max(0, main - weights)


def _pinned(running: LocalModel | None) -> bool:
    return running is not None and running.expires_at is None

"""The providers in use, which may change while requests are under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import Self, TypeVar

from gateway_core.frozen import frozen
from gateway_core.model import ProviderStatus
from gateway_core.providers.base import Batch, Provider, UpstreamCall

Kind = TypeVar("Kind", bound=Provider)


@frozen
class Blueprint:
    """How to make a provider. Equal ``key``s make the same one, which is then kept with its connections."""

    key: object
    make: Callable[[], Provider]


class ProviderPool:
    """Providers by name. One that is replaced ends what it has begun, and is closed when the last user is done."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}
        self._retired: set[_Held] = set()
        self._closing: set[asyncio.Task[None]] = set()

    def use(self, wanted: Mapping[str, Blueprint]) -> frozenset[str]:
        """Makes what is new or different, keeps what is not, and retires the rest.

        Returns the names that mean another provider than before, or none.
        """
        before, self._held = self._held, {}
        for name, blueprint in wanted.items():
            kept = before.get(name)
            same = kept is not None and kept.key == blueprint.key
            self._held[name] = kept if same and kept else _Held(blueprint, self._left)
        for held in before.values():
            if held not in self._held.values():
                self._retired.add(held)
                self._left(held)
        return frozenset(name for name in {*before, *self._held} if before.get(name) is not self._held.get(name))

    def get(self, name: str) -> Provider | None:
        return self._held.get(name)

    @contextmanager
    def lend(self, name: str, kind: type[Kind]) -> Iterator[Kind | None]:
        """The provider itself where it is of that ``kind``, for what others cannot do; not closed under its user."""
        held = self._held.get(name)
        if held is None or not isinstance(held.provider, kind):
            yield None
            return
        with held:
            yield held.provider

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._held)

    def is_busy(self, name: str) -> bool:
        """Whether a request is under way there."""
        return name in self._held and self._held[name].uses > 0

    def _left(self, held: _Held) -> None:
        """Closes a retired provider that nobody uses. It may be used again by who looked it up before."""
        if held in self._retired and not held.uses:
            task = asyncio.get_running_loop().create_task(held.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Closes all of them."""
        await asyncio.gather(*self._closing, *(held.close() for held in (*self._held.values(), *self._retired)))


class _Held:
    """A provider that knows whether it is in use: a ``with`` block keeps it open meanwhile."""

    def __init__(self, blueprint: Blueprint, left: Callable[[_Held], None]) -> None:
        self.key = blueprint.key
        self.uses = 0
        self.provider = blueprint.make()
        self._left = left
        self.name = self.provider.name

    def __enter__(self) -> Self:
        self.uses += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.uses -= 1
        self._left(self)

    async def send(self, call: UpstreamCall) -> AsyncGenerator[Batch]:
        with self:
            async with aclosing(self.provider.send(call)) as batches:
                async for batch in batches:
                    yield batch

    async def check(self) -> ProviderStatus:
        return await self.provider.check()

    async def close(self) -> None:
        await self.provider.close()

"""Whether the providers can be used, looked at now and then without spending anything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace

from gateway_core.credentials import without_credentials
from gateway_core.model import ProviderStatus
from gateway_core.providers.base import Provider

EVERY_S = 600.0
FIRST_AFTER_S = 1.0
"""After the start: the first requests do not wait for the SDKs of providers that they do not need."""
AGAIN_S = 30.0
"""A provider that failed is looked at again so soon: it shows as down for no longer than that after it is back."""


class ProviderChecks:
    """The last status of each provider. ``providers`` are those in use at the moment of the check; ``seen`` hears
    each status as it is found."""

    def __init__(
        self,
        providers: Callable[[], Iterable[Provider]],
        *,
        every_s: float = EVERY_S,
        again_s: float = AGAIN_S,
        first_after_s: float = FIRST_AFTER_S,
        seen: Callable[[ProviderStatus], None] = lambda status: None,
    ) -> None:
        self._providers = providers
        self._every_s = every_s
        self._again_s = again_s
        self._first_after_s = first_after_s
        self._seen = seen
        self._statuses: dict[str, ProviderStatus] = {}
        self._due: dict[str, float] = {}
        self._woken = asyncio.Event()
        self.looked = asyncio.Event()
        """Set after each look, cleared before the next."""

    @property
    def statuses(self) -> tuple[ProviderStatus, ...]:
        """As last seen, in the order of the providers; those not looked at yet are left out."""
        return tuple(self._statuses.values())

    def look_again(self) -> None:
        """Has all of them looked at now: they may have changed."""
        self._due.clear()
        self._woken.set()

    async def run(self) -> None:
        """Looks for ever, the first time a moment from now."""
        await asyncio.sleep(self._first_after_s)
        while True:
            self._woken.clear()
            self.looked.clear()
            await self._look()
            self.looked.set()
            wait = min(self._due.values(), default=self._now() + self._every_s) - self._now()
            try:
                async with asyncio.timeout(max(0.0, wait)):
                    await self._woken.wait()
            except TimeoutError:
                pass

    async def _look(self) -> None:
        providers = {provider.name: provider for provider in self._providers()}
        due = [provider for name, provider in providers.items() if self._due.get(name, 0.0) <= self._now()]
        told = await asyncio.gather(*(provider.check() for provider in due))
        found = {one.name: replace(one, base_url=without_credentials(one.base_url)) for one in told}
        self._statuses = {name: now for name in providers if (now := found.get(name) or self._statuses.get(name))}
        for name, status in found.items():
            self._seen(status)
            self._due[name] = self._now() + (self._every_s if status.state == "ok" else self._again_s)
        self._due = {name: at for name, at in self._due.items() if name in providers}

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

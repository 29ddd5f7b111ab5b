"""What an operator can do to the answer caches: forget one answer, or all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

from gateway_core.cache.browse import Browser, CacheUnavailable
from gateway_core.cache_entries import KINDS
from gateway_core.model import CommandResult
from gateway_core.store.errors import StoreError

Which = Literal["exact", "semantic", "all"]


class CacheCommands:
    """Commands that change what is kept. ``changed`` is told afterwards, and counts again."""

    def __init__(self, browser: Browser, changed: Callable[[], Awaitable[None]]) -> None:
        self._browser = browser
        self._changed = changed

    async def forget_answer(self, entry: str) -> CommandResult:
        """Forgets one answer, by its entry's id. Unlike one marked wrong it may be kept again."""
        try:
            found = await self._browser.forget(entry)
        except (CacheUnavailable, StoreError) as error:
            return CommandResult(False, str(error))
        if not found:
            return CommandResult(False, "There is no cached answer of that id: see `llmgw cache list`.")
        await self._changed()
        return CommandResult(True, "That answer is forgotten; the question will be asked again.")

    async def clear_cache(self, which: Which) -> CommandResult:
        """Forgets all answers of a cache, or of both."""
        try:
            many = await self._browser.clear(KINDS if which == "all" else (which,))
        except (CacheUnavailable, StoreError) as error:
            return CommandResult(False, f"{error} Nothing was forgotten.")
        await self._changed()
        name = "both caches" if which == "all" else f"the {which} cache"
        return CommandResult(True, f"{many:,} answer{'' if many == 1 else 's'} of {name} forgotten.")

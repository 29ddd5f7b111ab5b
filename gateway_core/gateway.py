"""One gateway, whatever face it is given: it begins, looks after itself, tells, and ends."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from importlib.metadata import version
from typing import TYPE_CHECKING

from gateway_core.cache.browse import CacheUnavailable
from gateway_core.cache.review.quiet import DISTURBING
from gateway_core.clock import Clock, SystemClock
from gateway_core.composition import Composition
from gateway_core.config_watch import watch
from gateway_core.importing import import_all
from gateway_core.last_settings import remember
from gateway_core.model import (
    CacheEntryDetail,
    CacheHit,
    ChatRequest,
    Decision,
    RequestRow,
    Snapshot,
)
from gateway_core.offers import Offer, list_offers
from gateway_core.overview import Standing
from gateway_core.providers.anthropic import AnthropicProvider
from gateway_core.providers.base import UpstreamCall, UpstreamError
from gateway_core.settings import Settings
from gateway_core.settings_files import SettingsFiles
from gateway_core.store.database import FILE_NAME, Database
from gateway_core.store.errors import StoreError
from gateway_core.store.lock import FolderLock

if TYPE_CHECKING:
    from gateway_core.setting_values import SettingsReport

log = logging.getLogger(__name__)

VERSION = version("llmgw")
SNAPSHOT_ROWS = 200
HOUSEKEEPING_S = 600.0
IMPORTED_AFTER_S = 3.0
FEW_ASK_FOR = (
    "gateway_core.cache.code_questions",
    "gateway_core.replays",
    "gateway_core.request_filter",
    "gateway_core.store.request_pages",
    "gateway_core.routing_view",
    "gateway_core.http.openapi_document",
    "gateway_core.http.prometheus_page",
    "gateway_core.http.responses_turns",
    "gateway_core.provenance",
    "gateway_core.whatif.room",
    "regex",
)
"""What is imported where it is needed, and not for the start: who is the first to ask should not wait for it."""


class Gateway(Composition):
    """A running gateway: :meth:`snapshot` out, :attr:`commands` in, :attr:`bus` for what happens.

    Made by :meth:`open`, which raises ``StoreError`` when the data folder cannot be used and ``SettingsError`` for a
    custom policy pattern that is none.
    """

    @classmethod
    async def open(
        cls,
        settings: Settings,
        *,
        files: SettingsFiles | None = None,
        simulated: bool = False,
        read_only: bool = False,
        clock: Clock | None = None,
    ) -> Gateway:
        """Takes the data folder, charges what a crash left open, and starts to look for local models.

        ``files`` are where ``settings`` came from; a gateway that knows them can take up changes.
        """
        clock = clock or SystemClock()
        lock = FolderLock.acquire(settings.data_dir)
        try:
            database = await Database.open_or_stand_in(settings.data_dir / FILE_NAME, clock)
            try:
                gateway = cls(settings, lock, database, files, simulated=simulated, read_only=read_only, clock=clock)
                await gateway._compose()
                await gateway._start()
            except BaseException:
                await database.close()
                raise
        except BaseException:
            lock.release()
            raise
        return gateway

    async def _start(self) -> None:
        """What runs beside the requests."""
        self.event_log.begin(VERSION, self._notices)
        self._spawn(self.event_log.tell(self.bus.publish), "log")
        self._journal.start()
        await self._caches.start(self.settings.data_dir)
        await self.local.start()
        self._spawn(self._pricing.load(), "prices")
        self._spawn(self.checks.run(), "provider checks")
        self.bus.listen(self._quiet.hear, *DISTURBING)
        self._spawn(self.reviewer.run(), "review of the semantic cache")
        self._spawn(self.learning.run(), "learning")
        self._spawn(self._look_after(), "housekeeping")
        self._spawn(self._import_the_rest(), "imports")
        self._spawn(self.commands.keep_unsaved(), "operator's decisions")
        self._spawn(self.searches.fill(), "search index")
        self._spawn(self._look_for_damage(), "database check")
        self._spawn(self.spending.run(), "earlier days")
        self._spawn(watch(self.keys.paths, self.keys.look_again), "keys")
        if self._files:
            if not self._files.trouble:
                copied = asyncio.to_thread(remember, self._files, self.settings.data_dir)
                self._spawn(copied, "copy of the configuration")
            self._spawn(watch(self._files.paths, self._reload_quietly), "configuration")

    async def _import_the_rest(self) -> None:
        """Once the first requests have had their time."""
        await asyncio.sleep(IMPORTED_AFTER_S)
        await asyncio.to_thread(import_all, FEW_ASK_FOR)

    async def _reload_quietly(self) -> None:
        """After a file has changed: who looks is told by a notice."""
        try:
            await self.reloader.reload()
        except Exception as error:
            log.error("the configuration could not be taken up: %s", type(error).__name__)

    async def _look_after(self) -> None:
        """Throws away, now and then, what is too old."""
        while True:
            try:
                await self._requests.prune(self._clock.now(), self.settings.keep_bodies_days)
                await self.responses.prune(self.settings.keep_bodies_days)
                await self._caches.prune()
                await self._requests.keep_savings(self._clock.now())
            except StoreError as error:
                self.notice("warning", f"Old entries could not be thrown away: {error}")
            await asyncio.sleep(HOUSEKEEPING_S)

    async def _look_for_damage(self) -> None:
        if await self._database.find_damage():
            text = f"{self._database.path} is damaged. Restart llmgw: it sets the file aside and makes a new one."
            self._notices.append(text)
            self.notice("error", text)

    async def count_tokens(self, request: ChatRequest) -> int:
        """The prompt's tokens: Anthropic's own count where it would answer, which is free, else the estimate.

        What would not be answered is not shown to anybody for its count either.
        """
        decision = self.pipeline.decide(request)
        if isinstance(decision, Decision):
            with self._tiers.lend(decision.target.provider, AnthropicProvider) as provider, suppress(UpstreamError):
                if provider is not None:
                    return await provider.count_tokens(UpstreamCall(request, decision.target))
        return request.size.input_tokens

    async def cache_entry(self, entry_id: str) -> CacheEntryDetail | None:
        """One cached answer; None when it has gone or cannot be seen."""
        with suppress(CacheUnavailable, StoreError):
            return await self.browser.entry(entry_id)
        return None

    async def cache_hits(self, limit: int) -> tuple[CacheHit, ...]:
        """The newest requests that a cache answered."""
        await self._journal.settled()
        return await self.browser.hits(limit)

    async def settings_report(self) -> SettingsReport:
        """Every setting: what is in force, and where it came from."""
        from gateway_core.provenance import provenance

        state, address = self.commands.state, self.address
        return await asyncio.to_thread(provenance, self.settings, self._files, state, address=address)

    async def requests(self, limit: int, query: str | None = None) -> tuple[RequestRow, ...]:
        """The newest requests of the log that match ``query``. Raises ``BadSearch`` for a filter that is none."""
        return (await self.searches.page(query or "", limit=limit)).requests

    def offers(self) -> tuple[Offer, ...]:
        """The models that can be asked for now."""
        return list_offers(self._tiers.landscape(), self.embeddings.models(), self._pricing)

    def snapshot(self, rows: int = SNAPSHOT_ROWS) -> Snapshot:
        """The whole gateway now. Reads memory only."""
        self._journal.tell()
        standing = Standing(
            VERSION,
            self.started_at,
            self.address,
            self._simulated,
            self._read_only,
            self.commands.replaced_limits,
            self.notices,
        )
        return self._overview.snapshot(standing, self._clock.now(), rows)

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should know now."""
        own = (*self._failures(), *self.keys.notices, *self.reloader.notices, *self._notices)
        return (*own, *self._overview.notices)

    def _failures(self) -> tuple[str, ...]:
        """What does not work now. A database that stands in for the file tells of itself."""
        ledger = "" if self._database.why_temporary else self.ledger_notice
        return tuple(
            text for text in (ledger, *dict.fromkeys((self._encoder.given_up, self._embedder.given_up))) if text
        )

    async def close(self) -> None:
        """Ends everything in order: the requests first, of which few are left; money and log are written."""
        self.event_log.end()
        await self.kill_gate.end(at_once=True)
        await self.pipeline.kept()
        for task in list(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._judge.close()
        await self._journal.close()
        await self.learning.close()
        await self._budget.close()
        with suppress(StoreError):
            await self.commands.save_again()
        await self._caches.close()
        await self.spending.close()
        if "what_if" in vars(self):
            await self.what_if.close()
        await asyncio.gather(*(worker.stop() for worker in {self._encoder, self._embedder}))
        await self._local_embeddings.close()
        await self.local.close()
        await self._tiers.close()
        self.bus.close()
        await self.searches.close()
        await self._database.close()
        self._lock.release()

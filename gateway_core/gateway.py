"""Composes the parts: one gateway, whatever face it is given."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from importlib.metadata import version

from gateway_core.activity import Activity
from gateway_core.bus import Bus
from gateway_core.cache.answers import AnswerCaches
from gateway_core.cache.builtin_embeddings import BuiltinEmbeddings
from gateway_core.cache.semantic import open_encoder
from gateway_core.clock import Clock, SystemClock
from gateway_core.commands import Commands
from gateway_core.dispatch import Dispatcher
from gateway_core.embeddings import Embeddings
from gateway_core.events import Notice
from gateway_core.gates.budget import Budget
from gateway_core.gates.idempotency import Idempotency
from gateway_core.gates.kill_switch import KillGate
from gateway_core.gates.policy import PolicyGate
from gateway_core.gates.rate_limit import RateLimit
from gateway_core.journal import Journal
from gateway_core.model import ProviderStatus, RequestDetail, RequestRow, Snapshot
from gateway_core.offers import Offer, list_offers
from gateway_core.ollama.embeddings import LocalEmbeddings
from gateway_core.ollama.manager import LocalModels
from gateway_core.pipeline import Gates, Pipeline
from gateway_core.providers.builtin import BuiltinModel
from gateway_core.providers.pricing import Pricing
from gateway_core.providers.registry import build_providers
from gateway_core.routing.session import Sessions
from gateway_core.settings import Settings
from gateway_core.store.answers import AnswerStore
from gateway_core.store.database import FILE_NAME, Database
from gateway_core.store.days import day_of
from gateway_core.store.errors import StoreError
from gateway_core.store.idempotency import IdempotencyStore
from gateway_core.store.ledger import Ledger
from gateway_core.store.lock import FolderLock
from gateway_core.store.operator import Limits, OperatorStore
from gateway_core.store.requests import RequestLog
from gateway_core.tiers import KEY_NAMES, Tiers

log = logging.getLogger(__name__)

VERSION = version("llmgw")
SNAPSHOT_ROWS = 200
HOUSEKEEPING_S = 600.0
ENDING_S = 1.0
"""For cancelled requests to settle: aiohttp cancels them at the end, and does not wait."""


class Gateway:
    """A running gateway: :meth:`snapshot` out, :attr:`commands` in, :attr:`bus` for what happens.

    Made by :meth:`open`, which raises ``StoreError`` when the data folder cannot be used and ``SettingsError`` for a
    custom policy pattern that is none.
    """

    pipeline: Pipeline
    commands: Commands
    embeddings: Embeddings

    def __init__(
        self,
        settings: Settings,
        lock: FolderLock,
        database: Database,
        *,
        simulated: bool,
        read_only: bool,
        clock: Clock,
    ) -> None:
        self.settings = settings
        self._lock = lock
        self._database = database
        self.bus = Bus()
        self.address = ""
        """Where it can be reached; set by the server that listens."""
        self._simulated = simulated
        self._read_only = read_only
        self._clock = clock
        self.started_at = clock.now()
        """Unix seconds."""
        self._notices: list[str] = []
        self._providers: tuple[ProviderStatus, ...] = ()
        self._background: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(
        cls, settings: Settings, *, simulated: bool = False, read_only: bool = False, clock: Clock | None = None
    ) -> Gateway:
        """Takes the data folder, charges what a crash left open, and starts to look for local models."""
        clock = clock or SystemClock()
        lock = FolderLock.acquire(settings.data_dir)
        try:
            database = await Database.open(settings.data_dir / FILE_NAME, clock)
            try:
                gateway = cls(settings, lock, database, simulated=simulated, read_only=read_only, clock=clock)
                await gateway._compose()
            except BaseException:
                await database.close()
                raise
        except BaseException:
            lock.release()
            raise
        return gateway

    async def _compose(self) -> None:
        settings, clock, database = self.settings, self._clock, self._database
        if settings.router_provider != "builtin":
            self._notices.append(
                f"ROUTER_PROVIDER {settings.router_provider} is not used yet: the built-in router decides."
            )
        self._policy = PolicyGate(settings.policy_patterns, settings.policy == "on")
        self._notices += database.notices
        operator = OperatorStore(database)
        state = await operator.load()
        self._notices += operator.notices
        configured = Limits(
            round(settings.daily_budget_soft * 1e6),
            round(settings.daily_budget_medium * 1e6),
            round(settings.daily_budget_hard * 1e6),
        )
        limits = state.limits(configured)
        self._budget = await Budget.open(
            Ledger(database, clock), clock, limits.soft_microusd, limits.medium_microusd, limits.hard_microusd
        )
        if (orphans := self._budget.orphans).count:
            charged = f"{orphans.cost_microusd / 1e6:.4f} USD charged for them"
            self._notices.append(f"{orphans.count} paid calls were cut off last time; {charged}.")
        self._requests = RequestLog(database, clock, keep_bodies=settings.keep_bodies_days > 0)
        await self._requests.fail_interrupted()
        self._activity = Activity(clock.now())
        self._activity.restore(
            await self._requests.recent(SNAPSHOT_ROWS), await self._requests.of_day(day_of(clock.now()))
        )
        self._pricing = pricing = Pricing(settings.prices, settings.unknown_price)
        self._kill = KillGate(state.kill)
        self._local = LocalModels(
            settings,
            self.bus.publish,
            standin=BuiltinModel(settings.data_dir / "builtin", settings.builtin_context_tokens),
            switched=state.local_model,
            clock=clock,
        )
        self._tiers = Tiers(
            settings, build_providers(settings, self._simulated), self._local, pricing, self._budget, state.cheap_model
        )
        self._tiers.forced = state.forced_tier
        self._encoder = open_encoder(settings, self._note)
        self._caches = AnswerCaches.open(settings, AnswerStore(database), clock, self._note, self._encoder)
        self._journal = Journal(self.bus, self._activity, self._requests, clock)
        rate = RateLimit(settings.rate_limit_rpm, settings.rate_limit_tpm, clock)
        self.pipeline = Pipeline(
            Gates(
                self._policy,
                self._kill,
                rate,
                Idempotency(IdempotencyStore(database, clock)),
            ),
            self._caches,
            self._tiers,
            Dispatcher(self._tiers.provider, self._budget, pricing, settings.max_output_tokens, settings.premium_model),
            self._journal,
            Sessions(),
        )
        self._local_embeddings = LocalEmbeddings(self._local, settings)
        self.embeddings = Embeddings(
            BuiltinEmbeddings(self._encoder),
            self._local_embeddings,
            self._tiers,
            self._kill,
            rate,
            self._budget,
            pricing,
            self._journal,
        )
        self.commands = Commands(
            self._kill,
            self._tiers,
            self._budget,
            self._local,
            self._caches.mark_wrong,
            operator,
            state,
            configured,
            self.bus,
            clock,
            self._read_only,
        )
        self._journal.start()
        await self._caches.start()
        await self._local.start()
        self._spawn(pricing.load(), "prices")
        self._spawn(self._look_after(), "housekeeping")

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _look_after(self) -> None:
        """Checks the providers and, now and then, throws away what is too old."""
        while True:
            self._providers = tuple(
                [await provider.check() for name, provider in self._tiers.providers.items() if name in KEY_NAMES]
            )
            try:
                await self._requests.prune(self._clock.now(), self.settings.keep_bodies_days)
                await self._caches.prune()
            except StoreError as error:
                self.notice("warning", f"Old entries could not be thrown away: {error}")
            await asyncio.sleep(HOUSEKEEPING_S)

    def _note(self, text: str) -> None:
        self.notice("info", text)

    def notice(self, level: str, text: str) -> None:
        """Tells whoever looks."""
        self.bus.publish(Notice(self._clock.now(), level, text))

    async def detail(self, request_id: str) -> RequestDetail | None:
        """Everything kept of a request."""
        await self._journal.settled()
        return await self._requests.detail(request_id)

    async def requests(self, limit: int, query: str | None = None) -> tuple[RequestRow, ...]:
        """The newest requests of the log that match ``query``."""
        await self._journal.settled()
        return await self._requests.recent(limit, query)

    def offers(self) -> tuple[Offer, ...]:
        """The models that can be asked for now."""
        return list_offers(self._tiers.landscape(), self.embeddings.models(), self._pricing)

    def snapshot(self, rows: int = SNAPSHOT_ROWS) -> Snapshot:
        """The whole gateway now. Reads memory only."""
        now = self._clock.now()
        targets = self._tiers.targets()
        budget, local = self._budget.status(), self._local.server
        state, detail = self._state(bool(targets), budget.ledger_ok)
        return Snapshot(
            at=now,
            version=VERSION,
            started_at=self.started_at,
            address=self.address,
            state=state,
            state_detail=detail,
            simulated=self._simulated,
            read_only=self._read_only,
            kill=self._kill.state,
            forced_tier=self._tiers.forced,
            budget=budget,
            cache=self._activity.cache(now, self._caches.entries),
            tiers=self._activity.tiers(now, targets, self._tiers.choices()),
            providers=self._providers,
            local=local,
            in_flight=self._kill.in_flight,
            requests_today=self._activity.requests_today(now),
            requests_per_minute=self._activity.requests_per_minute(now),
            saved_today_microusd=self._activity.saved_microusd(now),
            requests=self._activity.rows(rows),
            spend_by_hour=self._activity.spend_by_hour(now),
            cache_rate_by_minute=self._activity.cache_rate_by_minute(now),
            notices=(*self._local.notices, *self._notices),
        )

    def _state(self, has_target: bool, ledger_ok: bool) -> tuple[str, str]:
        if self._kill.state.on:
            return "killed", "Nothing is answered until the kill switch is released."
        if not ledger_ok:
            return "degraded", "The ledger cannot be written: paid tiers are stopped."
        if not has_target:
            waiting = self._local.server.detail
            return "degraded", waiting or "No tier has a model: start Ollama or set a key."
        return "running", ""

    async def close(self) -> None:
        """Ends everything in order: the server cancelled what is in flight; money and log are written."""
        await self._kill.ended(ENDING_S)
        for task in list(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._journal.close()
        await self._budget.close()
        await self._caches.close()
        await self._encoder.stop()
        await self._local_embeddings.close()
        await self._local.close()
        await self._tiers.close()
        self.bus.close()
        await self._database.close()
        self._lock.release()

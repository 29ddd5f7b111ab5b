"""Puts the parts of a gateway together, each after those that it needs, and has them take up other settings."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from gateway_core.activity import RECENT_ROWS, Activity
from gateway_core.bus import Bus
from gateway_core.cache.answers import AnswerCaches
from gateway_core.cache.browse import Browser
from gateway_core.cache.encoder.builtin_embeddings import BuiltinEmbeddings
from gateway_core.cache.encoder.shallow import shallow_fingerprint
from gateway_core.cache.review.quiet import Quiet
from gateway_core.cache.review.reviewer import Reviewer
from gateway_core.cache.semantic import open_embedder, open_encoder, searched
from gateway_core.cache_commands import CacheCommands
from gateway_core.clock import Clock
from gateway_core.commands import Commands
from gateway_core.conversations import Conversations
from gateway_core.delivery.dispatch import Dispatcher
from gateway_core.embeddings import Embeddings
from gateway_core.event_log import EventLog
from gateway_core.events import Notice, RequestFinished
from gateway_core.gates.budget import Budget
from gateway_core.gates.daily_limits import background_limit, configured_limits
from gateway_core.gates.idempotency import Idempotency
from gateway_core.gates.kill_switch import KillGate
from gateway_core.gates.policy import PolicyGate
from gateway_core.gates.rate_limit import RateLimit
from gateway_core.journal import Journal
from gateway_core.judge import Judge
from gateway_core.keys import KeyRing
from gateway_core.learning.fitting import Encoder
from gateway_core.learning.intake import IntakeSources
from gateway_core.learning.picking import SAMPLE_SHARE, SIMULATED_SAMPLE_SHARE
from gateway_core.learning.room import Learning
from gateway_core.learning_commands import LearningCommands
from gateway_core.local_judge import LocalJudge
from gateway_core.log_feed import WORTH_A_LINE, LogFeed
from gateway_core.model import RequestDetail, RequestParts
from gateway_core.ollama.address import local_base_url, root_of
from gateway_core.ollama.embeddings import LocalEmbeddings
from gateway_core.ollama.manager import LocalModels
from gateway_core.ollama.registry import Registry
from gateway_core.overview import Overview
from gateway_core.pipeline import Gates, Pipeline
from gateway_core.provider_checks import ProviderChecks
from gateway_core.providers.builtin import BuiltinModel
from gateway_core.providers.health import Health
from gateway_core.providers.pricing import Pricing
from gateway_core.reader import DifficultyReader
from gateway_core.redaction import Redactor
from gateway_core.reload import Reloader
from gateway_core.replay_commands import ReplayCommands
from gateway_core.reported_usage import ReportedUsage
from gateway_core.request_search import RequestSearch
from gateway_core.routing.limits import OwnLimits
from gateway_core.routing.lineup import Switched, lineup
from gateway_core.routing_commands import RoutingCommands
from gateway_core.settings import Settings
from gateway_core.settings_files import SettingsFiles
from gateway_core.spending.room import Spending
from gateway_core.stopping import Stopping
from gateway_core.store.advance import Advance
from gateway_core.store.answers import AnswerStore
from gateway_core.store.database import Database
from gateway_core.store.days import day_of
from gateway_core.store.errors import StoreError
from gateway_core.store.idempotency import IdempotencyStore
from gateway_core.store.ledger import Ledger, Orphans
from gateway_core.store.local_models import LocalModelStore
from gateway_core.store.lock import FolderLock
from gateway_core.store.model_reports import ModelReportStore
from gateway_core.store.operator import OperatorState, OperatorStore
from gateway_core.store.requests import RequestLog
from gateway_core.store.responses import ResponseStore
from gateway_core.store.spool import Spool
from gateway_core.target_times import SAMPLES, TargetTimes
from gateway_core.tiers import Tiers

if TYPE_CHECKING:
    from gateway_core.replays import Replays
    from gateway_core.routing_view import RoutingView
    from gateway_core.whatif.room import WhatIf
    from gateway_core.whatif.world import LocalKnown, World

LOCAL_SETTINGS = (
    *("local_llm_enabled", "local_llm_url", "local_llm_model", "local_llm_api_key", "local_context_tokens"),
    *("local_keep_alive", "local_registry", "ollama_host"),
)


class Composition:
    """The parts, made by :meth:`_compose`. ``files`` are where ``settings`` came from, where that is known."""

    pipeline: Pipeline
    commands: Commands
    embeddings: Embeddings

    def __init__(
        self,
        settings: Settings,
        lock: FolderLock,
        database: Database,
        files: SettingsFiles | None,
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
        self.event_log = EventLog(clock, Redactor().hide_those_of(settings))
        self._secrets = self.event_log.redactor.recorded
        self.keys = KeyRing(settings, self.event_log.redactor.hide_everywhere, clock.now)
        self._files = files
        self._background: set[asyncio.Task[None]] = set()

    async def _compose(self) -> None:
        policy = PolicyGate(self.settings.policy_patterns, self.settings.policy == "on")
        self._spawn(policy.warm_up(), "policy")
        self._notices += self._database.notices
        operator = OperatorStore(self._database)
        state = await operator.load()
        self._notices += operator.notices
        await self._open_records(state)
        self._open_upstreams(state)
        self._talks = Conversations(self._pricing, self._clock)
        await self._talks.restore(self._requests)
        self._open_pipeline(policy)
        await self._open_learning()
        self._open_commands(operator, state)
        self._open_overview()

    async def _open_records(self, state: OperatorState) -> None:
        """The kill switch, the money, and what is remembered of requests."""
        settings, clock, database = self.settings, self._clock, self._database
        self.kill_gate = KillGate(state.kill)
        limits = state.limits(configured_limits(settings))
        self._budget = await Budget.open(
            Ledger(database, clock, Advance(Spool(settings.data_dir))),
            clock,
            limits.soft_microusd,
            limits.medium_microusd,
            limits.hard_microusd,
            background_microusd=state.background_microusd(background_limit(settings)),
        )
        self._budget.on_ledger = self._ledger_changed
        self.log_feed = LogFeed(self.event_log, self._budget.status)
        self.bus.listen(self.log_feed.hear, *WORTH_A_LINE)
        self._notices += _charged(self._budget.orphans)
        self._told_of = self._budget.orphans
        keeps = settings.keep_bodies_days > 0
        self._requests = RequestLog(database, clock, keep_bodies=keeps, secrets=self._secrets)
        try:
            await self._requests.fail_interrupted()
        except StoreError as error:
            self._notices.append(f"What a crash cut off last time is shown as running until the next start: {error}")
        self.responses = ResponseStore(database, clock)
        self._activity = Activity(clock.now())
        self._times = TargetTimes()
        now = clock.now()
        self._times.restore(await self._requests.models(now, SAMPLES), day_of(now))
        self.bus.listen(self._times.hear, RequestFinished)
        self._reported = ReportedUsage(ModelReportStore(database))
        await self._reported.load()
        self._activity.restore(await self._requests.recent(RECENT_ROWS), await self._requests.tallies(now))

    def _open_upstreams(self, state: OperatorState) -> None:
        """What answers, what it costs, and who chooses between them."""
        settings, clock = self.settings, self._clock
        self._pricing = pricing = Pricing(
            settings.all_prices, settings.unknown_price, server_tool_uses=settings.server_tool_uses
        )
        self.local = LocalModels(
            settings,
            self.bus.publish,
            standin=BuiltinModel(settings.data_dir / "builtin", settings.builtin_context_tokens),
            switched=state.local_model,
            store=LocalModelStore(self._database),
            registry=Registry(clock, enabled=settings.local_registry == "on" and not self._simulated),
            clock=clock,
        )
        self._tiers = Tiers(
            settings,
            self.local,
            pricing,
            self._budget,
            OwnLimits(self._budget, clock),
            Switched(state.cheap_model, state.premium_model),
            clock,
            reported=self._reported,
            times=self._times,
            simulated=self._simulated,
        )
        self._tiers.forced = state.forced_tier
        self.health = Health(clock, lambda level, text: self.notice(level, text, "providers"))
        self.checks = ProviderChecks(lambda: self._tiers.paid, seen=self.log_feed.provider)
        self._judge = Judge(settings, self._tiers.provider, self._tiers.is_idle, self._budget, pricing, clock)
        self._dispatcher = Dispatcher(
            self._tiers.provider,
            self._budget,
            pricing,
            self.health,
            settings.max_output_tokens,
            settings.premium_model,
            budget_for=self._tiers.budget_for,
            total_s=settings.upstream_total_s,
        )
        self._tiers.most_microusd = self._dispatcher.most_microusd

    def _open_pipeline(self, policy: PolicyGate) -> None:
        """The ways that requests take."""
        settings, clock, database = self.settings, self._clock, self._database
        self._rate = RateLimit(settings.rate_limit_rpm, settings.rate_limit_tpm, clock)
        self._encoder = open_encoder(settings, self._note, root_of(local_base_url(settings)))
        self._embedder = open_embedder(settings, self._note, self._encoder)
        answers = AnswerStore(database)
        kept = (self.detail, self._secrets)
        self._caches = AnswerCaches.open(settings, answers, database, clock, self._note, self._encoder, *kept)
        self.browser = Browser(answers, self._requests, searched(settings, self._encoder), clock)
        self._quiet = Quiet(lambda: self.kill_gate.in_flight, clock)
        self.reviewer = Reviewer(
            self._caches.review,
            LocalJudge(self.local, self._tiers.provider, self._tiers.is_idle, clock),
            self._quiet,
            clock,
            lambda: self.kill_gate.state.on,
        )
        self._caches.use_second_opinion(self.reviewer.at_once)
        self.reader = DifficultyReader(self._embedder, is_on=settings.router_embedding == "on")
        self._talks.use_readers(self.reader.vector, self.reader.meaning)
        self._journal = Journal(self.bus, self._activity, self._requests, clock, self._secrets)
        self._budget.announcement = self._journal.announcement
        self.searches = RequestSearch(database, self._requests, self._journal.settled, clock)
        idempotency = Idempotency(IdempotencyStore(database, clock))
        self.pipeline = Pipeline(
            Gates(policy, self.kill_gate, self._rate, idempotency),
            self._caches,
            self._tiers,
            self._dispatcher,
            self._journal,
            self._talks,
            self._judge,
            self.reader,
        )
        self.pipeline.replay_at_natural_pace(settings.cache_replay == "natural")
        self._local_embeddings = LocalEmbeddings(self.local, settings)
        self.embeddings = Embeddings(
            BuiltinEmbeddings(self._embedder),
            self._local_embeddings,
            self._tiers,
            self.kill_gate,
            self._rate,
            idempotency,
            self._budget,
            self._pricing,
            self._journal,
            self._caches.repeated,
        )

    async def _open_learning(self) -> None:
        """What the user shows of answers, and what is learned from that."""
        around = IntakeSources(
            self.detail,
            self.parts,
            self._secrets,
            self._activity.mark,
            lambda: self.settings.keep_bodies_days > 0,
            SIMULATED_SAMPLE_SHARE if self._simulated else SAMPLE_SHARE,
        )
        self.learning = Learning(
            self._database,
            around,
            self._clock,
            lambda text: self.notice("info", text, "learning"),
            lambda: not self.kill_gate.in_flight,
            on=self.settings.router_learning == "on",
        )
        await self.learning.open()
        self._journal.hearers.append(self.learning.hear)
        self.learning.use_encoder(Encoder(self.reader.vector, lambda: shallow_fingerprint(self._embedder.fingerprint)))
        self.reader.learned = self.learning

    def _open_commands(self, operator: OperatorStore, state: OperatorState) -> None:
        """What an operator can do."""
        self.spending = Spending(self._database, self._budget, self._pricing.is_known, self._settled, self._clock)
        self.stopping = Stopping(lambda: self.kill_gate.in_flight, self.kill_gate.hurry)
        self.reloader = Reloader(
            self._files, lambda: self.settings, self._apply, lambda level, text: self.notice(level, text, "settings")
        )
        self.commands = Commands(
            self.kill_gate,
            self._tiers,
            self._budget,
            self.local,
            self._caches.mark_wrong,
            self._caches.review.reset,
            CacheCommands(self.browser, self._caches.prune),
            RoutingCommands(self.health, self._tiers, self.checks),
            ReplayCommands(lambda: self.replays),
            LearningCommands(self.learning, self._clock),
            self.reloader.reload,
            self.stopping.stop,
            operator,
            state,
            configured_limits(self.settings),
            background_limit(self.settings),
            self.bus,
            self._clock,
            self._read_only,
        )

    def _open_overview(self) -> None:
        """What a screen sees of all this."""
        self._overview = Overview(
            self.kill_gate,
            self._budget,
            self._tiers,
            self.local,
            self._activity,
            self._caches,
            self.health,
            self.checks,
            self._judge,
            self.spending,
        )

    @cached_property
    def routing(self) -> RoutingView:
        """What there is to see of the router."""
        from gateway_core.routing_view import RoutingView

        deciding = (self.pipeline.decide, self.reader.read, self._tiers, self.health, self._judge, self._pricing)
        told = (self._activity, self._journal, self._times)
        return RoutingView(*deciding, *told, lambda: self.settings.max_output_tokens, self._clock)

    @cached_property
    def replays(self) -> Replays:
        """Kept requests that are run again."""
        from gateway_core.replays import Replays

        needed = (self.pipeline, self._dispatcher.most_microusd, self._spawn, self._clock, self._secrets)
        return Replays(self.detail, self.parts, *needed)

    @cached_property
    def what_if(self) -> WhatIf:
        """What other policies would have cost."""
        from gateway_core.whatif.room import Surroundings, WhatIf

        around = Surroundings(self._world, self._known_local)
        return WhatIf(self._database, around, self._settled, self._clock)

    def _world(self) -> World:
        """What a replay under another policy goes by."""
        from gateway_core.whatif.world import world_of

        state, budget = self.commands.state, self._budget.status()
        places = lineup(self.settings, Switched(state.cheap_model, state.premium_model))
        local = self._known_local()
        return world_of(self._tiers.landscape(), places, self._pricing, local, budget.hard_microusd)

    def _known_local(self) -> dict[str, LocalKnown]:
        from gateway_core.whatif.world import LocalKnown

        server = self.local
        return {
            model.name: LocalKnown(server.context_of(model.name), server.supports(model.name, "tools"), model.speed)
            for model in server.server.models
        }

    async def _apply(self, settings: Settings) -> None:
        """Takes up settings that differ in what can change live. Raises ``SettingsError`` before anything has."""
        before = self.settings
        policy = PolicyGate(settings.policy_patterns, settings.policy == "on")
        self.keys.use(settings)
        self.settings = settings
        self.event_log.redactor.hide_those_of(settings)
        self.pipeline.use_policy(policy)
        self.pipeline.replay_at_natural_pace(settings.cache_replay == "natural")
        self._pricing.override(settings.all_prices, settings.unknown_price)
        self.health.forget(self._tiers.use(settings))
        self._judge.use(settings)
        self.reader.is_on = settings.router_embedding == "on"
        self._dispatcher.configure(settings.max_output_tokens, settings.premium_model, settings.upstream_total_s)
        self._rate.set_limits(settings.rate_limit_rpm, settings.rate_limit_tpm)
        self._caches.reconfigure(settings)
        self.learning.use(on=settings.router_learning == "on")
        self._requests.keep_bodies = settings.keep_bodies_days > 0
        self._local_embeddings.use(settings)
        money = configured_limits(settings), background_limit(settings)
        if money != (configured_limits(before), background_limit(before)):
            self.commands.reconfigure(*money)
        self.checks.look_again()
        if any(getattr(settings, name) != getattr(before, name) for name in LOCAL_SETTINGS):
            await self.local.reconfigure(settings)

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _note(self, text: str) -> None:
        self.notice("info", text)

    def notice(self, level: str, text: str, source: str = "gateway") -> None:
        """Tells whoever looks. ``source`` is the room it comes from."""
        self.bus.publish(Notice(self._clock.now(), level, text, source))

    def _ledger_changed(self, ok: bool) -> None:
        """At once, whoever looks: what stops paid calls is not to be found out by one that is refused."""
        if ok:
            self.notice("info", "The ledger can be written again: paid tiers are open.", "ledger")
            if self._budget.orphans != self._told_of:
                self._told_of = self._budget.orphans
                for text in _charged(self._told_of):
                    self.notice("warning", text, "ledger")
        else:
            self.notice("error", self.ledger_notice, "ledger")

    @property
    def ledger_notice(self) -> str:
        """What is wrong with the ledger; empty while nothing is."""
        why = self._budget.ledger_trouble
        return f"The ledger cannot be written: paid tiers are stopped. {why}" if why else ""

    async def _settled(self) -> None:
        """Returns when every request so far is in the log, and its money in the ledger."""
        await self._journal.settled()
        with suppress(StoreError):
            await self._budget.written()

    async def detail(self, request_id: str) -> RequestDetail | None:
        """Everything kept of a request."""
        await self._journal.settled()
        found = await self._requests.detail(request_id)
        return await self.learning.with_examples(found) if found else None

    async def parts(self, request_id: str) -> RequestParts | None:
        """What went over the wire for a request; None where it is not kept."""
        await self._journal.settled()
        return await self._requests.parts(request_id)


def _charged(orphans: Orphans) -> list[str]:
    """What a person should know of what a start has charged."""
    told = []
    if orphans.count:
        cost = f"{orphans.cost_microusd / 1e6:.4f} USD charged for them"
        told.append(f"{orphans.count} paid calls were cut off last time; {cost}.")
    if orphans.lost_microusd:
        lost = f"{orphans.lost_microusd / 1e6:.4f} USD"
        told.append(
            f"The computer went off while llmgw ran: {lost} were charged, the most that the ledger may have lost."
        )
    return told

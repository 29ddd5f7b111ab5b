"""Replays a history under a policy: who would have answered each request, and what all of it would have cost."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from gateway_core.kinds import Tier
from gateway_core.providers.rates import Rates
from gateway_core.routing.feasibility import DEFAULT_ANSWER_TOKENS
from gateway_core.routing.landscape import UPWARD, in_order
from gateway_core.whatif.history import LOCAL, UNKNOWN, Codes, Decided, Flags, History, Ints
from gateway_core.whatif.prices import Priced, priced
from gateway_core.whatif.sums import Replayed, Sums
from gateway_core.whatif.thresholds import Scale
from gateway_core.whatif.world import Server, World
from gateway_core.whatif_values import Outcome, Policy, Thresholds

_NOWHERE = -1
_CODES = {tier: code for code, tier in enumerate(UPWARD)}


class Replayer:
    """Replays one history in one world. What policies have in common is made once."""

    def __init__(self, history: History, world: World) -> None:
        self.history = history
        self.world = world
        self._priced: dict[tuple[tuple[Rates, ...], bool], Priced] = {}

    def outcome(self, policy: Policy, world: World | None = None) -> Outcome:
        """What comes of a policy. ``world`` may differ in who serves the LOCAL tier."""
        world = world or self.world
        thresholds = self.thresholds(policy.premium_share)
        replayed = self._replayed(policy, world, thresholds)
        return self._sums.of(world, policy, replayed, (self._now, thresholds), int(self._unknown.sum()))

    def thresholds(self, share: float | None) -> Thresholds:
        """Those that come nearest to sending ``share`` to PREMIUM; as they are for None."""
        world = self.world
        if share is None:
            return self._now
        hard_from, reached = self._scale.hard_from(share, world.bands.hard_from)
        unclear_is_hard = world.default_tier is Tier.PREMIUM
        easy_below = hard_from if unclear_is_hard else min(world.bands.easy_below, hard_from)
        return Thresholds(easy_below, hard_from, reached, self._scale.many)

    # --- made once -------------------------------------------------------------------------------------------------

    @cached_property
    def _sums(self) -> Sums:
        return Sums(self.history, self.world.hard_limit_microusd)

    @cached_property
    def _by_difficulty(self) -> Flags:
        history = self.history
        found: Flags = history.replayable & ~history.hit & (history.decided < Decided.BACKGROUND)
        return found

    @cached_property
    def _unknown(self) -> Flags:
        found: Flags = self._by_difficulty & np.isnan(self.history.difficulty)
        return found

    @cached_property
    def _decided(self) -> Flags:
        found: Flags = self._by_difficulty & ~self._unknown
        return found

    @cached_property
    def _scale(self) -> Scale:
        return Scale(self.history.difficulty[self._decided])

    @cached_property
    def _now(self) -> Thresholds:
        decided = self.history.decided[self._decided]
        hard = np.isin(decided, [Decided.HARD, Decided.JUDGED_HARD]).sum()
        share = float(hard / len(decided)) if len(decided) else 0.0
        return Thresholds(self.world.bands.easy_below, self.world.bands.hard_from, share, len(decided))

    @cached_property
    def _band(self) -> Codes:
        """Easy, unclear or hard, as it was; what a model judged was unclear."""
        bands = np.array([0, 1, 2, 1, 1, 1, 1, 1], np.int8)
        found: Codes = bands[self.history.decided]
        return found

    def _price(self, rates: tuple[Rates, ...], prompt_cache: bool) -> Priced:
        key = (rates, prompt_cache)
        if key not in self._priced:
            self._priced[key] = priced(self.history, rates, prompt_cache=prompt_cache)
        return self._priced[key]

    # --- a policy --------------------------------------------------------------------------------------------------

    def _replayed(self, policy: Policy, world: World, thresholds: Thresholds) -> Replayed:
        history = self.history
        made = history.made_by
        stays = history.went_to if policy.answer_cache else made
        active = history.replayable & (~history.hit if policy.answer_cache else np.True_)
        after, fits_nowhere = stays.copy(), np.zeros(history.many, np.bool_)
        choosing = _Choosing(history, world, stays)
        too_long = np.zeros(history.many, np.bool_)
        if policy.local_model:
            too_long = active & (stays == LOCAL) & ~choosing.fits(LOCAL)
            comes = active & (stays != LOCAL) & self._wanted_local(world) & choosing.fits(LOCAL)
            fits_nowhere |= choosing.send(after, too_long | comes, Tier.LOCAL)
        if policy.premium_share is not None:
            band = (history.difficulty >= thresholds.easy_below).view(np.int8)
            band = band + (history.difficulty >= thresholds.hard_from).view(np.int8)
            changed = active & self._decided & (band != self._band)
            for code, tier in enumerate((Tier.LOCAL, world.default_tier, Tier.PREMIUM)):
                fits_nowhere |= choosing.send(after, changed & (band == code), tier)
        if policy.all_to is not None:
            keeps = stays == _CODES[policy.all_to]
            if policy.all_to is Tier.LOCAL and policy.local_model:
                keeps = keeps & choosing.fits(LOCAL)
            after[active & keeps] = stays[active & keeps]
            fits_nowhere |= choosing.send(after, active & ~keeps, policy.all_to)
        cost, unknown = self._stays(policy)
        low, high = cost, cost
        for code in range(len(UPWARD)):
            moved = np.flatnonzero((after == code) & (stays != code))
            if not len(moved):
                continue
            price = self._price(world.servers[code].rates, policy.prompt_cache)
            if price.low is not price.high:
                low, high = (bound.copy() if bound is cost else bound for bound in (low, high))
                low[moved], high[moved] = price.low[moved], price.high[moved]
            elif low is not cost:
                low[moved] = high[moved] = price.cost[moved]
            cost[moved] = price.cost[moved]
        unknown &= after == stays
        return Replayed(history.went_to, after, cost, low, high, fits_nowhere, too_long, unknown)

    def _stays(self, policy: Policy) -> tuple[Ints, Flags]:
        """What each request costs where it was, with the policy's caches; and where that was never known."""
        history, cost = self.history, self.history.cost.copy()
        unknown = np.zeros(history.many, np.bool_)
        wanted = np.zeros(history.many, np.bool_) if policy.answer_cache else history.hit.copy()
        if not policy.answer_cache:
            known = wanted & (history.no_answer_cache != UNKNOWN)
            cost[known] = history.no_answer_cache[known]
            unknown |= wanted & ~known
        if not policy.prompt_cache:
            wanted = ~history.hit | wanted
            known = wanted & ~unknown & (history.no_prompt_cache != UNKNOWN)
            cost[known] = history.no_prompt_cache[known]
            unknown |= wanted & ~known & (history.cost > 0)
        return cost, unknown

    def _wanted_local(self, world: World) -> Flags:
        """Whether a request was for LOCAL by its lane or its difficulty, wherever it went."""
        kinds = [Decided.EASY, Decided.JUDGED_EASY, Decided.BACKGROUND]
        if world.default_tier is Tier.LOCAL:
            kinds += [Decided.UNCLEAR, Decided.JUDGED_UNCLEAR]
        found: Flags = np.isin(self.history.decided, kinds)
        return found


class _Choosing:
    """Sends requests to the tier a rule asks for or, where they do not fit, to the next as the router has them."""

    def __init__(self, history: History, world: World, stays: Codes) -> None:
        self._history = history
        self._world = world
        self._stays = stays
        self._fits: dict[int, Flags] = {}

    def fits(self, code: int) -> Flags:
        """Whether the tier's model takes a request: its context, as far as it is known, and tools."""
        if code not in self._fits:
            self._fits[code] = _takes(self._world.servers[code], self._history)
        return self._fits[code]

    def send(self, after: Codes, which: Flags, wished: Tier) -> Flags:
        """Writes where ``which`` go into ``after``; returns those that fit nowhere, which stay where they were."""
        if not which.any():
            return which
        goes = np.full(len(after), _NOWHERE, np.int8)
        for tier in in_order(wished):
            code = _CODES[tier]
            goes[(goes == _NOWHERE) & self.fits(code)] = code
        nowhere: Flags = which & (goes == _NOWHERE)
        after[which] = np.where(goes == _NOWHERE, self._stays, goes)[which]
        return nowhere


def _takes(server: Server, history: History) -> Flags:
    fits = np.full(history.many, bool(server.model))
    if server.context_tokens is not None:
        fits &= history.input_tokens + DEFAULT_ANSWER_TOKENS <= server.context_tokens
    if server.tools is False:
        fits &= ~history.tools
    return fits

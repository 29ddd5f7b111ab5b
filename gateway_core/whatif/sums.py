"""Adds up a replay: by tier, by where requests moved, by lane and by day, and against the daily limit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gateway_core.frozen import frozen
from gateway_core.whatif.history import LOCAL, PLACES, Codes, Flags, History, Ints
from gateway_core.whatif.world import Server, World
from gateway_core.whatif_values import (
    Amount,
    DayChange,
    LaneChange,
    LeftOut,
    LimitLook,
    LocalLook,
    Moves,
    Outcome,
    Policy,
    Thresholds,
    TierChange,
)


@frozen
class Replayed:
    """Each request under a policy: where it went and where it goes (codes of ``PLACES``), and its costs."""

    before: Codes
    after: Codes
    cost: Ints
    low: Ints
    high: Ints
    fits_nowhere: Flags
    too_long: Flags
    without_counterfactual: Flags

    @property
    def moved(self) -> Flags:
        moved: Flags = self.before != self.after
        return moved


class Sums:
    """The sums of a history as it was, made once; a replay adds what it changes."""

    def __init__(self, history: History, hard_limit_microusd: int) -> None:
        self._history = history
        self._limit = hard_limit_microusd
        self._by_day = _by(history.day, history.cost, len(history.days)) + history.other_cost
        self._by_lane = _by(history.lane, history.cost, len(history.lanes))
        self._requests_by_lane = np.bincount(history.lane, minlength=len(history.lanes))
        values = (history.input_tokens, history.output_tokens, history.cost)
        by_place = [_by(history.went_to, value, len(PLACES)) for value in values]
        self._by_place = np.array([np.bincount(history.went_to, minlength=len(PLACES)), *by_place], np.int64)
        """A row each for requests, input, output and cost; a column for each place."""
        self._begins = np.searchsorted(history.day, np.arange(len(history.days) + 1))
        self._look = self._against_limit(history.cost, self._by_day)

    def of(
        self, world: World, policy: Policy, replay: Replayed, thresholds: tuple[Thresholds, Thresholds], unknown: int
    ) -> Outcome:
        """The outcome. ``thresholds`` are those of now and of the policy; ``unknown`` have no known difficulty."""
        history = self._history
        moved = np.flatnonzero(replay.moved)
        changed = np.flatnonzero(replay.moved | (replay.cost != history.cost))
        more = (replay.cost - history.cost)[changed]
        by_day = self._by_day + _by(history.day[changed], more, len(history.days))
        paid = np.array([*(bool(server.rates) for server in world.servers), False])
        after = replay.after[moved]
        repriced = moved[(after != history.made_by[moved]) & paid[after]]
        unsure = (history.input_counted[repriced] > 0) | (history.output_counted[repriced] > 0)
        cached = (history.read_tokens[repriced] + history.write_tokens[repriced] > 0) & policy.prompt_cache
        servers = [world.servers[code] for code in np.unique(replay.after[repriced])]
        tiers, moves = self._tiers(world, replay, changed)
        before_microusd, after_microusd = int(self._by_day.sum()), int(by_day.sum())
        bounds = (0 if part is replay.cost else int((part - replay.cost).sum()) for part in (replay.low, replay.high))
        low_microusd, high_microusd = (after_microusd + bound for bound in bounds)
        return Outcome(
            policy=policy,
            first_day=history.days[0],
            last_day=history.days[-1],
            requests=history.many,
            before_microusd=before_microusd,
            after_microusd=after_microusd,
            low_microusd=low_microusd,
            high_microusd=high_microusd,
            moved=len(moved),
            moved_share=len(moved) / history.many if history.many else 0.0,
            repriced=len(repriced),
            repriced_with_cache=int(cached.sum()),
            estimated=int(unsure.sum()),
            tiers=tiers,
            moves=moves,
            lanes=self._lanes(replay, moved, changed, more),
            days=tuple(map(DayChange, history.days, self._by_day.tolist(), by_day.tolist())),
            now=thresholds[0],
            then=thresholds[1],
            hard_limit_microusd=self._limit,
            limit_before=self._look,
            limit_after=self._against_limit(replay.cost, by_day) if len(changed) else self._look,
            left_out=self._left_out(policy, replay, unknown),
            local=_local(history, world.servers[LOCAL], policy, replay),
            guessed=tuple(server.model for server in servers if server.guessed),
            not_set_up=tuple(server.missing for server in servers if server.missing),
        )

    def _tiers(self, world: World, replay: Replayed, changed: Ints) -> tuple[tuple[TierChange, ...], tuple[Moves, ...]]:
        """The tiers, and each way that some request went, in the order of the places."""
        history, many = self._history, len(PLACES)
        pair = history.went_to[changed].astype(np.int64) * many + replay.after[changed]
        counts = np.bincount(pair, minlength=many * many)
        tokens = [_by(pair, values[changed], many * many) for values in (history.input_tokens, history.output_tokens)]
        costs = [_by(pair, values[changed], many * many) for values in (history.cost, replay.cost)]
        gone, come = (
            np.array([sums.reshape(many, many).sum(axis) for sums in (counts, *tokens, cost)])
            for axis, cost in ((1, costs[0]), (0, costs[1]))
        )
        after = self._by_place - gone + come
        models = (*(server.model for server in world.servers), "")
        tiers = tuple(
            TierChange(name, model, Amount(*self._by_place[:, code].tolist()), Amount(*after[:, code].tolist()))
            for code, (name, model) in enumerate(zip(PLACES, models, strict=True))
        )
        counts[np.arange(many) * (many + 1)] += self._by_place[0] - gone[0]
        moves = tuple(
            Moves(PLACES[pair // many], PLACES[pair % many], count, count / history.many)
            for pair, count in enumerate(counts.tolist())
            if count
        )
        return tiers, moves

    def _lanes(self, replay: Replayed, moved: Ints, changed: Ints, more: Ints) -> tuple[LaneChange, ...]:
        history, many = self._history, len(self._history.lanes)
        after = self._by_lane + _by(history.lane[changed], more, many)
        of = (self._requests_by_lane, np.bincount(history.lane[moved], minlength=many), self._by_lane, after)
        lanes = [LaneChange(lane, *(int(sums[code]) for sums in of)) for code, lane in enumerate(self._history.lanes)]
        return tuple(sorted(lanes, key=lambda one: one.lane, reverse=True))

    def _against_limit(self, cost: Ints, by_day: Ints) -> LimitLook:
        """What is of no request (judges, failed calls) counts for the day, not for when the limit was reached."""
        if not by_day.any():
            return LimitLook()
        highest = int(by_day.argmax())
        look = LimitLook(self._history.days[highest], int(by_day[highest]))
        if not self._limit or by_day[highest] < self._limit:
            return look
        reached = np.flatnonzero(by_day >= self._limit)
        refused = 0
        for day in reached.tolist():
            of_day = cost[self._begins[day] : self._begins[day + 1]]
            after = int(np.searchsorted(np.cumsum(of_day), self._limit)) + 1
            refused += int(np.count_nonzero(of_day[after:]))
        return LimitLook(look.highest_day, look.highest_microusd, len(reached), refused)

    def _left_out(self, policy: Policy, replay: Replayed, unknown: int) -> LeftOut:
        history = self._history
        return LeftOut(
            not_answered=history.not_answered,
            not_answered_microusd=history.not_answered_microusd,
            embeddings=int(history.embedding.sum()),
            without_usage=int((~history.replayable & ~history.embedding).sum()),
            without_difficulty=unknown if policy.premium_share is not None else 0,
            without_counterfactual=int(replay.without_counterfactual.sum()),
            fits_nowhere=int(replay.fits_nowhere.sum()),
            other_microusd=int(history.other_cost.sum()),
        )


def _by(index: NDArray[np.integer], values: Ints, many: int) -> Ints:
    """Sums by an index. Doubles hold whole numbers up to 2**53 micro-dollars, nine billion dollars."""
    return np.bincount(index, values, many).astype(np.int64)


def _local(history: History, server: Server, policy: Policy, replay: Replayed) -> LocalLook:
    gives = replay.after == LOCAL
    if not policy.local_model:
        gives &= replay.moved
    answers, speed, seconds = int(gives.sum()), server.speed, None
    if answers and speed.tokens_per_s:
        spent = history.output_tokens[gives] / speed.tokens_per_s
        if speed.prompt_tokens_per_s:
            spent = spent + history.input_tokens[gives] / speed.prompt_tokens_per_s
        seconds = float(np.median(spent))
    return LocalLook(server.model, server.context_tokens, int(replay.too_long.sum()), answers, seconds)

"""Adds up a replay: by tier, by where requests moved, by lane and by day, and against the daily limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway_core.whatif.history import CACHE, LOCAL, PLACES, Codes, Flags, History, Ints
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


@dataclass(frozen=True, slots=True)
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


def summed(
    history: History,
    world: World,
    policy: Policy,
    replay: Replayed,
    thresholds: tuple[Thresholds, Thresholds],
    without_difficulty: int,
) -> Outcome:
    """The outcome. ``thresholds`` are those of now and of the policy."""
    moved, other = replay.moved, history.other_cost
    before_by_day = _by(history.day, history.cost, len(history.days)) + other
    after_by_day = _by(history.day, replay.cost, len(history.days)) + other
    fixed, many_moved = int(other.sum()), int(moved.sum())
    paid = np.array([bool(server.rates) for server in world.servers] + [False])
    repriced = (replay.after != CACHE) & (replay.after != history.made_by) & paid[replay.after]
    unsure = (history.input_counted > 0) | (history.output_counted > 0)
    with_cache = history.read_tokens + history.write_tokens > 0 if policy.prompt_cache else np.False_
    servers = [world.servers[code] for code in np.unique(replay.after[repriced])]
    return Outcome(
        policy=policy,
        first_day=history.days[0],
        last_day=history.days[-1],
        requests=history.many,
        before_microusd=int(before_by_day.sum()),
        after_microusd=int(after_by_day.sum()),
        low_microusd=int(replay.low.sum()) + fixed,
        high_microusd=int(replay.high.sum()) + fixed,
        moved=many_moved,
        moved_share=many_moved / history.many if history.many else 0.0,
        repriced=int(repriced.sum()),
        repriced_with_cache=int((repriced & with_cache).sum()),
        estimated=int((repriced & unsure).sum()),
        tiers=_tiers(history, world, replay),
        moves=_moves(replay),
        lanes=_lanes(history, replay),
        days=tuple(
            DayChange(day, int(before), int(after))
            for day, before, after in zip(history.days, before_by_day, after_by_day, strict=True)
        ),
        now=thresholds[0],
        then=thresholds[1],
        hard_limit_microusd=world.hard_limit_microusd,
        limit_before=_against_limit(history, history.cost, before_by_day, world.hard_limit_microusd),
        limit_after=_against_limit(history, replay.cost, after_by_day, world.hard_limit_microusd),
        left_out=LeftOut(
            not_answered=history.not_answered,
            not_answered_microusd=history.not_answered_microusd,
            embeddings=int(history.embedding.sum()),
            without_usage=int((~history.replayable & ~history.embedding).sum()),
            without_difficulty=without_difficulty if policy.premium_share is not None else 0,
            without_counterfactual=int(replay.without_counterfactual.sum()),
            fits_nowhere=int(replay.fits_nowhere.sum()),
            other_microusd=fixed,
        ),
        local=_local(history, world.servers[LOCAL], policy, replay),
        guessed=tuple(server.model for server in servers if server.guessed),
        not_set_up=tuple(server.missing for server in servers if server.missing),
    )


def _by(index: NDArray[np.integer], values: Ints, many: int) -> Ints:
    """Sums by an index. Doubles hold whole numbers up to 2**53 micro-dollars, nine billion dollars."""
    return np.bincount(index, values, many).astype(np.int64)


def _tiers(history: History, world: World, replay: Replayed) -> tuple[TierChange, ...]:
    models = (*(server.model for server in world.servers), "")
    before, after = (
        [
            np.bincount(codes, minlength=len(PLACES)),
            *(_by(codes, values, len(PLACES)) for values in (history.input_tokens, history.output_tokens, cost)),
        ]
        for codes, cost in ((replay.before, history.cost), (replay.after, replay.cost))
    )
    return tuple(
        TierChange(name, models[code], *(Amount(*(int(sums[code]) for sums in both)) for both in (before, after)))
        for code, name in enumerate(PLACES)
    )


def _moves(replay: Replayed) -> tuple[Moves, ...]:
    """Each way that some request went, in the order of the places."""
    many = len(PLACES)
    counts = np.bincount(replay.before.astype(np.int64) * many + replay.after, minlength=many * many)
    total = int(counts.sum())
    return tuple(
        Moves(PLACES[pair // many], PLACES[pair % many], int(count), int(count) / total)
        for pair, count in enumerate(counts)
        if count
    )


def _lanes(history: History, replay: Replayed) -> tuple[LaneChange, ...]:
    many = len(history.lanes)
    counts, moved = np.bincount(history.lane, minlength=many), np.bincount(history.lane[replay.moved], minlength=many)
    before, after = _by(history.lane, history.cost, many), _by(history.lane, replay.cost, many)
    return tuple(
        LaneChange(lane, *(int(sums[code]) for sums in (counts, moved, before, after)))
        for code, lane in sorted(enumerate(history.lanes), key=lambda one: one[1], reverse=True)
    )


def _against_limit(history: History, cost: Ints, by_day: Ints, limit: int) -> LimitLook:
    """What is not of a request (judges, failed calls) counts for the day, but not for when the limit was reached."""
    if not by_day.any():
        return LimitLook()
    highest = int(by_day.argmax())
    look = LimitLook(history.days[highest], int(by_day[highest]))
    if not limit or by_day[highest] < limit:
        return look
    so_far = np.cumsum(cost) - cost
    begins = np.searchsorted(history.day, np.arange(len(history.days)))
    at_start = np.append(so_far, cost.sum())[begins]
    refused = (so_far - at_start[history.day] >= limit) & (cost > 0)
    return LimitLook(look.highest_day, look.highest_microusd, int((by_day >= limit).sum()), int(refused.sum()))


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

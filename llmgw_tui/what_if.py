"""``llmgw what-if``: what another policy would have cost, from the data folder, whether the gateway runs or not."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import asdict

from gateway_core.clock import SystemClock
from gateway_core.model import Target, Tier
from gateway_core.ollama.address import local_base_url, root_of
from gateway_core.providers.pricing import Pricing
from gateway_core.routing.landscape import Bands, Capabilities, Landscape, Option
from gateway_core.routing.lineup import LOCAL, Place, Switched, lineup
from gateway_core.settings import Settings
from gateway_core.store.database import Database
from gateway_core.store.days import day_of, days_before
from gateway_core.store.errors import StoreError
from gateway_core.store.local_models import LocalModelStore
from gateway_core.store.operator import Limits, OperatorState, OperatorStore
from gateway_core.whatif.room import replayer_of
from gateway_core.whatif.world import LocalKnown, World, with_local, world_of
from gateway_core.whatif_values import Outcome, Policy, policy_of
from llmgw_tui.report import reading
from llmgw_tui.tables import print_table
from llmgw_tui.telling import complain, print_json
from llmgw_tui.text import count, dollars, one_line
from llmgw_tui.what_if_words import cost_words, limit_words, notes, policy_words, share, threshold_words

WRONG_USE = 2


def asked(arguments: argparse.Namespace) -> dict[str, str]:
    """The policy that was typed, as :func:`policy_of` reads it."""
    given = {
        "days": arguments.days,
        "premium_share": arguments.premium_share,
        "local_model": arguments.local_model,
        "all": arguments.all_to,
        "cache": arguments.cache,
        "prompt_cache": arguments.prompt_cache,
    }
    return {name: str(value) for name, value in given.items() if value is not None}


async def what_if(settings: Settings, query: dict[str, str], *, as_json: bool) -> int:
    """Prints the outcome of a policy; returns the exit code."""
    try:
        found = await _outcome(settings, policy_of(query))
    except StoreError as error:
        return complain(str(error))
    except ValueError as error:
        name, _, rest = str(error).partition(" ")
        complain(f"--{name.replace('_', '-')} {rest}")
        return WRONG_USE
    if as_json:
        print_json({**asdict(found), "policy": query})
    else:
        _print(found)
    return 0


async def _outcome(settings: Settings, policy: Policy) -> Outcome:
    async with reading(settings) as database:
        state = await OperatorStore(database).load()
        local = await _local(settings, database)
        world = _world(settings, state, local)
        there, last = with_local(world, policy, local), day_of(SystemClock().now())
        span = (days_before(last, policy.days - 1), last)
        replayer = await database.run(lambda connection: replayer_of(connection, span, world))
        return await asyncio.to_thread(replayer.outcome, policy, there)


async def _local(settings: Settings, database: Database) -> dict[str, LocalKnown]:
    """What the store remembers of the local models. Which context a model has, only its server knows for sure."""
    store = LocalModelStore(database)
    remembered = await store.load(root_of(local_base_url(settings)))
    configured = settings.local_context_tokens
    names = {*remembered, *await store.last_uses()}
    if settings.local_llm_model:
        names.add(settings.local_llm_model)
    known = {}
    for name in names:
        notes_of = remembered.get(name)
        context = (notes_of.num_ctx if notes_of else None) or configured
        known[name] = LocalKnown(context, None, notes_of.speed) if notes_of else LocalKnown(context)
    return known


def _world(settings: Settings, state: OperatorState, local: dict[str, LocalKnown]) -> World:
    """As the settings and the operator have it, with nobody asked."""
    places = lineup(settings, Switched(state.cheap_model, state.premium_model))
    model = state.local_model or settings.local_llm_model or next(iter(local), "")
    options = {tier: tuple(_option(place, settings, model, local) for place in found) for tier, found in places.items()}
    dollars_a_day = (settings.daily_budget_soft, settings.daily_budget_medium, settings.daily_budget_hard)
    limits = state.limits(Limits(*(round(value * 1e6) for value in dollars_a_day)))
    bands = Bands(settings.router_easy_below, settings.router_hard_from)
    landscape = Landscape(options, default_tier=Tier(settings.default_tier), bands=bands)
    pricing = Pricing(settings.all_prices, settings.unknown_price)
    return world_of(landscape, places, pricing, local, limits.hard_microusd)


def _option(place: Place, settings: Settings, model: str, local: dict[str, LocalKnown]) -> Option:
    target = place.target
    if target.provider != LOCAL:
        return Option(unavailable=place.missing) if place.missing else Option(target, can=place.can)
    if not (settings.local_llm_enabled and model):
        return Option(unavailable="no local model is known")
    name = target.model or model
    can = Capabilities(local.get(name, LocalKnown()).context_tokens)
    return Option(Target(target.tier, LOCAL, name, free=True), can=can)


# --- the table -------------------------------------------------------------------------------------------------------


def _print(found: Outcome) -> None:
    print(f"{found.first_day} to {found.last_day} (UTC), {found.requests:,} answered requests")
    print(f"policy      {policy_words(found.policy)}")
    print(f"cost        {cost_words(found)}")
    print(f"moved       {found.moved:,} requests, {share(found.moved_share)}")
    print(f"thresholds  {threshold_words(found)}")
    print(f"limit       {limit_words(found)}\n")
    head = ("tier", "model", "requests", "then", "in", "then", "out", "then", "cost", "then")
    body = []
    for tier in found.tiers:
        pairs = [
            (f"{tier.before.requests:,}", f"{tier.after.requests:,}"),
            (count(tier.before.input_tokens), count(tier.after.input_tokens)),
            (count(tier.before.output_tokens), count(tier.after.output_tokens)),
            (dollars(tier.before.cost_microusd), dollars(tier.after.cost_microusd)),
        ]
        body.append((tier.name, one_line(tier.model) or "-", *(text for pair in pairs for text in pair)))
    print_table([head, *body], left=2)
    moved = [one for one in found.moves if one.source != one.target]
    if moved:
        print()
        print_table(
            [
                ("from", "to", "requests", "share"),
                *((one.source, one.target, f"{one.requests:,}", share(one.share)) for one in moved),
            ],
            left=2,
        )
    if found.lanes:
        print()
        lanes = [
            (one.lane, f"{one.requests:,}", f"{one.moved:,}", dollars(one.before_microusd), dollars(one.after_microusd))
            for one in found.lanes
        ]
        print_table([("lane", "requests", "moved", "cost", "then"), *lanes], left=1)
    if said := notes(found):
        print()
        print("\n".join(said))
    sys.stdout.flush()

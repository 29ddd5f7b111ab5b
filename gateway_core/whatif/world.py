"""Who would serve each tier, what they take and cost, and where difficulty divides: what a replay goes by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway_core.frozen import frozen
from gateway_core.local_values import ModelSpeed
from gateway_core.model import Tier
from gateway_core.providers.pricing import Pricing
from gateway_core.providers.rates import Rates
from gateway_core.routing.landscape import UPWARD, Bands, Landscape, Option
from gateway_core.routing.lineup import LOCAL, Place
from gateway_core.whatif_values import Policy


@frozen
class Server:
    """The model that serves a tier first. ``rates`` are empty where nobody pays. Without a ``model`` nobody does."""

    model: str = ""
    """``provider/model``."""
    rates: tuple[Rates, ...] = ()
    """The lowest prompt first."""
    context_tokens: int | None = None
    tools: bool | None = None
    guessed: bool = False
    """Nobody knows its price."""
    missing: str = ""
    """The setting without which it cannot be called: it is priced all the same."""
    speed: ModelSpeed = ModelSpeed()


@frozen
class LocalKnown:
    """What is known of a local model."""

    context_tokens: int | None = None
    tools: bool | None = None
    speed: ModelSpeed = ModelSpeed()


@frozen
class World:
    """What a replay goes by. ``hard_limit_microusd`` is a day's; 0 is off."""

    servers: tuple[Server, ...]
    """Of each tier, in the order of ``UPWARD``."""
    default_tier: Tier = Tier.CHEAP
    bands: Bands = Bands()
    hard_limit_microusd: int = 0

    @property
    def lasting(self) -> World:
        """Without what changes with each answer."""
        return replace(self, servers=tuple(replace(server, speed=ModelSpeed()) for server in self.servers))


def world_of(
    landscape: Landscape,
    places: Mapping[Tier, Sequence[Place]],
    pricing: Pricing,
    local: Mapping[str, LocalKnown],
    hard_limit_microusd: int,
) -> World:
    """As things are now; a tier that only lacks a key is served by the first of its ``places``. A model that stands in
    for the LOCAL tier serves it where no other tier has one."""
    servers = tuple(_server(landscape.option(tier), places.get(tier, ()), pricing, local) for tier in UPWARD)
    if landscape.option(Tier.LOCAL).stands_in and any(server.model for server in servers[1:]):
        servers = (Server(), *servers[1:])
    return World(servers, landscape.default_tier, landscape.bands, hard_limit_microusd)


def with_local(world: World, policy: Policy, local: Mapping[str, LocalKnown]) -> World:
    """The same with the policy's local model. Raises ``ValueError`` where nobody knows what it takes."""
    name, context = policy.local_model, policy.local_context_tokens
    if not name:
        return world
    known = local.get(name) or local.get(f"{name}:latest") or LocalKnown()
    if context is None and known.context_tokens is None:
        listed = f" Known are {', '.join(sorted(local))}." if local else ""
        raise ValueError(f"local_model {name}: its context is not known, so give it as {name}@TOKENS.{listed}")
    server = Server(f"{LOCAL}/{name}", (), context or known.context_tokens, known.tools, speed=known.speed)
    return replace(world, servers=(server, *world.servers[1:]))


def _server(option: Option, places: Sequence[Place], pricing: Pricing, local: Mapping[str, LocalKnown]) -> Server:
    target, can, missing = option.target, option.can, ""
    if target is None:
        place = next((place for place in places if place.target.provider != LOCAL), None)
        if place is None:
            return Server()
        target, can, missing = place.target, place.can, place.missing or ""
    name, context = f"{target.provider}/{target.model}", can.context_tokens
    if target.free:
        return Server(name, (), context, can.tools, speed=local.get(target.model, LocalKnown()).speed)
    if context is None:
        context = pricing.context_window(target.provider, target.model)
    guessed = not pricing.is_known(target.provider, target.model)
    return Server(name, pricing.all_rates(target.provider, target.model), context, can.tools, guessed, missing)

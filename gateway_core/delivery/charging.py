"""What one call is charged: as it was counted, as far as that can be true, at the prices it was reserved with."""

from __future__ import annotations

from gateway_core.delivery.meter import Meter
from gateway_core.exchange import Exchange
from gateway_core.frozen import frozen
from gateway_core.gates.account import Reservation
from gateway_core.model import Cost, Target, Usage
from gateway_core.providers.plausible import Called, plausible
from gateway_core.providers.pricing import Pricing


@frozen
class Call:
    """One call, and the prices that it was reserved with."""

    target: Target
    reservation: Reservation | None
    meter: Meter
    prices: Pricing


def used(exchange: Exchange, call: Call) -> Usage:
    """What the call used, as far as that can be true; what cannot is remarked at the request."""
    meter = call.meter
    called = Called(exchange.sent, call.target, call.prices, meter.limit, meter.arrived_tokens, meter.seconds)
    usage, remark = plausible(meter.usage(), called)
    if remark:
        exchange.remarks.append(remark)
    return usage


def cost_of(exchange: Exchange, call: Call, reservation: Reservation) -> Cost:
    """The price of what is noted as used: at least that of a prompt which nobody counted, and all that was set aside
    for a whole answer which was cut off."""
    target, meter, usage = call.target, call.meter, exchange.usage
    cost = call.prices.cost(target.provider, target.model, usage)
    if not meter.prompt_is_counted:
        most = call.prices.reservation_microusd(target, exchange.sent, usage.output_tokens)
        cost = cost if cost.total_microusd >= most else Cost(other=most)
    if not meter.complete and not meter.streamed and cost.total_microusd < reservation.reserved_microusd:
        cost = Cost(other=reservation.reserved_microusd)
    return cost

"""What a provider's own limits leave, and that they hold."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from gateway_core.gates.budget import Budget
from gateway_core.gates.rate_limit import RateLimit
from gateway_core.model import ProviderStatus, Refusal, Target, Tier, Usage
from gateway_core.providers.base import Batch, Piece, UpstreamCall
from gateway_core.routing.limits import OwnLimits
from gateway_core.settings import ProviderEntry
from gateway_core.store.database import Database
from gateway_core.store.ledger import Ledger
from tests.providers.calls import collect, failure, make_call
from tests.store.support import FakeClock

ONE = Target(Tier.CHEAP, "one", "m", free=False)
TWO = Target(Tier.CHEAP, "two", "m", free=False)


def entry(name: str = "one", **limits: float) -> ProviderEntry:
    return ProviderEntry.model_validate(
        {"name": name, "base_url": "http://127.0.0.1:1", "model": "m", "limits": limits}
    )


class Counting:
    """A provider that uses a hundred tokens."""

    name = "one"
    calls = 0

    async def send(self, call: UpstreamCall) -> AsyncGenerator[Batch]:
        self.calls += 1
        yield [Piece({}, Usage(input_tokens=90, output_tokens=10))]

    async def check(self) -> ProviderStatus:
        return ProviderStatus("one", "", "", "ok")

    async def close(self) -> None:
        pass


async def test_a_call_too_many_is_not_sent_and_says_when(database: Database) -> None:
    clock = FakeClock()
    limits = OwnLimits(await Budget.open(Ledger(database, clock), clock, 0, 0, 0), clock)
    provider = Counting()
    assert limits.guard(provider) is provider, "nobody set a limit"
    limits.use([entry(requests_per_minute=2)])
    guarded = limits.guard(provider)
    await collect(guarded, make_call())
    await collect(guarded, make_call())
    error, _ = await failure(guarded, make_call())
    assert (error.kind, error.status, error.sent, error.retryable) == ("limit", 429, False, False)
    assert error.retry_after_s == 30 and provider.calls == 2
    assert limits.rooms()["one"].wait_s == 30
    clock.advance(30)
    assert limits.rooms()["one"].wait_s == 0
    await collect(guarded, make_call())


async def test_what_was_used_stays_used_when_the_limits_change(database: Database) -> None:
    clock = FakeClock()
    limits = OwnLimits(await Budget.open(Ledger(database, clock), clock, 0, 0, 0), clock)
    limits.use([entry(tokens_per_minute=150)])
    await collect(limits.guard(Counting()), make_call())
    assert limits.rooms()["one"].tokens == 50
    limits.use([entry(tokens_per_minute=200)])
    assert limits.rooms()["one"].tokens == 100
    limits.use([entry()])
    assert limits.rooms()["one"].tokens is None


async def test_a_daily_limit_counts_reservations_of_its_provider_only(database: Database) -> None:
    clock = FakeClock()
    budget = await Budget.open(Ledger(database, clock), clock, 0, 0, 0)
    limits = OwnLimits(budget, clock)
    limits.use([entry(daily_budget=0.001), entry("two")])
    first = await budget.reserve("req_1", 1, ONE, 600)
    assert not isinstance(first, Refusal)
    refused = await budget.reserve("req_2", 1, ONE, 500)
    assert isinstance(refused, Refusal) and "daily limit of one" in refused.message
    assert not isinstance(await budget.reserve("req_3", 1, TWO, 5_000_000), Refusal)
    assert limits.rooms()["one"].spent is None
    await budget.settle(first, 1_000, Usage())
    assert limits.rooms()["one"].spent is not None and limits.rooms()["two"].spent is None
    again = await Budget.open(Ledger(database, clock), clock, 0, 0, 0)
    again.set_provider_limits({"one": 1_000})
    assert again.provider_refusal("one") is not None
    clock.advance(86_400)
    assert limits.rooms()["one"].spent is None and again.provider_refusal("one") is None


def test_a_limit_that_was_off_begins_full() -> None:
    rate = RateLimit(0, 0, FakeClock())
    for _ in range(50):
        assert rate.check("me", 1_000) is None
    rate.set_limits(2, 100)
    assert rate.room("me") == (0, 100)
    assert [rate.check("me", 10) is None for _ in range(3)] == [True, True, False]

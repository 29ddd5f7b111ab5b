"""Two local models that do not fit into memory together: requests for both load them as seldom as can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_core.local_values import LocalModel
from gateway_core.model import ChatRequest, Decision, Target, Tier
from gateway_core.ollama.residence import STICKY_S, Residence
from gateway_core.routing.landscape import Capabilities, InMemory, Landscape, Option
from gateway_core.routing.router import route
from tests.routing.requests import request
from tests.routing.test_feasibility import UNCLEAR, background, in_tool_loop, on

SMALL = Target(Tier.LOCAL, "local", "small", free=True)
BIG = Target(Tier.CHEAP, "local", "big", free=True)
POLL_S = 3.0
WISHES = {
    "easy": request("Hello!"),
    "unclear": request(UNCLEAR),
    "heartbeat": background(request("Follow the heartbeat.")),
    "tool loop": in_tool_loop(request(UNCLEAR)),
    "names small": request("Hello!", "gateway-local"),
    "names big": request("Hello!", "gateway-cheap"),
}
NAMES = {"names small": SMALL, "names big": BIG}


def no_room(models: Sequence[LocalModel], leaving: frozenset[str]) -> bool:
    return False


@dataclass
class Server:
    """One that holds one model at a time, is looked at every three seconds, and counts what it loads."""

    now: float = 1_000.0
    loaded: str = ""
    loads: int = 0
    looked_at: float = 1_000.0
    seen: str = ""
    used: dict[str, float] = field(default_factory=dict)
    residence: Residence = field(default_factory=Residence)

    def passes(self, pause_s: float) -> None:
        self.now += pause_s
        if self.now - self.looked_at >= POLL_S:
            self.looked_at, self.seen = self.now, self.loaded
            self.residence.saw(self._models(), self.now)

    def landscape(self) -> Landscape:
        by_name = {model.name: model for model in self._models()}

        def option(target: Target) -> Option:
            model = by_name[target.model]
            out = self.residence.leaving(model, tuple(by_name.values()), self.looked_at, self.now, no_room)
            memory = InMemory(model.loaded, out.model if out else "", out.in_use if out else "")
            return Option(target, can=Capabilities(32_768), memory=memory)

        nothing = Option(unavailable="no key")
        options = {Tier.LOCAL: (option(SMALL),), Tier.CHEAP: (option(BIG),), Tier.PREMIUM: (nothing,)}
        return Landscape(options, named={"local": Tier.LOCAL})

    def answers(self, model: str) -> None:
        if model != self.loaded:
            self.loads, self.loaded = self.loads + 1, model
        self.used[model] = self.now

    def _models(self) -> tuple[LocalModel, ...]:
        return tuple(
            LocalModel(name, loaded=name == self.seen, last_used_at=self.used.get(name), expires_at=self.now + 300)
            for name in ("small", "big")
        )


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(sorted(WISHES)), st.floats(0.01, 400.0)), max_size=60))
def test_loads_are_bounded_and_who_names_a_model_gets_it(course: list[tuple[str, float]]) -> None:
    """A load that no request named comes only once the other model was not used for ``STICKY_S``: at most one at first
    and one in each such time, besides those that were named or belong to a tool loop."""
    server, free_to_choose, loop = Server(), 0, None
    for wish, pause_s in course:
        server.passes(pause_s)
        before = server.loads
        decision = route(WISHES[wish], server.landscape(), on(loop))
        assert isinstance(decision, Decision)
        chosen = decision.target
        assert wish not in NAMES or chosen == NAMES[wish]
        assert wish != "tool loop" or loop is None or chosen == loop
        server.answers(chosen.model)
        bound = wish in NAMES or (wish == "tool loop" and loop is not None)
        free_to_choose += 0 if bound else server.loads - before
        loop = chosen
    spent_s = server.now - 1_000.0
    assert free_to_choose <= 1 + spent_s / STICKY_S


def test_mixed_requests_that_keep_coming_load_one_model_and_no_other() -> None:
    server = Server()
    for number in range(200):
        server.passes(7.0)
        asked: ChatRequest = WISHES[("easy", "unclear", "heartbeat")[number % 3]]
        decision = route(replace(asked, id=str(number)), server.landscape())
        assert isinstance(decision, Decision)
        server.answers(decision.target.model)
    assert server.loads == 1

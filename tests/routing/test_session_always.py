"""Whatever happens in a conversation: no tool loop flips its tier, and a turn is raised once at most."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway_core.model import Decision, Target, Tier
from gateway_core.routing.place import place_of
from gateway_core.routing.router import Known, route
from gateway_core.routing.session import Answered, Sessions
from tests.routing.requests import CHEAP, LOCAL, PREMIUM, landscape
from tests.routing.talks import CACHED, asked, step

WORDS = (
    *("Hello!", "try again", "das ist falsch", "Thanks!", "What is the capital of France?"),
    "Tell me something about the weather in spring, in the mountains and at the sea, as you like it.",
    "Design a distributed lock service and prove step by step that it has no deadlock. It must not use clocks.",
)
_UP = (Tier.LOCAL, Tier.CHEAP, Tier.PREMIUM)


@dataclass
class Talk:
    """One conversation, as its client keeps it."""

    session: str
    messages: list[Any] = field(default_factory=list)
    loop: list[Tier] = field(default_factory=list)
    """The tiers of the present tool loop, the turn's first answer included."""
    raised: int = 0
    calls: int = 0


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(WORDS), st.integers(0, 4), st.integers(0, 400), st.booleans()),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from(["", "one", "many"]),
    st.booleans(),
)
def test_no_tool_loop_flips_and_no_turn_is_raised_twice(
    turns: list[tuple[int, str, int, int, bool]], named: str, circles: bool
) -> None:
    """Three conversations in turn, with sessions of their own, one for all, or none; some steps go wrong at first."""
    sessions = Sessions()
    talks = [Talk({"": "", "one": "s", "many": f"s{number}"}[named]) for number in range(3)]
    now = 0.0
    for which, words, steps, pause_s, fails in turns:
        talk = talks[which]
        talk.messages.append({"role": "user", "content": f"{words}"})
        talk.loop, talk.raised = [], 0
        for number in range(steps + 1):
            now += pause_s + 1
            request = asked(*talk.messages, session=talk.session)
            standing = sessions.standing(request, place_of(request), now, key=str(talk.messages))
            decision = route(request, landscape(), Known(standing))
            assert isinstance(decision, Decision)
            look = decision.record.session
            talk.raised += look is not None and look.escalated
            target: Target = decision.target
            if number == 0 and fails and target == LOCAL:
                target = CHEAP
            if number and not (look and look.escalated):
                assert target.tier is talk.loop[-1], (talk, decision)
            if number and look and look.escalated:
                assert circles and look.looping
            talk.loop.append(target.tier)
            talk.calls += 1
            call_id = f"call_{which}_{talk.calls}" if number < steps else ""
            answered = Answered(
                request_id=f"req_{now}",
                target=target,
                began_at=now,
                at=now,
                usage=CACHED if target == PREMIUM else replace(CACHED, cache_read_tokens=0, cache_write_5m_tokens=0),
                calls=(call_id.replace("_", ""),) if call_id else (),
                raised=look is not None and look.escalated,
            )
            sessions.answered(place_of(request), answered, key=str(talk.messages))
            if call_id:
                talk.messages += step(call_id, "{}" if circles else f'{{"n": {talk.calls}}}', "Nothing.")
            else:
                talk.messages.append({"role": "assistant", "content": "There."})
        assert talk.raised <= 1
        assert [_UP.index(tier) for tier in talk.loop] == sorted(_UP.index(tier) for tier in talk.loop)

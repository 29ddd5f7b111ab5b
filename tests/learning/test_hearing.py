"""What requests show without a word from their user."""

from __future__ import annotations

import pytest

from gateway_core.kinds import Tier
from gateway_core.learning.hearing import LONGEST_TEXT, Ears, beginning
from gateway_core.learning.meaning import AGAIN_S
from gateway_core.learning_values import Source
from gateway_core.model import SessionLook, Target
from tests.learning.heard import AT, WORDS, answered

TARGET = Target(Tier.LOCAL, "ollama", "qwen3:8b", free=True)


def heard_after(**later: object) -> list[tuple[str, Source, float]]:
    """What the last request means, after one before it: id, source and what was wanted."""
    ears = Ears()
    assert ears.hear(answered()) == ()
    return [
        (about.id, source, meaning.wanted)
        for about, source, meaning in ears.hear(answered("req_2", **{"at": AT + 60, **later}))  # type: ignore[arg-type]
    ]


def test_the_same_words_again_in_a_session_say_that_the_answer_was_not_enough() -> None:
    assert heard_after() == [("req_1", Source.RETRY, 0.5)]


def test_a_client_that_names_no_session_is_heard_by_its_conversation() -> None:
    ears, again = Ears(), SessionLook(TARGET, escalated=True, again_of="req_1")
    assert ears.hear(answered(session=None)) == ()
    ((about, source, _),) = ears.hear(
        answered("req_2", at=AT + 60, session=None, text="The same, once more?", look=again)
    )
    assert (about.id, source) == ("req_1", Source.RETRY)
    stranger = answered("req_3", at=AT + 90, session=None, text="The same, once more?", look=again, caller="another")
    assert ears.hear(stranger) == (), "nobody labels what somebody else has asked"


def test_other_words_that_the_session_takes_for_a_second_try_do_too() -> None:
    for look in (SessionLook(TARGET, asked_again=0.84), SessionLook(TARGET, escalated=True)):
        assert heard_after(text="Once more: the proxy's certificate, how?", look=look) == [("req_1", Source.RETRY, 0.5)]
    assert heard_after(text="And what does it cost in a year?", look=SessionLook(TARGET, asked_again=0.6)) == []


@pytest.mark.parametrize(
    "later",
    [
        {"at": AT + AGAIN_S + 10},
        {"at": AT + 1},
        {"session": "another"},
        {"session": None},
        {"goes_on": True},
        {"caller": "somebody else"},
        {"replay_of": "req_1"},
    ],
    ids=["too late", "before the answer was there", "session", "no session", "tool loop", "caller", "replay"],
)
def test_what_only_looks_like_a_second_try_says_nothing(later: dict[str, object]) -> None:
    assert heard_after(**later) == []


def test_short_words_are_said_again_and_again() -> None:
    ears = Ears()
    ears.hear(answered(text="go on"))
    assert ears.hear(answered("req_2", at=AT + 60, text="go on")) == ()


@pytest.mark.parametrize("tier", [Tier.CHEAP, Tier.PREMIUM])
def test_the_same_words_to_a_named_tier_are_an_override_and_no_retry(tier: Tier) -> None:
    wanted = {Tier.CHEAP: 0.5, Tier.PREMIUM: 1.0}[tier]
    assert heard_after(named=tier, free=False, tier=tier) == [("req_1", Source.OVERRIDE, wanted)]
    assert heard_after(named=tier, free=False, tier=tier, session=None) == [("req_1", Source.OVERRIDE, wanted)]


def test_to_name_the_tier_that_answered_says_nothing() -> None:
    assert heard_after(named=Tier.LOCAL, free=False) == []


def test_a_request_whose_tier_was_named_is_nothing_to_go_back_on() -> None:
    ears = Ears()
    ears.hear(answered(named=Tier.LOCAL, free=False))
    assert ears.hear(answered("req_2", at=AT + 60)) == ()
    assert ears.hear(answered("req_3", at=AT + 120, named=Tier.PREMIUM, free=False)) != ()


def test_an_answer_that_was_none_is_a_label_of_its_own_request() -> None:
    ((about, source, meaning),) = Ears().hear(answered(tier=Tier.CHEAP, rejected=Tier.LOCAL))
    assert (about.id, source, meaning.wanted, meaning.weight) == ("req_1", Source.ESCALATION, 0.5, 0.5)
    assert Ears().hear(answered(rejected=Tier.PREMIUM)) == () == Ears().hear(answered(rejected=Tier.LOCAL, free=False))


def test_only_the_last_requests_are_remembered() -> None:
    ears = Ears(remembered=2)
    for number in range(3):
        ears.hear(answered(f"req_{number}", text=f"{WORDS} {number}"))
    assert ears.known("req_0") is None and ears.known("req_2") is not None
    ears.forget()
    assert ears.known("req_2") is None and ears.hear(answered("req_4", at=AT + 60, text=f"{WORDS} 2")) == ()


def test_no_half_of_a_secret_is_kept_at_the_end_of_a_long_text() -> None:
    text = f"{'word ' * (LONGEST_TEXT // 5 - 4)}sk-live-0123456789abcdef0123456789abcdef and more"
    assert len(text) > LONGEST_TEXT and "sk-live" not in beginning(text) and beginning(text).endswith("word")
    assert beginning(f" {WORDS} ") == WORDS and beginning("x" * 9_000) == "x" * LONGEST_TEXT

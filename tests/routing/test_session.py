"""What is remembered of conversations, and for how long."""

from __future__ import annotations

import pytest

from gateway_core.model import Target, Usage
from gateway_core.routing.place import place_of
from gateway_core.routing.session import AGAIN_WITHIN_S, Answered, Sessions
from tests.routing.requests import CHEAP, LOCAL, PREMIUM
from tests.routing.talks import CACHED, answer, asked, standing, step

QUESTION = "What is the capital of France?"


def test_a_conversation_that_nobody_answered_is_not_known() -> None:
    assert standing(Sessions(), asked(QUESTION, session="s")) is None


def test_the_turn_before_is_known_with_and_without_a_session() -> None:
    for session in ("", "s"):
        sessions = Sessions()
        answer(sessions, asked(QUESTION, session=session), PREMIUM, usage=CACHED)
        known = standing(sessions, asked(QUESTION, "Paris.", "And of Spain?", session=session))
        assert known is not None
        assert (known.target, known.cached_tokens, known.warm_s, known.turns) == (PREMIUM, 41_200, 299.0, 2)
        assert standing(sessions, asked("Who are you?", "Me.", "And of Spain?")) is None


def test_a_tool_loop_is_known_by_its_calls_then_its_turn_then_its_session() -> None:
    sessions = Sessions()
    answer(sessions, asked("Go.", session="s"), LOCAL, calls=("calla",))
    answer(sessions, asked("Go.", session="s"), CHEAP, calls=("callb",))
    for call_id, target in (("call_a", LOCAL), ("call_b", CHEAP), ("call_c", CHEAP)):
        known = standing(sessions, asked("Go.", *step(call_id), session="s"))
        assert known is not None
        assert (known.target, known.in_loop_since) == (target, 1.0)
    pruned = standing(sessions, asked("A summary of what was said.", *step("call_d"), session="s"))
    assert pruned is not None and pruned.target == CHEAP


def test_a_tool_loop_remembers_since_when() -> None:
    sessions = Sessions()
    answer(sessions, asked("Go."), at=5.0, calls=("call1",))
    answer(sessions, asked("Go.", *step("call_1")), at=9.0, calls=("call2",))
    known = standing(sessions, asked("Go.", *step("call_1"), *step("call_2")), at=12.0)
    assert known is not None and known.in_loop_since == 5.0


def test_the_lifetime_is_that_of_what_was_written_and_a_read_renews_it() -> None:
    def warm(*usages: Usage, at: float) -> float:
        sessions = Sessions()
        said: tuple[str, ...] = (QUESTION,)
        for number, usage in enumerate(usages):
            answer(sessions, asked(*said), PREMIUM, at=number * 200.0, usage=usage)
            said = (*said, "Paris.", f"And {number}?")
        known = standing(sessions, asked(*said), at=at)
        assert known is not None
        return known.warm_s

    short, long = Usage(9, 9, 0, 2_000, 0), Usage(9, 9, 0, 0, 2_000)
    read, plain = Usage(9, 9, 2_000), Usage(900, 9)
    assert warm(short, at=100.0) == 200.0
    assert warm(long, at=100.0) == 3_500.0
    assert warm(Usage(9, 9, 0, 2_000, 2_000), at=100.0) == 200.0
    assert warm(long, read, at=300.0) == 3_500.0
    assert warm(short, read, at=300.0) == 200.0
    assert warm(short, plain, at=300.0) == 0.0
    assert warm(short, at=301.0) == 0.0


def test_groq_keeps_what_it_has_read_for_two_hours() -> None:
    sessions = Sessions()
    answer(sessions, asked(QUESTION), CHEAP, usage=Usage(100, 50, 2_000))
    known = standing(sessions, asked(QUESTION, "Paris.", "And of Spain?"), at=3_601.0)
    assert known is not None and (known.cached_tokens, known.warm_s) == (2_000, 3_600.0)


def test_an_answer_of_our_own_cache_leaves_the_models_cache_as_it_was() -> None:
    sessions = Sessions()
    answer(sessions, asked(QUESTION), PREMIUM, usage=CACHED)
    answer(sessions, asked(QUESTION, "Paris.", "Sure?"), PREMIUM, at=50.0)
    known = standing(sessions, asked(QUESTION, "Paris.", "Sure?", "Yes.", "Why?"), at=60.0)
    assert known is not None
    assert (known.cached_tokens, known.warm_s) == (41_200, 241.0)


def test_what_is_asked_again_names_what_it_asks_again() -> None:
    sessions = Sessions()
    answer(sessions, asked(QUESTION), request_id="req_first")
    again = standing(sessions, asked(QUESTION, "Lyon.", "Please: what is the capital of France?"))
    assert again is not None
    assert (again.asked_again, again.again_of, again.wants_more) == (1.0, "req_first", True)
    thanks = standing(sessions, asked(QUESTION, "Paris.", "Thanks!"))
    assert thanks is not None
    assert (thanks.asked_again, thanks.again_of, thanks.wants_more) == (0.0, "", False)


def test_after_some_minutes_the_same_words_are_a_habit() -> None:
    sessions = Sessions()
    answer(sessions, asked(QUESTION))
    late = standing(sessions, asked(QUESTION, "Lyon.", "try again"), at=AGAIN_WITHIN_S + 2)
    assert late is not None
    assert (late.asked_again, late.wants_more) == (None, False)


def test_a_turn_that_failed_is_not_asked_again() -> None:
    """Only an answer can be no good: what nobody answered is not remembered."""
    sessions = Sessions()
    answer(sessions, asked("Hello!"))
    known = standing(sessions, asked("Hello!", "Hi.", QUESTION, "", "try again"))
    assert known is None or not known.wants_more


def test_meaning_decides_where_it_is_known() -> None:
    sessions = Sessions()
    answer(sessions, asked("How do I boil an egg?"))
    request = asked("How do I boil an egg?", "With water.", "What's the way to cook eggs?")
    plain, near = standing(sessions, request), standing(sessions, request, vectors=((1.0, 0.2), (1.0, 0.3)))
    assert plain is not None and not plain.wants_more
    assert near is not None and near.wants_more


def test_subagents_that_begin_alike_in_one_session_ask_for_nothing_again() -> None:
    sessions = Sessions()
    first = asked("Search the folder for tests of the parser", session="s", system="You search.")
    others = [
        asked("Search the folder for tests of the parser", session="s", system="You count."),
        asked("Search the folder for tests of the writer", session="s", system="You search."),
    ]
    for other in (first, *others):  # all come before one is answered
        assert standing(sessions, other) is None
    answer(sessions, first)
    for other in others:
        known = standing(sessions, other)
        assert known is not None
        assert (known.wants_more, known.cached_tokens) == (False, 0)


def test_a_session_may_send_each_question_alone_and_ask_one_again() -> None:
    sessions = Sessions()
    answer(sessions, asked(QUESTION, session="s"), request_id="req_first")
    for text in ("Please tell me: what is the capital of France", "that's wrong"):
        again = standing(sessions, asked(text, session="s"))
        assert again is not None and again.again_of == "req_first"
    assert standing(sessions, asked("that's wrong", session="t")) is None


def test_the_third_very_same_request_strikes_and_only_that() -> None:
    sessions = Sessions()
    strikes = []
    for number in range(6):
        known = standing(sessions, asked(QUESTION), at=number * 10.0, key="k")
        strikes.append(known is not None and known.strikes)
        answer(sessions, asked(QUESTION), at=number * 10.0 + 1, key="k")
    assert strikes == [False, False, True, False, False, False]


def test_requests_at_the_same_time_are_one_and_long_pauses_begin_anew() -> None:
    sessions = Sessions()
    place = place_of(asked(QUESTION))
    for number in range(5):
        sessions.answered(place, Answered(f"req_{number}", LOCAL, 0.0, 10.0 + number), key="k")
    known = standing(sessions, asked(QUESTION), at=20.0, key="k")
    assert known is not None and known.repeats == 1
    answer(sessions, asked(QUESTION), at=2_000.0, key="k")
    known = standing(sessions, asked(QUESTION), at=2_001.0, key="k")
    assert known is not None and known.repeats == 1


def test_what_may_not_be_compared_never_strikes() -> None:
    sessions = Sessions()
    for number in range(4):
        answer(sessions, asked(QUESTION), at=float(number))
    known = standing(sessions, asked(QUESTION), at=9.0)
    assert known is not None and known.repeats == 0


def test_memory_is_bounded_by_the_least_recently_used() -> None:
    sessions = Sessions(turns=6)
    for number in range(50):
        answer(sessions, asked(f"Question {number}"))
    assert standing(sessions, asked("Question 1", "Yes.", "Why?")) is None
    assert standing(sessions, asked("Question 49", "Yes.", "Why?")) is not None


@pytest.mark.parametrize("target", [LOCAL, PREMIUM])
def test_what_was_known_is_known_again_after_a_restart(target: Target) -> None:
    asking = asked("Go.", session="s")
    names = Sessions.names(place_of(asking))
    sessions = Sessions()
    kept = Answered("req_0", target, 1.0, 1.5, CACHED, raised=True, loop_since=1.5)
    sessions.restore([(names, kept), ((), kept)])
    known = standing(sessions, asked("Go.", *step("call_1"), session="s"))
    assert known is not None
    assert (known.target, known.cached_tokens, known.raised, known.in_loop_since) == (target, 41_200, True, 1.5)

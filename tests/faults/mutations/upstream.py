"""Guards against upstreams that break, lie, or never end."""

from __future__ import annotations

from tests.faults.mutations import Mutation

_DELIVERY = "tests/delivery/test_dispatch.py::"
_BODIES = "tests/providers/test_bodies.py::"

MUTATIONS = (
    Mutation(
        "a cloud provider's redirect is not followed",
        "gateway_core/providers/connections.py",
        "allow_redirects=False",
        "allow_redirects=True",
        "tests/providers/test_openai_compatible.py::test_redirects_are_not_followed",
    ),
    Mutation(
        "Ollama's redirect is not followed",
        "gateway_core/providers/connections.py",
        "allow_redirects=False",
        "allow_redirects=True",
        "tests/providers/test_ollama.py::test_redirects_are_not_followed",
    ),
    Mutation(
        "an answer past its output limit is ended",
        "gateway_core/delivery/dispatch.py",
        "if meter.is_past_limit:\n                        raise",
        "if False:\n                        raise",
        f"{_DELIVERY}test_an_answer_that_goes_on_past_its_limit_is_ended_and_charged_within_the_reservation",
    ),
    Mutation(
        "nobody is charged more output than was reserved",
        "gateway_core/delivery/meter.py",
        "return total if self.limit is None else min(total, self.limit)",
        "return total",
        "tests/delivery/test_meter.py::test_what_arrived_counts_up_to_the_limit_that_the_upstream_was_told",
    ),
    Mutation(
        "a packed answer is unpacked in small pieces",
        "gateway_core/providers/bodies.py",
        "unpacker.decompress(data, _PIECE_BYTES)",
        "unpacker.decompress(data)",
        f"{_BODIES}test_a_bomb_comes_in_small_pieces",
    ),
    Mutation(
        "what is packed in an unknown way is not read",
        "gateway_core/providers/bodies.py",
        "if encoding not in _PACKED:",
        "if False:",
        f"{_BODIES}test_what_is_packed_twice_or_strangely_is_not_unpacked",
    ),
    Mutation(
        "a packed answer that is cut off is none",
        "gateway_core/providers/bodies.py",
        'return\n    raise Undecodable("packed its answer badly")',
        "return",
        f"{_BODIES}test_a_packed_body_that_is_cut_off_is_not_whole",
    ),
    Mutation(
        "an endless error is cut",
        "gateway_core/providers/bodies.py",
        "if left <= 0:",
        "if False:",
        f"{_BODIES}test_of_an_error_no_more_is_read_than_anybody_needs",
    ),
    Mutation(
        "nobody waits for a connection that is gone",
        "gateway_core/providers/bodies.py",
        "closed.add_done_callback(fail)",
        "closed.done()",
        f"{_BODIES}test_nobody_waits_for_a_body_that_turned_out_to_be_no_http",
    ),
    Mutation(
        "an answer has a largest size",
        "gateway_core/providers/answer.py",
        "if self._size > MAX_ANSWER_BYTES:",
        "if False:",
        "tests/faults/test_upstream_streams.py::test_a_whole_answer_that_never_ends_is_cut_off_by_its_size",
    ),
    Mutation(
        "an event has a largest size",
        "gateway_core/providers/answer.py",
        "SSEParser(MAX_EVENT_BYTES)",
        "SSEParser(1 << 40)",
        "tests/faults/test_upstream_streams.py::test_a_line_of_10_mb_is_cut_off_and_takes_no_memory",
    ),
    Mutation(
        "a whole answer of Ollama is ended at its output limit",
        "gateway_core/providers/ollama.py",
        "if unseen and written >",
        "if False and written >",
        "tests/faults/test_upstream_streams.py"
        "::test_a_stream_that_never_ends_is_ended_by_the_limit_of_tokens_and_charged_within_it",
    ),
    Mutation(
        "what came with an error comes before it",
        "gateway_core/providers/answer.py",
        "return pieces, error",
        "return [], error",
        "tests/providers/test_bursts.py::test_chunks_that_came_with_an_error_come_before_it",
    ),
    Mutation(
        "pings do not hold the end of a complete answer",
        "gateway_core/providers/answer.py",
        "self._renews = not self._ending\n",
        "self._renews = True\n",
        "tests/providers/test_answer.py::test_pings_do_not_hold_the_end_of_a_complete_answer",
    ),
    Mutation(
        "a report of usage does not count what was written after it",
        "gateway_core/delivery/meter.py",
        "self._outdated = piece.usage is None",
        "self._outdated = False",
        "tests/delivery/test_meter.py::test_a_count_is_not_of_what_was_written_after_it",
    ),
    Mutation(
        "a call has a longest time",
        "gateway_core/delivery/dispatch.py",
        "Deadline().within(self._total_s)",
        "Deadline().within(1e9)",
        f"{_DELIVERY}test_a_stream_that_trickles_for_ever_is_ended_in_time",
    ),
    Mutation(
        "OpenAI's answer has an end",
        "gateway_core/providers/openai_compatible.py",
        "if not self._answer.complete:",
        "if False:",
        "tests/providers/test_openai_compatible.py::test_a_stream_that_breaks_is_an_error",
    ),
    Mutation(
        "Anthropic's answer has an end",
        "gateway_core/providers/anthropic.py",
        "        if not answer.done:\n",
        "        if False:\n",
        "tests/providers/test_anthropic.py::test_success_is_only_what_message_stop_ends",
    ),
    Mutation(
        "Ollama's answer has an end",
        "gateway_core/providers/ollama.py",
        "        if not translator.finished:\n",
        "        if False:\n",
        "tests/providers/test_ollama.py::test_a_stream_without_its_last_line_has_failed",
    ),
    Mutation(
        "three tries at most",
        "gateway_core/delivery/dispatch.py",
        "MAX_TRIES = 3",
        "MAX_TRIES = 4",
        f"{_DELIVERY}test_a_failing_upstream_is_tried_three_times_with_longer_pauses_then_the_next_one",
    ),
    Mutation(
        "a short Retry-After is waited for",
        "gateway_core/delivery/dispatch.py",
        "max(backoff, error.retry_after_s or 0.0)",
        "max(backoff, 0.0)",
        f"{_DELIVERY}test_a_short_retry_after_is_waited_for",
    ),
    Mutation(
        "a long Retry-After is not slept on",
        "gateway_core/delivery/dispatch.py",
        "if error.retry_after_s is not None and error.retry_after_s > LONGEST_RETRY_AFTER_S:",
        "if False:",
        f"{_DELIVERY}test_a_long_retry_after_is_not_slept_on_and_holds_for_everybody",
    ),
    Mutation(
        "an upstream's word on trying again is heard",
        "gateway_core/providers/failures.py",
        "retryable=retryable if should is None else should",
        "retryable=retryable",
        "tests/faults/test_upstream_statuses.py::test_an_upstream_that_says_not_to_try_again_is_not",
    ),
    Mutation(
        "a dead upstream is left alone",
        "gateway_core/providers/breaker.py",
        "FAILURES_TO_OPEN = 5",
        "FAILURES_TO_OPEN = 500",
        "tests/faults/test_upstream_statuses.py"
        "::test_a_dead_upstream_is_not_hammered_and_the_client_is_told_when_to_come_back",
    ),
    Mutation(
        "retries are a share of the requests",
        "gateway_core/providers/retry_budget.py",
        "if self._tokens < 1:",
        "if False:",
        f"{_DELIVERY}test_retries_end_when_the_retry_budget_is_spent",
    ),
    Mutation(
        "no page of HTML is pasted into an error",
        "gateway_core/providers/failures.py",
        "if re.search(_MARKUP, text):",
        "if False:",
        "tests/providers/test_failures.py::test_texts_are_cleaned",
    ),
    Mutation(
        "the pause that counts is the newest",
        "gateway_core/delivery/course.py",
        "self._refusals.pop(target, None)\n        self._refusals[target] = refusal",
        "self._refusals.setdefault(target, refusal)",
        f"{_DELIVERY}test_a_pause_that_was_waited_for_is_not_told_once_the_circuit_is_open",
    ),
)

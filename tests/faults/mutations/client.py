"""Guards against what a client can send, and against one that leaves or never ends."""

from __future__ import annotations

from tests.faults.mutations import Mutation

_CONNECTIONS = "tests/faults/test_client_connections.py"
_FUZZ = "tests/faults/test_client_fuzz.py"
MUTATIONS = (
    Mutation(
        "half-sent headers are not waited for",
        "gateway_core/http/connections.py",
        "self._head_timer = self._loop.call_later(HEAD_S, self._give_up)",
        "pass",
        f"{_CONNECTIONS}::test_slow_loris_half_sent_headers_are_reaped",
    ),
    Mutation(
        "a client that does not read its answer is hung up on",
        "gateway_core/http/connections.py",
        "            self._look_again(self.transport)\n",
        "            pass\n",
        "tests/faults/test_client_readers.py::test_a_client_that_does_not_read_its_answer_is_hung_up_on",
    ),
    Mutation(
        "a client that reads slowly gets all of its answer",
        "gateway_core/http/connections.py",
        "if self._taken_bytes(transport) > taken:",
        "if False:",
        "tests/faults/test_client_readers.py::test_a_client_that_reads_slowly_gets_all_of_its_answer",
    ),
    Mutation(
        "an idle connection is closed",
        "gateway_core/http/connections.py",
        "keepalive_timeout=IDLE_S,",
        "keepalive_timeout=3630,",
        f"{_CONNECTIONS}::test_an_idle_keep_alive_connection_is_reaped",
    ),
    Mutation(
        "half a body is not waited for",
        "gateway_core/http/bodies.py",
        "asyncio.get_running_loop().time() + BODY_S",
        "asyncio.get_running_loop().time() + 600.0",
        f"{_CONNECTIONS}::test_slow_loris_half_a_body_is_answered_with_408_and_reaped",
    ),
    Mutation(
        "a body that trickles is not waited for",
        "gateway_core/http/bodies.py",
        "patience.reschedule(latest + len(body) / SLOWEST_BYTES_S)",
        "patience.reschedule(latest + len(body))",
        f"{_CONNECTIONS}::test_slow_loris_a_body_that_trickles_is_reaped",
    ),
    Mutation(
        "a body that is too large is refused by its length",
        "gateway_core/http/bodies.py",
        "(request.content_length or 0) > limit_bytes",
        "limit_bytes < 0",
        f"{_CONNECTIONS}::test_a_body_of_50_mb_is_refused_with_413_before_any_of_it_is_sent",
    ),
    Mutation(
        "a body that is too large is refused while it comes",
        "gateway_core/http/bodies.py",
        "if len(body) > limit_bytes:",
        "if len(body) < 0:",
        f"{_CONNECTIONS}::test_a_body_of_50_mb_is_cut_off_before_it_is_read_to_its_end[chunked]",
    ),
    Mutation(
        "a body that is too large is not read to its end",
        "gateway_core/http/connections.py",
        "self._lingering_time = 0.0",
        "pass",
        f"{_CONNECTIONS}::test_a_body_of_50_mb_is_cut_off_before_it_is_read_to_its_end[length]",
    ),
    Mutation(
        "a client that sends on sees why it was refused",
        "gateway_core/http/connections.py",
        "await self._drain(request.content)",
        "pass",
        f"{_CONNECTIONS}::test_an_sdk_sees_the_413_of_a_body_of_50_mb",
    ),
    Mutation(
        "no body is asked for that will be refused",
        "gateway_core/http/server.py",
        '{**route.kwargs, "expect_handler": expect}',
        "{**route.kwargs}",
        f"{_CONNECTIONS}::test_expect_100_continue_invites_no_body_that_will_be_refused",
    ),
    Mutation(
        "a body that is waited for with is asked for",
        "gateway_core/http/bodies.py",
        'await request.writer.write(b"HTTP/1.1 100 Continue\\r\\n\\r\\n")',
        "pass",
        f"{_CONNECTIONS}::test_expect_100_continue_is_told_to_go_on_and_then_answered",
    ),
    Mutation(
        "what is no HTTP is quoted to nobody",
        "gateway_core/http/connections.py",
        "if status != 400:",
        "if status:",
        f"{_CONNECTIONS}::test_broken_http_is_a_400_in_our_envelope_that_quotes_nothing",
    ),
    Mutation(
        "a broken chunk ends the body it is in",
        "gateway_core/http/connections.py",
        "        self._break_off()\n",
        "",
        f"{_CONNECTIONS}::test_chunked_encoding_that_breaks_in_the_middle_ends_the_request",
    ),
    Mutation(
        "an unknown content encoding is not taken for none",
        "gateway_core/http/guards.py",
        "not in ENCODINGS:",
        "in ():",
        f"{_CONNECTIONS}::test_a_body_in_an_unknown_content_encoding_is_a_415",
    ),
    Mutation(
        "a client that leaves has its upstream cancelled",
        "gateway_core/http/server.py",
        "handler_cancellation=True",
        "handler_cancellation=False",
        "tests/faults/test_client_disconnects.py"
        "::test_a_disconnect_before_the_first_token_cancels_the_upstream_and_is_paid[whole-chat]",
    ),
    Mutation(
        "only JSON is taken for a request",
        "gateway_core/http/guards.py",
        'request.content_type != "application/json"',
        'request.content_type == "x/y"',
        f"{_FUZZ}::test_a_wrong_content_type_is_a_415_in_the_callers_words",
    ),
    Mutation(
        "a body that is too deep to be written is refused",
        "gateway_core/http/bodies.py",
        "    if _too_deep(body):\n",
        "    if not body and _too_deep(body):\n",
        "tests/http/test_bad_days.py::test_a_body_nested_too_deeply_is_refused_and_costs_nothing",
    ),
    Mutation(
        "a limit of tokens is a positive number",
        "gateway_core/wire/validation.py",
        "not (is_integer(value) and 1 <= value <= LARGEST_LIMIT)",
        "value is body",
        f"{_FUZZ}::test_a_negative_zero_or_huge_max_tokens_is_a_400",
    ),
    Mutation(
        "one request has one answer",
        "gateway_core/wire/validation.py",
        "(not is_integer(choices) or choices != 1)",
        "choices is body",
        f"{_FUZZ}::test_n_above_1_is_a_400",
    ),
    Mutation(
        "every route is in the OpenAPI document",
        "gateway_core/http/openapi_document.py",
        '    ("get", "/api/settings"): Endpoint("The settings in force, secrets masked."),\n',
        "",
        "tests/http/test_openapi.py::test_every_route_is_in_the_document_and_every_path_of_it_is_served",
    ),
    Mutation(
        "no answer tells versions",
        "gateway_core/http/server.py",
        "app.on_response_prepare.append(_named)",
        "pass",
        "tests/faults/test_client_connections.py::test_no_answer_tells_versions_of_what_llmgw_is_built_on",
    ),
    Mutation(
        "an expectation at no address is answered as any other",
        "gateway_core/http/server.py",
        'app.router.add_route("*", "/{nothing:.*}", _nothing_here, expect_handler=expect)',
        "pass",
        "tests/faults/test_client_connections.py::test_expect_100_continue_invites_no_body_that_will_be_refused",
    ),
    Mutation(
        "a body that comes while llmgw is stopped is answered",
        "gateway_core/http/server.py",
        "app[READING].end()",
        "pass",
        "tests/faults/test_client_connections.py::test_a_body_that_still_comes_when_llmgw_is_stopped_is_answered",
    ),
)

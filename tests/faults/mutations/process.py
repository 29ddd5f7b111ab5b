"""Guards of the process: signals, terminals, memory, the time that a start takes."""

from __future__ import annotations

from tests.faults.mutations import Mutation

SIGNALS = "tests/faults/test_process_signals.py"
TERMINALS = "tests/faults/test_process_terminals.py"
START = "tests/faults/test_process_start.py"
MUTATIONS = (
    Mutation(
        "a built-in model that hangs is ended",
        "gateway_core/providers/builtin.py",
        "while missed < MOST_MISSED:",
        "while True:",
        "tests/faults/test_process_builtin.py"
        "::test_a_model_that_hangs_is_ended_with_an_error_to_what_is_in_flight_and_comes_back",
    ),
    Mutation(
        "a built-in model that dies again and again is given up",
        "gateway_core/providers/builtin.py",
        "often = len(self._deaths) > MAX_RESTARTS",
        "often = False",
        "tests/faults/test_process_builtin.py::test_a_model_that_dies_again_and_again_is_given_up_and_said_so",
    ),
    Mutation(
        "an encoder that hangs is ended",
        "gateway_core/cache/encoder/worker.py",
        "            elif self._process is not None:\n                _kill(self._process)",
        "            elif False:\n                pass",
        "tests/faults/test_process_encoder.py::test_an_encoder_that_hangs_is_not_waited_for_and_is_replaced",
    ),
    Mutation(
        "the end gives requests in flight a moment",
        "gateway_core/gates/kill_switch.py",
        "await self.ended(0.0 if at_once else GRACE_S)",
        "await self.ended(0.0)",
        f"{SIGNALS}::test_sigterm_lets_a_request_in_flight_finish_and_refuses_a_new_one",
    ),
    Mutation(
        "the end breaks off what outlasts the grace",
        "gateway_core/gates/kill_switch.py",
        "GRACE_S)\n        self._break_off_all(errors.gateway_stopped())",
        "GRACE_S)",
        "tests/http/test_stopping.py::test_a_stream_in_flight_ends_with_an_error_of_its_protocol",
    ),
    Mutation(
        "a second signal breaks off what is in flight",
        "gateway_core/gates/kill_switch.py",
        "self._ending = True\n        self._break_off_all",
        "self._ending = True\n        return\n        self._break_off_all",
        "tests/http/test_stopping.py::test_an_end_in_a_hurry_waits_for_no_request",
    ),
    Mutation(
        "the signal after the last step kills",
        "llmgw_tui/ending.py",
        "signal.signal(number, signal.SIG_DFL)",
        "pass",
        "tests/tui/test_ending.py::test_each_signal_takes_the_next_step_and_the_one_after_the_last_kills",
    ),
    Mutation(
        "whoever is refused at the end hears when to try again",
        "gateway_core/wire/errors.py",
        '"gateway_stopped", text, 503, retry_after_s=RESTART_S',
        '"gateway_stopped", text, 503',
        "tests/http/test_stopping.py::test_an_answer_that_has_not_begun_is_a_refusal_that_may_be_tried_again",
    ),
    Mutation(
        "a stdout that takes nothing fills no memory",
        "llmgw_tui/saying.py",
        "if len(self._lines) >= self._waiting:",
        "if False:",
        "tests/tui/test_saying.py::test_a_stalled_reader_holds_up_nobody_and_hears_how_many_lines_were_left_out",
    ),
    Mutation(
        "a stdout that cannot be written ends nothing",
        "llmgw_tui/saying.py",
        "except OSError as error:",
        "except KeyError as error:",
        "tests/tui/test_saying.py::test_what_cannot_be_written_is_told_once_and_stops_nothing",
    ),
    Mutation(
        "llmgw serve outlives its terminal",
        "llmgw_tui/headless.py",
        "if terminals and _has_gone(terminals[0]):",
        "if False:",
        f"{TERMINALS}::test_a_terminal_that_goes_away_takes_no_request_in_flight_with_it",
    ),
    Mutation(
        "llmgw lets go of a terminal that has gone",
        "llmgw_tui/screen.py",
        "            let_go_of_terminal()\n",
        "            pass\n",
        "tests/e2e/test_terminal_lost.py::test_a_lost_terminal_leaves_the_gateway_serving_and_the_next_llmgw_attaches",
    ),
    Mutation(
        "a low limit of open files is raised",
        "gateway_core/running.py",
        "    allow_open_files()\n",
        "",
        "tests/faults/test_process_open_files.py::test_a_low_limit_of_open_files_is_raised_as_far_as_it_may_be",
    ),
    Mutation(
        "a full disk is not told across the screen by logging itself",
        "llmgw_tui/logs.py",
        'would print a traceback into the screen for each."""\n',
        'would print a traceback into the screen for each."""\n        super().handleError(record)\n',
        "tests/tui/test_logs.py::test_a_log_on_a_full_disk_writes_nothing_across_the_screen",
    ),
    Mutation(
        "a start checks the newest money of a large file only",
        "gateway_core/store/files.py",
        "        _read_newest_money(connection)\n",
        '        connection.execute("PRAGMA quick_check(reservations)").fetchall()\n',
        f"{START}::test_a_start_on_a_ledger_six_times_as_long_takes_no_more_steps",
    ),
    Mutation(
        "a start reads the money of a large file",
        "gateway_core/store/files.py",
        "        _read_newest_money(connection)\n",
        "",
        "tests/store/test_database.py::test_damage_to_the_money_is_found_at_the_start_however_large_the_file",
    ),
    Mutation(
        "a start reads no savings that were added up before",
        "gateway_core/store/tallies.py",
        'return noted["saved_until"], Savings(exact, semantic)',
        "return -FOREVER, Savings()",
        f"{START}::test_a_start_on_a_ledger_six_times_as_long_takes_no_more_steps",
    ),
    Mutation(
        "savings are added up only where no request can still end",
        "gateway_core/store/tallies.py",
        "FOREVER if running is None else running",
        "FOREVER",
        f"{START}::test_what_was_saved_before_and_what_came_since_is_the_same_as_all_of_it",
    ),
    Mutation(
        "rows in memory are no more than the newest",
        "gateway_core/activity.py",
        "while len(self._rows) > RECENT_ROWS:",
        "while False:",
        "tests/faults/test_process_memory.py::test_requests_leave_no_objects_behind_when_lists_are_full",
    ),
    Mutation(
        "connections without a file for them are not tried again and again",
        "gateway_core/http/server.py",
        "reuse_address=True, backlog=1",
        "reuse_address=True, backlog=BACKLOG",
        "tests/faults/test_process_open_files.py::test_too_many_connections_are_tried_once_a_second_and_service_resumes_when_they_go",
    ),
)

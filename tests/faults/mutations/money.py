"""Guards of the daily limit, of the ledger and of the day."""

from __future__ import annotations

from tests.faults.mutations import Mutation

_BUDGET = "gateway_core/gates/budget.py"
_LEDGER = "gateway_core/store/ledger.py"
_ADVANCE = "gateway_core/store/advance.py"
_NOTES = "tests/store/test_ledger_notes.py"
_BROKEN = "tests/store/test_ledger_faults.py"
_LOCK = "gateway_core/store/lock.py"
MUTATIONS = (
    Mutation(
        "the daily limit counts what is under way",
        _BUDGET,
        "spent >= hard or committed + worst_case_microusd > hard",
        "spent >= hard",
        "tests/faults/test_money_limit.py"
        "::test_a_hundred_requests_at_once_never_spend_past_the_limit_nor_the_background_past_its_own",
    ),
    Mutation(
        "the background has a limit of its own",
        _BUDGET,
        "if own.has_room(worst_case_microusd):",
        "if True:",
        "tests/faults/test_money_limit.py"
        "::test_a_hundred_requests_at_once_never_spend_past_the_limit_nor_the_background_past_its_own",
    ),
    Mutation(
        "a reservation is durable before the call",
        _BUDGET,
        "await self._ledger.reserve(entry)",
        "asyncio.ensure_future(self._ledger.reserve(entry))",
        "tests/gates/test_budget.py::test_a_reservation_is_on_the_disk_before_the_call",
    ),
    Mutation(
        "what a crash cut off is charged",
        _LEDGER,
        "SET state = 'orphaned', cost_microusd = reserved_microusd",
        "SET state = 'orphaned', cost_microusd = 0",
        "tests/store/test_ledger.py::test_orphans_cost_what_was_reserved_on_the_day_it_was",
    ),
    Mutation(
        "orphans are charged at the start",
        _BUDGET,
        "self.orphans += await self._ledger.charge_orphans()",
        "self.orphans += Orphans(0, 0)",
        "tests/gates/test_budget.py::test_a_restart_goes_on_where_the_ledger_stands",
    ),
    Mutation(
        "a call is settled once",
        _ADVANCE,
        " WHERE id = ? AND state = 'reserved'",
        " WHERE id = ?",
        "tests/store/test_ledger.py::test_a_second_ending_changes_nothing",
    ),
    Mutation(
        "no more is noted than the advance has room for",
        _ADVANCE,
        "or self._exposed_microusd + microusd > self._microusd",
        "",
        f"{_NOTES}::test_calls_are_noted_up_to_the_advance_and_again_once_they_are_written",
    ),
    Mutation(
        "an advance is of its day",
        _ADVANCE,
        "if day != self._day or",
        "if not self._day or",
        f"{_NOTES}::test_an_advance_is_of_its_day",
    ),
    Mutation(
        "an advance that notes need is not given to another day",
        _ADVANCE,
        "or self.is_needed or self._is_opening or self._day == day",
        "or self._is_opening or self._day == day",
        f"{_NOTES}::test_an_advance_is_of_its_day",
    ),
    Mutation(
        "a call is in the spool before it is made",
        _ADVANCE,
        "if self._spool is None or not self._spool.add((CALL, values, announcement)):",
        "if self._spool is None:",
        f"{_NOTES}::test_a_killed_process_leaves_its_notes_to_the_next",
    ),
    Mutation(
        "how a noted call ended is found after a kill",
        _ADVANCE,
        "                _tried(connection, END, *rest)",
        "                pass",
        f"{_NOTES}::test_a_killed_process_leaves_its_notes_to_the_next",
    ),
    Mutation(
        "notes are forgotten once they are written, and not before",
        "gateway_core/store/spool.py",
        "if (file := self._files[1 - self._current]) is not None:",
        "if (file := self._files[self._current]) is not None:",
        "tests/store/test_spool.py::test_what_was_added_before_the_last_turn_can_be_dropped",
    ),
    Mutation(
        "a power loss charges what it may have taken",
        _ADVANCE,
        'connection.execute("DELETE FROM reservations WHERE id = ?", (f"{_ID}{self._boot}",))',
        'connection.execute(f"DELETE FROM reservations WHERE {IS_ADVANCE}")',
        f"{_NOTES}::test_after_a_power_loss_what_was_not_found_again_is_charged",
    ),
    Mutation(
        "an advance is opened once at a time",
        _ADVANCE,
        "or self.is_needed or self._is_opening or self._day == day",
        "or self.is_needed or self._day == day",
        f"{_BROKEN}::test_what_covers_calls_is_what_is_on_the_disk",
    ),
    Mutation(
        "no call is covered by an advance that was given back",
        _ADVANCE,
        "if not self._may_be_there or self._is_opening or self.is_needed:",
        "if not self._may_be_there or self.is_needed:",
        f"{_BROKEN}::test_no_call_is_covered_by_an_advance_that_was_given_back",
    ),
    Mutation(
        "an advance that nobody waited for is given back",
        _ADVANCE,
        'self._day, self._is_opening, self._may_be_there = "", True, True',
        'self._day, self._is_opening = "", True',
        f"{_BROKEN}::test_an_opening_whose_caller_was_cancelled_is_given_back_at_close",
    ),
    Mutation(
        "what is noted while others are written is written after them",
        _LEDGER,
        "            if self._noted or self._ends:\n                self._write_soon()",
        "            pass",
        f"{_BROKEN}::test_what_is_noted_while_the_disk_is_slow_is_written_without_anybody_asking",
    ),
    Mutation(
        "a day is read with what was noted for it",
        _LEDGER,
        "        await self.written()\n        return await self._run(work)",
        "        await self._begun()\n        return await self._run(work)",
        f"{_BROKEN}::test_a_day_is_not_read_without_what_was_noted_for_it",
    ),
    Mutation(
        "an advance whose spool is gone is charged",
        _ADVANCE,
        "if self._boot and self._spool is not None and self._spool.is_there:",
        "if self._boot:",
        f"{_BROKEN}::test_an_advance_whose_spool_has_gone_is_charged_in_the_same_boot_too",
    ),
    Mutation(
        "an end that finds no call is no end",
        _LEDGER,
        "if is_open and not changed:",
        "if False:",
        f"{_NOTES}::test_a_call_whose_note_could_not_be_written_meanwhile_is_not_ended",
    ),
    Mutation(
        "a request is announced until the log has it",
        "gateway_core/journal.py",
        "row = told[0] if told else self._being_written.get(request_id)",
        "row = told[0] if told else None",
        "tests/test_journal.py::test_a_request_is_announced_until_the_log_has_it",
    ),
    Mutation(
        "what has a limit of its own is not noted",
        _BUDGET,
        "return self._ledger_ok and not own",
        "return self._ledger_ok",
        "tests/gates/test_budget_notes.py::test_what_counts_against_a_limit_of_its_own_is_written_before_it_is_called",
    ),
    Mutation(
        "notes that cannot be written stop paid calls",
        _BUDGET,
        "        ledger.on_failure = self._ledger_failed\n",
        "",
        "tests/gates/test_budget_notes.py::test_notes_that_cannot_be_written_stop_paid_calls_without_anybody_asking",
    ),
    Mutation(
        "a clock that went back and forth forgets no day",
        _BUDGET,
        "self._accounts = {**await self._accounts_from(day), **self._accounts}",
        "self._accounts.setdefault(day, (await self._accounts_from(day))[day])",
        "tests/faults/test_money_days.py::test_a_clock_that_went_two_days_on_and_three_back_finds_every_day_as_it_was",
    ),
    Mutation(
        "a cut off request costs what the ledger says",
        "gateway_core/store/requests.py",
        "(SELECT coalesce(sum(cost_microusd), 0) FROM reservations WHERE request_id = requests.id)",
        "0",
        "tests/faults/test_killed.py::test_a_kill_9_while_orphans_are_charged_charges_them_once",
    ),
    Mutation(
        "a call is charged to the day that reserved it",
        _BUDGET,
        "self._accounts[ending.reservation.day].charge(",
        "self._today().charge(",
        "tests/gates/test_budget.py::test_a_call_belongs_to_the_day_it_was_reserved_on",
    ),
    Mutation(
        "a clock put back opens no spent day",
        _BUDGET,
        "if today > self._day:",
        "if today != self._day:",
        "tests/faults/test_money_days.py::test_a_clock_put_back_and_forth_over_midnight_rolls_the_day_over_once",
    ),
    Mutation(
        "a clock that was days ahead gives the days back",
        _BUDGET,
        "elif today < self._day and today < days_before(self._day, 1):",
        "elif False:",
        "tests/faults/test_money_days.py"
        "::test_a_clock_that_was_days_ahead_goes_back_to_a_day_that_stays_as_spent_as_it_was",
    ),
    Mutation(
        "a day that was given back is as spent as the ledger says",
        _BUDGET,
        "{**await self._accounts_from(day), **self._accounts}",
        "{day: Account(), **self._accounts}",
        "tests/faults/test_money_days.py::test_a_clock_that_was_ahead_when_llmgw_started_finds_what_the_day_has_cost",
    ),
    Mutation(
        "the days of the budget are UTC's",
        "gateway_core/store/days.py",
        "return _date(int(at // DAY_S))",
        "return datetime.fromtimestamp(int(at)).date().isoformat()",
        "tests/faults/test_money_days.py::test_daylight_saving_time_rolls_no_day_over_and_skips_none",
    ),
    Mutation(
        "one process has the lock file",
        _LOCK,
        "fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)\n    except BlockingIOError:\n        pid",
        "pass\n    except BlockingIOError:\n        pid",
        "tests/store/test_lock.py::test_a_second_llmgw_is_told_which_process_has_the_folder",
    ),
    Mutation(
        "one process has the folder though its lock file was removed",
        _LOCK,
        "held = _held_folder(folder)",
        "held = None",
        "tests/faults/test_money_instances.py::test_a_lock_file_that_was_removed_lets_nobody_in",
    ),
    Mutation(
        "a call is charged at the price that it was reserved with",
        "gateway_core/providers/pricing.py",
        "self._quoted = copy(self)",
        "self._quoted = self",
        "tests/http/test_reload.py::test_a_call_in_flight_is_charged_at_the_price_that_it_was_reserved_with",
    ),
    Mutation(
        "reported tokens are believed as far as they can be true",
        "gateway_core/delivery/charging.py",
        "usage, remark = plausible(meter.usage(), called)",
        "usage, remark = meter.usage(), None",
        "tests/faults/test_money_prices.py"
        "::test_an_upstream_that_reports_a_hundred_million_tokens_for_a_short_prompt_does_not_end_the_day",
    ),
    Mutation(
        "vectors cost no more tokens than their texts can have",
        "gateway_core/embedding_requests.py",
        "if usage.input_tokens <= most:",
        "if True:",
        "tests/http/test_embeddings.py::test_more_tokens_than_the_texts_can_have_are_not_charged",
    ),
    Mutation(
        "a judge's reported tokens are believed as far as they can be true",
        "gateway_core/judge.py",
        "usage, remark = plausible(usage, called)",
        "remark = None",
        "tests/http/test_judge.py::test_a_judge_that_reports_what_cannot_be_true_is_charged_as_much_as_can",
    ),
)

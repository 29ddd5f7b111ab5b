"""Guards of idempotency keys."""

from __future__ import annotations

from tests.faults.mutations import Mutation

_GATE = "gateway_core/gates/idempotency.py"
_STORE = "gateway_core/store/idempotency.py"
_TESTS = "tests/faults/test_idempotency.py"
MUTATIONS = (
    Mutation(
        "a finished answer that was paid is kept under its key",
        "gateway_core/pipeline.py",
        "with_the_settlement if keyed else None",
        "None",
        "tests/faults/test_killed.py::test_a_kill_9_loses_no_money_and_charges_none_twice"
        "[after the settlement and its key are durable (whole)]",
    ),
    Mutation(
        "a finished answer that was free is kept under its key",
        "gateway_core/pipeline.py",
        "            await self._gates.idempotency.store(request, answer)\n            if not exchange.keeps",
        "            pass\n            if not exchange.keeps",
        f"{_TESTS}::test_a_repeated_key_replays_an_answer_that_was_free",
    ),
    Mutation(
        "an answer is kept in the transaction that settles its call",
        "gateway_core/store/ledger.py",
        "if beside is not None:",
        "if False:",
        "tests/gates/test_budget.py::test_what_belongs_to_a_settlement_is_written_with_it",
    ),
    Mutation(
        "what belongs to a settlement keeps no money from being written",
        "gateway_core/gates/budget.py",
        "if not await self._written_with_its_beside(ending):",
        "if not await self._written_with_its_beside(ending) and not ending.beside:",
        "tests/gates/test_budget.py::test_what_cannot_be_written_beside_a_settlement_keeps_no_money_from_it",
    ),
    Mutation(
        "vectors that were paid are kept under their key",
        "gateway_core/embeddings.py",
        "beside = partial(self._writing, exchange, embedded)",
        "pass",
        "tests/faults/test_killed_calls.py::test_a_kill_9_in_embeddings_loses_no_money_and_charges_none_twice"
        "[after the settlement and its key are durable-settled]",
    ),
    Mutation(
        "a key belongs to one body",
        _GATE,
        "return answer if body_hash == turn.body_hash else errors.idempotency_conflict()",
        "return answer",
        f"{_TESTS}::test_the_same_key_with_another_body_is_a_conflict",
    ),
    Mutation(
        "what one protocol alone knows belongs to the body",
        _GATE,
        "if request.api is not ApiKind.CHAT:",
        "if False:",
        f"{_TESTS}::test_the_same_key_with_another_body_is_a_conflict",
    ),
    Mutation(
        "a running key belongs to one body",
        _GATE,
        "if turn and turn.body_hash != body_hash:",
        "if False:",
        f"{_TESTS}::test_another_body_is_told_so_while_the_first_still_runs",
    ),
    Mutation(
        "a key is its caller's alone",
        _STORE,
        "WHERE caller = ? AND key_hash = ?",
        "WHERE (caller = ? OR TRUE) AND key_hash = ?",
        "tests/store/test_answers.py::test_a_key_gives_the_body_it_was_used_with",
    ),
    Mutation(
        "duplicates share the call that runs",
        _GATE,
        "        return turn.flight\n",
        "        return name\n",
        f"{_TESTS}::test_a_failure_is_shared_by_the_duplicates_of_its_time_and_poisons_no_key",
    ),
    Mutation(
        "duplicates of another kind wait for the call that runs",
        _GATE,
        "return kind is not None and kind == self.kind",
        "return True",
        f"{_TESTS}::test_twenty_embeddings_at_once_share_one_call",
    ),
    Mutation(
        "duplicates of another kind have the answer as soon as it is kept",
        _GATE,
        "            turn.known.set()\n\n    def _turn_of",
        "\n    def _turn_of",
        f"{_TESTS}::test_another_kind_gets_the_answer_while_the_first_one_has_not_read_it",
    ),
    Mutation(
        "two keys in one request are refused",
        "gateway_core/http/incoming.py",
        "if header is not None and key != header:",
        "if False:",
        f"{_TESTS}::test_two_different_keys_in_one_request_are_refused",
    ),
    Mutation(
        "kept answers are bounded in size",
        "gateway_core/store/bounds.py",
        "entries <= self._most_entries and together <= self._most_bytes",
        "entries <= self._most_entries",
        "tests/store/test_answers.py::test_answers_of_keys_are_bounded_in_size_too",
    ),
)

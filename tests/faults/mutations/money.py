"""Guards of the daily limit and of the ledger."""

from __future__ import annotations

from tests.faults.mutations import Mutation

MUTATIONS = (
    Mutation(
        "the daily limit counts what is under way",
        "gateway_core/gates/budget.py",
        "account.spent_microusd >= hard or committed + worst_case_microusd > hard",
        "account.spent_microusd >= hard",
        "tests/e2e/test_money.py::test_a_hard_limit_holds_against_fifty_requests_at_once",
    ),
)

"""The list of guards is true: what it would switch off is there once, and so is the test that would notice."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.faults.mutations import Mutation, all_mutations
from tests.faults.switch_off import ROOT


@pytest.mark.parametrize("mutation", all_mutations(), ids=lambda mutation: mutation.guard)
def test_a_guard_stands_once_in_its_file_and_its_test_is_there(mutation: Mutation) -> None:
    assert (ROOT / mutation.file).read_text("utf-8").count(mutation.before) == 1
    compile((ROOT / mutation.file).read_text("utf-8").replace(mutation.before, mutation.after), mutation.file, "exec")
    file, _, name = mutation.test.partition("::")
    tree = ast.parse(Path(ROOT, file).read_text("utf-8"))
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert name.partition("[")[0] in functions


def test_no_guard_is_listed_twice() -> None:
    guards = [mutation.guard for mutation in all_mutations()]
    assert sorted(guards) == sorted(set(guards))

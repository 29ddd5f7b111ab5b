"""``llmgw cache`` as a person types it, where no gateway runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.test_cli import llmgw


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        ((), 1, "no gateway answers"),
        (("list",), 1, "llmgw serve"),
        (("clear",), 2, "--yes"),
        (("show",), 2, "ID"),
        (("list", "--order", "age"), 2, "newest"),
        (("fly",), 2, "invalid choice"),
    ],
)
async def test_without_a_gateway_it_says_what_to_do(
    tmp_path: Path, arguments: tuple[str, ...], code: int, word: str
) -> None:
    found, out, err = await llmgw(tmp_path, "cache", "--port", "1", *arguments)
    assert found == code and word in err and not out

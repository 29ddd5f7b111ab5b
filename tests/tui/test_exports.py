"""Exports hold any text, say what is missing, and never need a key in a file. That they run is shown in tests/e2e."""

from __future__ import annotations

import ast
import json
from dataclasses import replace

import pytest

from llmgw_tui.exports.call import NothingKept
from llmgw_tui.exports.exported import LARGE_CHARACTERS, export
from llmgw_tui.exports.json_text import json_text
from tests.fakes import details

ADDRESS = "http://127.0.0.1:8000"
EVIL = "\x1b[2J\u202e\u200d\x00\x9b 'LLMGW_BODY\nLLMGW_BODY\n\ud800 😀"


def test_json_shows_what_can_be_seen_and_escapes_the_rest() -> None:
    text = json_text({"a": EVIL, "b": "Größe 😀"})
    assert json.loads(text) == {"a": EVIL, "b": "Größe 😀"} and "Größe 😀" in text
    assert all(character.isprintable() or character == "\n" for character in text)


@pytest.mark.parametrize("form", ["curl", "python", "json"])
def test_foreign_text_cannot_leave_its_place(form: str) -> None:
    parts = replace(details.parts(), body={"model": "m", "messages": [{"role": "user", "content": EVIL}]})
    text = export(details.detail(), parts, ADDRESS, form).text
    assert all(character.isprintable() or character == "\n" for character in text)
    if form == "curl":
        assert text.count("\nLLMGW_BODY\n") == 1 and text.endswith("\nLLMGW_BODY\n")
    if form == "python":
        call = ast.parse(text).body[-2]
        assert isinstance(call, ast.Assign) and isinstance(call.value, ast.Call)
        (messages,) = [word.value for word in call.value.keywords if word.arg == "messages"]
        assert ast.literal_eval(messages) == parts.body["messages"] if parts.body else False


def test_the_key_is_named_and_never_written() -> None:
    for form in ("curl", "python"):
        text = export(details.detail(), details.parts(), ADDRESS, form).text
        assert "GATEWAY_SECRET" in text and "[masked]" not in text


def test_what_is_missing_is_said() -> None:
    detail = details.detail()
    assert "Only the messages were kept" in export(detail, None, ADDRESS, "curl").text
    masked = replace(details.parts(), masked=True)
    assert "[masked]" in export(detail, masked, ADDRESS, "python").text
    with pytest.raises(NothingKept, match="KEEP_BODIES_DAYS"):
        export(replace(detail, messages=()), None, ADDRESS, "curl")
    assert json.loads(export(replace(detail, messages=()), None, ADDRESS, "json").text)["wire"] is None


def test_an_id_that_is_none_of_ours_names_no_other_folder() -> None:
    detail = details.detail()
    odd = replace(detail, row=replace(detail.row, id="../../etc/x\x1b"))
    ((name, _),) = export(odd, details.parts(), ADDRESS, "json").files
    assert "/" not in name and "\x1b" not in name and not name.startswith(".")


def test_a_large_body_has_a_file_of_its_own() -> None:
    parts = replace(details.parts(), body={"model": "m", "messages": [{"content": "x" * LARGE_CHARACTERS}]})
    made = export(details.detail(), parts, ADDRESS, "curl")
    (_, script), (name, body) = made.files
    assert f"@{name}" in script and json.loads(body) == parts.body
    assert "LLMGW_BODY" in made.text, "what is copied stands alone"

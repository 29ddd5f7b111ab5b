"""The body's ``context``."""

from __future__ import annotations

import pytest

from gateway_core.model import CodeContext, Refusal
from gateway_core.wire.context import read_context


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (None, None),
        ("background", "background"),
        ("src/x.py", "src/x.py"),
        ("", ""),
        ("/srv/project", CodeContext("/srv/project")),
        ({"cwd": "/srv/project"}, CodeContext("/srv/project")),
        ({"git_revision": " 1f0c2a9 "}, CodeContext(None, "1f0c2a9")),
        (
            {"cwd": "/srv", "git_revision": None, "files": ["b.py", "a.py", "b.py"]},
            CodeContext("/srv", None, ("a.py", "b.py")),
        ),
    ],
)
def test_what_a_caller_may_give(given: object, read: object) -> None:
    assert read_context(given) == read


@pytest.mark.parametrize(
    ("given", "param", "word"),
    [
        (7, "context", "a string, or an object"),
        (["/srv"], "context", "a string, or an object"),
        ({}, "context", "one of cwd and git_revision"),
        ({"cwd": "/srv", "branch": "main"}, "context", "'branch'"),
        ({"cwd": "src"}, "context.cwd", "absolute"),
        ({"cwd": "~/project"}, "context.cwd", "absolute"),
        ({"cwd": "/srv\0x"}, "context.cwd", "absolute"),
        ({"cwd": "/" + "x" * 5000}, "context.cwd", "absolute"),
        ({"cwd": 7}, "context.cwd", "absolute"),
        ({"git_revision": ""}, "context.git_revision", "git rev-parse HEAD"),
        ({"git_revision": 1}, "context.git_revision", "git rev-parse HEAD"),
        ({"cwd": "/srv", "files": ["../x"]}, "context.files", "inside context.cwd"),
        ({"git_revision": "1f0c2a9", "files": ["x"]}, "context.files", "absolute"),
        ({"cwd": "/srv", "files": "x"}, "context.files", "a list"),
        ({"cwd": "/srv", "files": ["x"] * 201}, "context.files", "at most 200"),
    ],
)
def test_what_is_wrong_is_said(given: object, param: str, word: str) -> None:
    refusal = read_context(given)
    assert isinstance(refusal, Refusal)
    assert (refusal.http_status, refusal.param) == (400, param) and word in refusal.message

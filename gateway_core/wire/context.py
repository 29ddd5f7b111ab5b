"""The body's ``context``: a word that sets answers apart, or where the caller's code is."""

from __future__ import annotations

import os.path

from gateway_core.model import CodeContext, Refusal
from gateway_core.wire.errors import invalid_request
from gateway_core.wire.json_values import is_strings

LONGEST_PATH = 4096
LONGEST_REVISION = 200
MOST_FILES = 200
_FIELDS = ("cwd", "git_revision", "files")
_SHAPE = 'context is a string, or an object such as {"cwd": "/home/ada/project", "git_revision": "1f0c2a9"}'


def read_context(value: object) -> str | CodeContext | None | Refusal:
    """What a caller gave as its context. A string that is an absolute path names a folder, as ``cwd`` does."""
    if value is None:
        return None
    if isinstance(value, str):
        return CodeContext(cwd=value) if os.path.isabs(value) and _is_path(value) else value
    if not isinstance(value, dict):
        return _wrong(f"{_SHAPE}.")
    if unknown := sorted(set(value) - set(_FIELDS)):
        return _wrong(f"{_SHAPE}: there is no field {unknown[0]!r} in it, only {', '.join(_FIELDS)}.")
    cwd, revision, files = value.get("cwd"), value.get("git_revision"), value.get("files") or []
    if cwd is None and revision is None:
        return _wrong(f"{_SHAPE}: one of cwd and git_revision is needed.")
    if cwd is not None and not (_is_path(cwd) and os.path.isabs(cwd)):
        return _wrong("context.cwd is the absolute path of a folder on the gateway's machine.", "context.cwd")
    if revision is not None and not (isinstance(revision, str) and 0 < len(revision.strip()) <= LONGEST_REVISION):
        return _wrong(
            "context.git_revision is a commit's hash, as `git rev-parse HEAD` prints it.", "context.git_revision"
        )
    if not is_strings(files) or len(files) > MOST_FILES or not all(_is_file(one, cwd) for one in files):
        text = f"context.files is a list of at most {MOST_FILES} paths, absolute or inside context.cwd."
        return _wrong(text, "context.files")
    return CodeContext(cwd, revision.strip() if revision else None, tuple(sorted(set(files))))


def _is_path(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_PATH and "\0" not in value


def _is_file(path: str, cwd: str | None) -> bool:
    if not _is_path(path):
        return False
    return os.path.isabs(path) or (cwd is not None and not os.path.normpath(path).startswith(".."))


def _wrong(text: str, param: str = "context") -> Refusal:
    return invalid_request(text, param)

"""Exported encoders are kept whole or not at all, and one that is not what it was is thrown away."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway_core.cache.encoder import exports as exports_module
from gateway_core.cache.encoder.exports import GRAPH, MANIFEST, RETRY_AFTER_S, SHALLOW_GRAPH, TOKENIZER, Exports
from gateway_core.cache.encoder.model_folder import ModelFolder


def exports_of(root: Path, contents: str = "a", path: str = "/models/one") -> Exports:
    return Exports(root / "encoder", ModelFolder("one", Path(path), "fingerprint", contents))


def keep(exports: Exports) -> None:
    part = exports.begin()
    (part / GRAPH).write_bytes(b"graph")
    (part / SHALLOW_GRAPH).write_bytes(b"first layers")
    (part / TOKENIZER).write_bytes(b"tokens")
    exports.keep(part, 384, 254, "query: ")


def test_a_kept_export_is_found_with_what_it_needs(tmp_path: Path) -> None:
    exports = exports_of(tmp_path)
    assert exports.find() is None and exports.is_due()
    keep(exports)
    found = exports.find()
    assert found and (found.dimensions, found.window_tokens, found.prompt) == (384, 254, "query: ")
    assert not exports.is_due()
    assert [path.name for path in exports.root.iterdir()] == [exports.folder.name], "nothing else is left behind"


def test_a_crash_while_it_is_made_leaves_no_export_and_is_not_tried_again_at_once(tmp_path: Path) -> None:
    exports = exports_of(tmp_path)
    (exports.begin() / GRAPH).write_bytes(b"half of a gra")
    again = exports_of(tmp_path)
    assert again.find() is None and not again.is_due()
    (tried,) = exports.root.glob("*.tried")
    yesterday = time.time() - RETRY_AFTER_S - 60
    os.utime(tried, (yesterday, yesterday))
    assert again.is_due()
    keep(again)
    assert again.find() and not list(exports.root.glob("*.tried"))


def test_an_attempt_that_was_given_up_counts_as_none(tmp_path: Path) -> None:
    exports = exports_of(tmp_path)
    exports.begin()
    exports.forget()
    assert exports.is_due() and not list(exports.root.iterdir())


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / GRAPH).write_bytes(b"grapf"),
        lambda folder: (folder / GRAPH).unlink(),
        lambda folder: (folder / SHALLOW_GRAPH).write_bytes(b"first lay"),
        lambda folder: (folder / SHALLOW_GRAPH).unlink(),
        lambda folder: (folder / TOKENIZER).write_bytes(b"others"),
        lambda folder: (folder / MANIFEST).unlink(),
        lambda folder: (folder / MANIFEST).write_bytes(b"[]"),
        lambda folder: (folder / MANIFEST).write_bytes(b'{"format": 1}'),
        lambda folder: (folder / MANIFEST).write_bytes(
            (folder / MANIFEST).read_bytes().replace(b'"dimensions":384', b'"dimensions":"384"')
        ),
    ],
)
def test_a_damaged_export_is_thrown_away_and_made_again(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    exports = exports_of(tmp_path)
    keep(exports)
    damage(exports.folder)
    assert exports.find() is None
    assert not exports.folder.exists() and exports.is_due()


def test_other_weights_or_versions_are_another_export_and_the_older_one_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, other_model = exports_of(tmp_path), exports_of(tmp_path, "c", "/models/two")
    keep(first)
    keep(other_model)
    second = exports_of(tmp_path, "b")
    assert second.find() is None
    keep(second)
    assert not first.folder.exists() and other_model.find() and second.find()
    monkeypatch.setattr(exports_module, "version", lambda name: "99")
    assert exports_of(tmp_path, "b").find() is None


def test_without_the_packages_nothing_is_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports_module, "find_spec", lambda name: None)
    assert not exports_of(tmp_path).is_due()

"""The encoder really exported: the same vectors as by torch, used by the next child, for another model too."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway_core.cache.encoder.choice import BUILTIN, Choice
from gateway_core.cache.encoder.exporting import export_command
from gateway_core.cache.encoder.exports import GRAPH, Exports
from gateway_core.cache.encoder.model_folder import installed_weights, open_folder
from gateway_core.cache.encoder.opening import open_encoder
from gateway_core.cache.encoder.worker import child_environment

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]
TEXTS = [
    "How do I undo the last 2 commits in git?",
    "Wie heißt die größte Stadt in Süddeutschland?",
    "",
    "a text that is longer than the model sees " * 60,
    "日本の首都はどこですか 🙂",
]


def with_prompt_and_short_window(folder: Path) -> Path:
    shutil.copytree(installed_weights(), folder)
    for name, more in (
        ("config_sentence_transformers.json", {"prompts": {"query": "query: "}}),
        ("sentence_bert_config.json", {"max_seq_length": 64}),
    ):
        file = folder / name
        file.write_text(json.dumps({**json.loads(file.read_text()), **more}))
    return folder


def export(source: str, root: Path) -> Exports:
    exports = Exports(root, open_folder(source))
    command = export_command(source, exports)
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=child_environment()) as process:
        assert process.wait(600) == 0
    return exports


@pytest.mark.parametrize("own", [False, True])
def test_an_export_gives_the_vectors_of_torch(tmp_path: Path, own: bool) -> None:
    source = str(with_prompt_and_short_window(tmp_path / "own")) if own else BUILTIN
    root = tmp_path / "encoder"
    exports = export(source, root)
    by_torch = open_encoder(Choice(source))
    exported = open_encoder(Choice(source, root))
    assert (by_torch.kind, exported.kind, exported.due) == ("torch", "onnx", None)
    assert exported.facts == {**by_torch.facts, "kind": "onnx"}
    assert exported.texts and by_torch.texts
    window = 58 if own else 254
    assert exported.texts.window_tokens == by_torch.texts.window_tokens == window
    expected = by_torch.encoder.encode(TEXTS)
    assert exported.encoder.encode(TEXTS) == [pytest.approx(row, abs=1e-4) for row in expected]
    assert bool(exported.shallow) is bool(by_torch.shallow) is not own
    if exported.shallow and by_torch.shallow:
        few, same = exported.shallow(), by_torch.shallow()
        assert few.fingerprint == same.fingerprint != exported.encoder.fingerprint
        assert few.encode(TEXTS) == [pytest.approx(row, abs=1e-4) for row in same.encode(TEXTS)]
        assert few.encode(TEXTS[:1])[0] != pytest.approx(expected[0], abs=1e-2)
        assert exported.encoder.encode(TEXTS) == [pytest.approx(row, abs=1e-4) for row in expected], "it is untouched"
    if own:
        builtin = open_encoder(Choice()).encoder.encode(TEXTS[:1])[0]
        assert exported.encoder.encode(TEXTS[:1])[0] != pytest.approx(builtin, abs=1e-2), "it has its prompt"

    (exports.folder / GRAPH).write_bytes(b"damaged")
    again = open_encoder(Choice(source, root))
    assert again.kind == "torch" and again.due and not exports.folder.exists()


def test_an_export_whose_child_is_gone_ends_and_leaves_nothing(tmp_path: Path) -> None:
    exports = Exports(tmp_path / "encoder", open_folder(BUILTIN))
    command = export_command(BUILTIN, exports)
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=child_environment()) as process:
        assert process.stdin
        process.stdin.close()
        assert process.wait(120) == 1
    assert exports.find() is None and exports.is_due()

"""Another model by its folder: what is wrong with it is said, and a changed model is another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway_core.cache.encoder.embedder import EncoderError
from gateway_core.cache.encoder.model_folder import open_folder


def model(folder: Path) -> Path:
    (folder / "0_Transformer").mkdir(parents=True)
    (folder / "modules.json").write_text("[]")
    (folder / "0_Transformer" / "model.safetensors").write_bytes(b"weights")
    (folder / "README.md").write_text("words")
    return folder


def test_a_folder_is_a_model_whose_fingerprint_follows_what_is_read_of_it(tmp_path: Path) -> None:
    folder = model(tmp_path / "mine")
    first = open_folder(str(folder))
    (folder / "README.md").write_text("other words")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "config.json").write_text("{}")
    assert open_folder(str(folder)) == first and first.name == "mine"
    (folder / "0_Transformer" / "model.safetensors").write_bytes(b"weighty")
    assert open_folder(str(folder)).fingerprint != first.fingerprint


def test_a_path_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    model(tmp_path / "mine")
    assert open_folder("~/mine").path == tmp_path / "mine"


def test_a_folder_without_a_model_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="there is no folder .*nowhere"):
        open_folder(str(tmp_path / "nowhere"))
    with pytest.raises(EncoderError, match="no modules.json"):
        open_folder(str(tmp_path))
    (tmp_path / "modules.json").write_text("[]")
    with pytest.raises(EncoderError, match="no weights"):
        open_folder(str(tmp_path))

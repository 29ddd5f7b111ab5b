"""What the registry tells, what is asked of it and when, and which models are stale."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway_core.clock import SystemClock
from gateway_core.local_values import LocalModel
from gateway_core.ollama.machine.disk import blobs_of, freed_bytes, sharers
from gateway_core.ollama.notebook import Notebook
from gateway_core.ollama.registry import ModelName, Registry, RegistryError, parse_name, read_manifest
from gateway_core.ollama.updates import Updates, compare
from tests.fakes.registry import GB, FakeRegistry, digest_of, encoded, manifest

OLD, NEW = manifest("1" * 64), manifest("2" * 64)


@pytest.fixture
async def fake() -> AsyncIterator[FakeRegistry]:
    async with FakeRegistry({"library/qwen3:8b": NEW, "library/busy:1b": 503}) as server:
        yield server


@pytest.fixture
async def registry(fake: FakeRegistry) -> AsyncIterator[Registry]:
    made = Registry(SystemClock(), hosts={"registry.ollama.ai": fake.root})
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("qwen3", ModelName("registry.ollama.ai", "library", "qwen3", "latest")),
        ("qwen3:8b", ModelName("registry.ollama.ai", "library", "qwen3", "8b")),
        ("me/mine:1", ModelName("registry.ollama.ai", "me", "mine", "1")),
        ("hf.co/u/M-GGUF:Q4_K_M", ModelName("hf.co", "u", "M-GGUF", "Q4_K_M")),
        ("127.0.0.1:15001/library/slow:1", ModelName("127.0.0.1:15001", "library", "slow", "1")),
    ],
)
def test_a_name_is_completed_as_ollama_does(name: str, parsed: ModelName) -> None:
    assert parse_name(name) == parsed


@pytest.mark.parametrize(
    "name", ["", ":", "a b", "../../etc/passwd", "a/b/c/d", "../library/x:1", "x:../y", "x?q=1", "\x1b[31m"]
)
def test_what_is_no_name_is_never_asked_for(name: str) -> None:
    with pytest.raises(RegistryError, match="no model's name"):
        parse_name(name)


async def test_the_manifest_tells_layers_and_sizes_and_is_asked_for_once(
    fake: FakeRegistry, registry: Registry
) -> None:
    found = await registry.manifest("qwen3:8b")
    assert (found.weights_bytes, found.total_bytes) == (4 * GB, 4 * GB + 1429 + 487)
    assert found.digest == digest_of(NEW) and found.weights == (f"sha256:{'2' * 64}",)
    await registry.manifest("qwen3:8b")
    assert fake.asked == ["/v2/library/qwen3/manifests/8b"]


@pytest.mark.parametrize(
    ("name", "why"),
    [("gone:1b", "has no gone:1b"), ("busy:1b", "answered 503"), ("other.example/a/b", "not other.example")],
)
async def test_what_the_registry_does_not_tell_has_a_reason(registry: Registry, name: str, why: str) -> None:
    with pytest.raises(RegistryError, match=why):
        await registry.manifest(name)
    assert await registry.layers(name) == ()


async def test_a_registry_that_is_off_is_asked_nothing(fake: FakeRegistry, registry: Registry) -> None:
    registry.enabled = False
    with pytest.raises(RegistryError, match="LOCAL_REGISTRY is off"):
        await registry.manifest("qwen3:8b")
    assert fake.asked == []


async def test_nobody_answering_is_no_exception_of_another_kind() -> None:
    registry = Registry(SystemClock(), hosts={"registry.ollama.ai": "http://127.0.0.1:1"})
    with pytest.raises(RegistryError, match="cannot be reached"):
        await registry.manifest("qwen3:8b")
    await registry.close()


@pytest.mark.parametrize("content", [b"", b"[]", b"<html>", b'{"layers":[]}', b'{"layers":[{"size":"x"}]}x'])
def test_an_answer_that_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(RegistryError, match="something else"):
        read_manifest(content)


def test_only_layers_prove_that_a_version_is_newer() -> None:
    told = read_manifest(encoded(NEW))
    written_anew = read_manifest(encoded({**NEW, "extra": 1}))
    assert compare(told, digest_of(NEW), (), None) is False
    assert compare(told, "0" * 64, (), None) is None
    assert compare(told, written_anew.digest, (), written_anew) is False
    assert compare(told, digest_of(OLD), (f"sha256:{'1' * 64}",), None) is True
    assert compare(told, digest_of(OLD), (f"sha256:{'2' * 64}",), None) is False
    new_template = read_manifest(encoded(manifest("2" * 64, template="9" * 64)))
    assert compare(told, new_template.digest, told.weights, new_template) is True


async def test_only_models_that_came_from_a_registry_are_asked_for_unasked_and_once_a_day(
    fake: FakeRegistry, registry: Registry
) -> None:
    notebook = Notebook()
    updates = Updates(registry, notebook, SystemClock())
    models = (LocalModel("qwen3:8b", digest=digest_of(OLD)), LocalModel("my-secret:1", digest="5" * 64))
    assert updates.due(models) == ()
    notebook.note("qwen3:8b", pulled=True)
    assert updates.due(models) == models[:1]
    assert await updates.check(updates.due(models), {"qwen3:8b": (f"sha256:{'1' * 64}",)}, {}) == ("qwen3:8b",)
    assert notebook.of("qwen3:8b").update.newer is True
    assert updates.due(models) == ()
    assert updates.due((LocalModel("qwen3:8b", digest=digest_of(NEW)),))
    assert not any("secret" in path for path in fake.asked)


async def test_a_registry_that_cannot_be_reached_is_asked_once() -> None:
    notebook, registry = Notebook(), Registry(SystemClock(), hosts={"registry.ollama.ai": "http://127.0.0.1:1"})
    updates = Updates(registry, notebook, SystemClock())
    models = tuple(LocalModel(f"m:{number}", digest="5" * 64) for number in range(3))
    for model in models:
        notebook.note(model.name, pulled=True)
    assert await updates.check(models, {}, {}) == ()
    assert {notebook.of(model.name).update.why_unknown for model in models} == {"registry.ollama.ai cannot be reached"}
    assert updates.due(models) == ()
    await registry.close()


def test_aliases_free_nothing_and_the_last_one_everything() -> None:
    one, two = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
    weights = {"base": (one,), "base-8k": (one,), "other": (two,)}
    assert [freed_bytes(name, 4 * GB, weights, {}) for name in weights] == [0, 0, 4 * GB]
    assert freed_bytes("untold", 4 * GB, {**weights, "untold": ()}, {}) is None
    assert sharers("base", weights, {"base": "a", "base-8k": "b", "other": "c"}) == ("base-8k",)
    files = {name: read_manifest(encoded(manifest(name * 64, template="f" * 64))) for name in ("1", "2")}
    assert freed_bytes("1", 0, {"1": (), "2": ()}, files) == 4 * GB


def test_the_modelfile_names_blobs_and_the_folder_on_every_system() -> None:
    folder = "/usr/share/ollama/.ollama/models"
    text = f"# FROM x\n\nFROM {folder}/blobs/sha256-{'1' * 64}\nADAPTER /a/blobs/sha256-{'2' * 64}\n"
    assert blobs_of(text) == ((f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"), folder)
    windows = f"FROM C:\\Users\\me\\.ollama\\models\\blobs\\sha256-{'1' * 64}\r\n"
    assert blobs_of(windows) == ((f"sha256:{'1' * 64}",), "C:\\Users\\me\\.ollama\\models")
    assert blobs_of("FROM llama3\n") == ((), "")

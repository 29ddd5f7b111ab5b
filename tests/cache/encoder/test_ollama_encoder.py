"""An embedding model of Ollama as the encoder: over the socket, and what goes wrong is said with what to do."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from gateway_core.cache.encoder.embedder import EncoderError
from gateway_core.cache.encoder.ollama_encoder import ModelChanged, OllamaEncoder


class FakeOllama:
    """Answers as Ollama 0.32 does. ``embed`` is the status and body of ``/api/embed``, None for vectors."""

    def __init__(self) -> None:
        self.digest = "d1"
        self.row: list[Any] = [3.0, 4.0]
        self.refusal: tuple[int, dict[str, Any]] | None = None
        self.asked: list[dict[str, Any]] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:
                pass

            def _send(self, status: int, body: object) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self) -> None:
                self._send(200, {"models": [{"name": "bge-m3:latest", "digest": fake.digest}]})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                fake.asked.append(body)
                self._send(*(fake.refusal or (200, {"embeddings": [fake.row for _ in body["input"]]})))

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def ollama(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOllama]:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    fake = FakeOllama()
    yield fake
    fake.close()


def test_texts_become_vectors_of_length_1_past_every_proxy(ollama: FakeOllama) -> None:
    encoder = OllamaEncoder("bge-m3", f"{ollama.url}/")
    assert encoder.dimensions == 2
    assert encoder.encode(["a", "b"]) == [[pytest.approx(0.6), pytest.approx(0.8)]] * 2
    assert ollama.asked[-1] == {"model": "bge-m3", "input": ["a", "b"], "truncate": False}


def test_another_model_of_the_same_name_has_another_fingerprint_and_is_never_mixed(ollama: FakeOllama) -> None:
    encoder = OllamaEncoder("bge-m3", ollama.url)
    ollama.digest = "d2"
    with pytest.raises(ModelChanged):
        encoder.encode(["a"])
    assert OllamaEncoder("bge-m3:latest", ollama.url).fingerprint != encoder.fingerprint


def test_vectors_of_another_length_are_never_mixed(ollama: FakeOllama) -> None:
    encoder = OllamaEncoder("bge-m3", ollama.url)
    ollama.row = [1.0, 2.0, 3.0]
    with pytest.raises(ModelChanged):
        encoder.encode(["a"])


def test_a_model_that_is_not_there_yet_is_to_be_pulled(ollama: FakeOllama) -> None:
    with pytest.raises(EncoderError, match="`ollama pull nomic`") as missing:
        OllamaEncoder("nomic", ollama.url)
    assert missing.value.is_passing


def test_a_server_that_does_not_run_yet_may_come() -> None:
    with pytest.raises(EncoderError, match="does not answer: start it") as away:
        OllamaEncoder("bge-m3", "http://127.0.0.1:9")
    assert away.value.is_passing


def test_a_model_that_cannot_embed_is_said_to_be_the_wrong_one(ollama: FakeOllama) -> None:
    ollama.refusal = (501, {"error": "This server does not support embeddings. Start it with `--embeddings`"})
    with pytest.raises(EncoderError, match="cannot embed. Choose an embedding model") as wrong:
        OllamaEncoder("bge-m3", ollama.url)
    assert not wrong.value.is_passing


@pytest.mark.parametrize("row", [[], [0.0, 0.0], ["a"], None, [math.nan, 1.0], [math.inf, 1.0]])
def test_what_is_no_vector_is_never_kept(ollama: FakeOllama, row: Any) -> None:
    encoder = OllamaEncoder("bge-m3", ollama.url)
    ollama.row = row
    with pytest.raises(EncoderError):
        encoder.encode(["a"])

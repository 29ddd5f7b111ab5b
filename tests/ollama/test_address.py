"""Where the local server is looked for."""

from __future__ import annotations

import pytest

from gateway_core.ollama.address import local_base_url
from gateway_core.settings import DEFAULT_LOCAL_URL, Settings


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("127.0.0.1:1234", "http://127.0.0.1:1234/v1"),
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        (":5000", "http://127.0.0.1:5000/v1"),
        ("https://box.example", "https://box.example:443/v1"),
        ("http://box:11434/", "http://box:11434/v1"),
        ("[::]:11434", "http://[::1]:11434/v1"),
        ("box:notaport", "http://127.0.0.1:11434/v1"),
    ],
)
def test_ollama_host_is_read_as_ollama_reads_it(value: str, url: str) -> None:
    found = Settings.model_construct(ollama_host=value, local_llm_url=DEFAULT_LOCAL_URL, _fields_set={"ollama_host"})
    assert local_base_url(found) == url


def test_local_llm_url_wins_over_ollama_host() -> None:
    both = Settings.model_construct(
        ollama_host="box", local_llm_url="http://127.0.0.1:1234/v1", _fields_set={"ollama_host", "local_llm_url"}
    )
    assert local_base_url(both) == "http://127.0.0.1:1234/v1"

"""Where the local server is: `LOCAL_LLM_URL`, else Ollama's own `OLLAMA_HOST`."""

from __future__ import annotations

from urllib.parse import urlsplit

from gateway_core.settings import Settings

OLLAMA_PORT = 11434
_ANY = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "[::]": "[::1]", "": "127.0.0.1"}
"""Addresses a server listens on and nobody can call."""


def local_base_url(settings: Settings) -> str:
    """The OpenAI-compatible base URL of the local server, without a slash at its end."""
    if settings.ollama_host and "local_llm_url" not in settings.model_fields_set:
        return f"{_from_ollama_host(settings.ollama_host)}/v1"
    return settings.local_llm_url.rstrip("/")


def root_of(base_url: str) -> str:
    """The server's root, where its native API is."""
    return base_url.removesuffix("/v1")


def is_loopback(url: str) -> bool:
    """Whether a URL is of this machine, whose memory then is the server's."""
    return (urlsplit(url).hostname or "") in ("127.0.0.1", "localhost", "::1")


def _from_ollama_host(value: str) -> str:
    """`OLLAMA_HOST` as Ollama reads it: scheme and port may be missing, a bare port too."""
    text = value.strip().strip("\"'")
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "http", text
    default_port = {"http": 80, "https": 443}.get(scheme, OLLAMA_PORT) if separator else OLLAMA_PORT
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname or "", parts.port or default_port
    except ValueError:
        return f"http://127.0.0.1:{OLLAMA_PORT}"
    bracketed = f"[{host}]" if ":" in host and host not in _ANY else host
    return f"{scheme}://{_ANY.get(bracketed, bracketed)}:{port}{parts.path.rstrip('/')}"

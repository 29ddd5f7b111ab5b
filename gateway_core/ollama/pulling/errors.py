"""Why a pull failed, in words that say what to do; the server's own words follow (recordings of Ollama 0.32.15)."""

from __future__ import annotations

import re

_GOES_ON = "then pull again: it goes on where it ended"
_KNOWN = (
    (r"invalid model name", "{model} is no model's name: write NAME or NAME:TAG, for example qwen3:8b."),
    (
        r"no space left|disk quota|not enough (?:disk )?space|disk full",
        f"The disk where the models are kept is full: delete a model, {_GOES_ON}.",
    ),
    (
        r"newer version of ollama|pull model manifest: 412",
        "{model} needs a newer Ollama: update it, then pull again.",
    ),
    (
        r"/token\?|\b401\b|\b403\b|unauthorized|authentication|access denied|not authorized",
        "The registry wants to know who asks for {model}: sign in with `ollama signin`, or check the name.",
    ),
    (
        r"digest mismatch",
        "What has arrived of {model} is damaged: pull again, only the damaged layer is loaded anew.",
    ),
    (
        r"max retries exceeded|unexpected eof|connection reset|closed the connection|connection broke",
        "The connection broke off and did not come back: pull again, it goes on where it ended.",
    ),
    (
        r"server gave http response to https|tls handshake|x509",
        "The registry does not answer as one over HTTPS does: check the name, and what stands between (a proxy).",
    ),
    (
        r"proxyconnect",
        f"The proxy that Ollama was started with does not answer: check HTTPS_PROXY of Ollama, {_GOES_ON}.",
    ),
    (
        r"nothing listens there|no answer in time",
        f"Ollama is gone: start it, {_GOES_ON}.",
    ),
    (
        r"no such host|dial tcp|network is unreachable|no route to host|i/o timeout|connection refused|lookup ",
        f"Ollama cannot reach the registry: check the network, {_GOES_ON}.",
    ),
    (
        r"permission denied|read-only file system",
        "Ollama may not write where it keeps its models: mend that folder's rights, then pull again.",
    ),
    (
        r"file does not exist|manifest unknown|not found|\b404\b",
        "There is no {model} at the registry: look for the name and the tag at https://ollama.com/search.",
    ),
    (r"\b5\d\d\b|registry exploded", "The registry failed: pull again later, it goes on where it ended."),
)


def explain(error: str, model: str) -> str:
    """What went wrong and what to do, with the server's words in brackets."""
    for pattern, advice in _KNOWN:
        if re.search(pattern, error, re.IGNORECASE):
            return f"{advice.format(model=model)} ({error})"
    return f"{model} could not be pulled: {error}. Pull again: it goes on where it ended."

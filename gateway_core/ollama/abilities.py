"""What can be done with the models of each kind of server, and why not where it cannot.

From the products' own documentation, 2026-11: LM Studio's REST API v0 and v1 and `lms`, LocalAI's operations pages,
vLLM's and llama.cpp's server pages.
"""

from __future__ import annotations

from gateway_core.local_values import ABILITIES, Ability

PRODUCTS = {
    "ollama": "Ollama",
    "lmstudio": "LM Studio",
    "localai": "LocalAI",
    "vllm": "vLLM",
    "llamacpp": "llama.cpp's server",
    "builtin": "The built-in model",
}
_ONLY_ASKED = "loads a model when it is first asked for"
_INSTEAD: dict[str, dict[str, str]] = {
    "lmstudio": {
        "load": f"it {_ONLY_ASKED}, or with `lms load NAME`",
        "unload": "use `lms unload NAME`",
        "pin": "load it with `lms load NAME` and no --ttl: it stays",
        "num_ctx": "the context is set when a model is loaded: `lms load NAME --context-length TOKENS`",
        "pull": "get models in LM Studio, or with `lms get NAME`",
        "delete": "delete models in LM Studio, under My Models",
        "fit": "ask it with `lms load NAME --estimate-only`",
    },
    "localai": {
        "load": f"it {_ONLY_ASKED}",
        "unload": "stop the model's backend on LocalAI's web page",
        "pin": "set its watchdog, LOCALAI_WATCHDOG_IDLE, to false",
        "num_ctx": "set `context_size` in the model's YAML file",
        "pull": "install models on LocalAI's web page, or with `local-ai models install NAME`",
        "delete": "delete models on LocalAI's web page",
        "fit": "LocalAI's web page tells what a model needs",
    },
    "vllm": {
        "load": "it serves the models it was started with: `vllm serve NAME`",
        "unload": "stop `vllm serve` to free its memory",
        "pin": "its models stay as long as it runs",
        "num_ctx": "start it with `--max-model-len TOKENS`",
        "pull": "it loads from Hugging Face when it is started: `vllm serve NAME`",
        "delete": "delete models from Hugging Face's cache: `hf cache delete`",
        "fit": "it says so itself when it is started",
    },
    "llamacpp": {
        "load": "it serves the model of `llama-server -m FILE`, or loads one when it is first asked for",
        "unload": "stop `llama-server` to free its memory",
        "pin": "its model stays as long as it runs",
        "num_ctx": "start it with `-c TOKENS`",
        "pull": "start it with `-hf USER/MODEL`: it downloads the model",
        "delete": "delete the model's file",
        "fit": "it says so itself when it is started",
    },
    "builtin": {
        "switch": "it is the only one while no local server answers",
        "load": "it is loaded while no local server answers",
        "unload": "set BUILTIN_MODEL to off to be without it",
        "pin": "it stays while no local server answers",
        "num_ctx": "set BUILTIN_CONTEXT_TOKENS",
        "pull": "start Ollama to pull models",
        "delete": "it is a part of llmgw",
        "fit": "start Ollama to see what it would need",
    },
    "other": dict.fromkeys(ABILITIES[1:], "do that in its own program"),
}


def abilities(product: str, manages: frozenset[str] = frozenset(), *, native_chat: bool = True) -> tuple[Ability, ...]:
    """What can be done there. ``manages`` are abilities of a server that is not Ollama, beyond switching.

    Without a chat of Ollama's own no request can say which context it wants.
    """
    if product == "ollama":
        why = (
            ""
            if native_chat
            else "This Ollama has no /api/chat of its own: the context is what its models are made with"
        )
        return tuple(Ability(name, why if name == "num_ctx" else "") for name in ABILITIES)
    instead = _INSTEAD.get(product, _INSTEAD["other"])
    who = PRODUCTS.get(product, "This server")
    return tuple(
        Ability(name, f"{who} is not Ollama: {instead[name]}." if name in instead and name not in manages else "")
        for name in ABILITIES
    )


def absent(why: str) -> tuple[Ability, ...]:
    """While nothing answers nothing can be done; ``why`` says what to do first."""
    return tuple(Ability(name, why) for name in ABILITIES)

"""The built-in model's own process: llama.cpp's OpenAI-compatible server on loopback, until standard input ends.

Run as a script by :mod:`gateway_core.providers.builtin`; imports nothing of the gateway. The first line of standard
input is the key that clients must send: an argument could be read by other users. Standard input then stays open for as
long as the parent lives, however it dies. The only line on standard output is the address, once the model is loaded.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading

PROMPT_CACHE_MIB = 1024
"""Prompts kept outside the slot: after a recap the next turn costs a copy, not a new prefill (.4 s instead of 240)."""
PING_S = 10
TEMPERATURE, TOP_P, REPEAT_PENALTY = 0.2, 0.9, 1.1
"""What SmolLM2's authors advise, and a penalty that keeps so small a model out of loops. Callers may set their own."""
DEFAULT_OUTPUT_TOKENS = 1024


def main() -> None:
    """Serves until standard input ends."""
    options = _arguments()
    key = sys.stdin.readline().strip()
    if not key:
        sys.exit("no key was given on standard input")
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        import xllamacpp  # type: ignore[import-untyped]
    except ImportError as error:
        sys.exit(f"xllamacpp cannot be loaded: {error}")
    server = xllamacpp.Server(_parameters(options, key))
    print(server.listening_address, flush=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    threading.Event().wait()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--context", type=int, required=True)
    parser.add_argument("--trained-context", type=int, required=True)
    return parser.parse_args()


def _parameters(options: argparse.Namespace, key: str):  # type: ignore[no-untyped-def]
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = options.weights
    params.model_alias = {options.name}
    params.hostnames = ["127.0.0.1"]
    params.port = options.port
    params.api_keys = [key]
    params.cors_origins = ""
    params.ui = False
    params.endpoint_slots = False
    params.verbosity = 2
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = 1
    params.cache_ram_mib = PROMPT_CACHE_MIB
    params.sse_ping_interval = PING_S
    params.n_predict = DEFAULT_OUTPUT_TOKENS
    params.sampling.temp, params.sampling.top_p = TEMPERATURE, TOP_P
    params.sampling.penalty_repeat = REPEAT_PENALTY
    params.n_ctx = options.context
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_ENABLED
    if options.context > options.trained_context:
        params.rope_scaling_type = xllamacpp.llama_rope_scaling_type.LLAMA_ROPE_SCALING_TYPE_YARN
        params.rope_freq_scale = options.trained_context / options.context
        params.yarn_orig_ctx = options.trained_context
    return params


def _end_with_parent() -> None:
    """Ends this process at once when the parent has gone: the system then closes the other end of standard input."""
    while sys.stdin.readline():
        pass
    os._exit(0)


if __name__ == "__main__":
    main()

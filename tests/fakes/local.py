"""Frozen local servers: Ollama with models loaded and pulls running, none, LM Studio, and hostile ones."""

from __future__ import annotations

from dataclasses import replace

from gateway_core.model import (
    ABILITIES,
    Ability,
    Fit,
    FitVerdict,
    LayerState,
    LocalModel,
    LocalServer,
    Machine,
    ModelSpeed,
    PullLayer,
    PullStatus,
    UpdateCheck,
)

GB = 1_000_000_000
DAY_S = 86_400.0
ALL = tuple(Ability(name) for name in ABILITIES)


def models(now: float) -> tuple[LocalModel, ...]:
    """Loaded and not, pinned, shared, unused and with a newer version."""
    return (
        LocalModel(
            "qwen3:8b", 5_225_000_000, True, 6_100_000_000, 32_768, "8.2B", "Q4_K_M",
            ("completion", "tools", "thinking"), now + 247, digest="500a1f067a9f" + "0" * 52, family="qwen3",
            modified_at=now - 40 * DAY_S,
            memory_bytes=8_700_000_000, trained_context=40_960, num_ctx=32_768, last_used_at=now - 41,
            speed=ModelSpeed(41.3, 214, 910.0, 180, now - 41), unused_days=0, update=UpdateCheck(now - 3_600, False),
            frees_bytes=5_225_000_000, in_flight=1,
        ),
        LocalModel(
            "nomic-embed-text:latest", 274_000_000, True, 274_000_000, 2_048, "137M", "F16", ("embedding",), now + 31,
            family="nomic-bert", memory_bytes=274_000_000, trained_context=2_048, last_used_at=now - 260,
            unused_days=0, frees_bytes=274_000_000, modified_at=now - 90 * DAY_S,
            update=UpdateCheck(now - 3_600, False),
        ),
        LocalModel(
            "llama3.2:3b", 2_019_000_000, True, 2_600_000_000, 8_192, "3.2B", "Q4_K_M", ("completion", "tools"), None,
            family="llama", memory_bytes=2_600_000_000, trained_context=131_072, pinned=True, last_used_at=now - 7_400,
            speed=ModelSpeed(88.0, 31, None, 0, now - 7_400), unused_days=0, frees_bytes=0,
            shares_with=("llama3.2-8k:latest",), modified_at=now - 12 * DAY_S, update=UpdateCheck(now - 3_600, True),
        ),
        LocalModel(
            "llama3.2-8k:latest", 2_019_000_000, False, 0, 131_072, "3.2B", "Q4_K_M", ("completion", "tools"), None,
            family="llama", trained_context=131_072, own_context=8_192, unused_days=12, frees_bytes=0,
            shares_with=("llama3.2:3b",), modified_at=now - 12 * DAY_S,
            update=UpdateCheck(now - 3_600, None, "It was made here; the registry does not know it."),
        ),
        LocalModel(
            "gemma3:12b", 8_149_000_000, False, 0, 131_072, "12.2B", "Q4_K_M", ("completion", "vision"), None,
            family="gemma3", trained_context=131_072, last_used_at=now - 63 * DAY_S, unused_days=63, unused=True,
            frees_bytes=8_149_000_000, modified_at=now - 120 * DAY_S, update=UpdateCheck(now - 3_600, True),
            speed=ModelSpeed(12.4, 3, 140.0, 3, now - 63 * DAY_S),
        ),
    )  # fmt: skip


def pulling(now: float) -> tuple[PullStatus, ...]:
    """One that runs."""
    return (
        PullStatus(
            "qwen3:14b",
            "pulling a8cc1361f314",
            3_904_000_000,
            9_276_000_000,
            layers=(
                PullLayer("sha256:a8cc1361f3145dc01f6d77c6c82c9116b9ffe3c97b34716fe20418455876c40e", 9_276_000_000,
                          3_904_000_000, LayerState.PULLING),
                PullLayer("sha256:ae370d884f108d16e7cc8fd5259ebc5773a0afa6e078b11f4ed7e39a27e0dfc4", 1_723, 0,
                          LayerState.WAITING),
                PullLayer("sha256:d18a5cc71b84bc4af394a31116bd3932b42241de70c77d2b76d69a314ec8aa12", 11_338, 11_338,
                          LayerState.THERE, 11_338),
            ),
            total_known=True,
            share=0.4208,
            bytes_per_s=12_300_000.0,
            eta_s=437.0,
            started_at=now - 318,
        ),
    )  # fmt: skip


def pulls(now: float) -> tuple[PullStatus, ...]:
    """Running, stalled, failed and interrupted."""
    running = pulling(now)[0]
    stalled = replace(
        running,
        model="hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q6_K",
        total_known=False,
        layers=(
            PullLayer("sha256:11" + "1" * 62, 2_643_000_000, 2_643_000_000, LayerState.DONE),
            PullLayer("sha256:22" + "2" * 62, 1_200_000_000, 310_000_000, LayerState.PULLING, 300_000_000),
        ),
        total_bytes=3_843_000_000,
        completed_bytes=2_953_000_000,
        share=0.7684,
        had_bytes=300_000_000,
        bytes_per_s=0.0,
        eta_s=None,
        stalled_s=12.0,
    )
    failed = PullStatus(
        "nope:1b", "failed", error="No model nope:1b in the registry: check the name on ollama.com/library. "
        "(pull model manifest: file does not exist)", done=False, started_at=now - 20, ended_at=now - 18,
    )  # fmt: skip
    interrupted = PullStatus(
        "mistral:7b", "", 2_100_000_000, 4_100_000_000, total_known=True, share=0.5121, interrupted=True,
        started_at=now - 9_000, ended_at=now - 8_000,
    )  # fmt: skip
    return (running, stalled, failed, interrupted)


def ollama(now: float) -> LocalServer:
    """Ollama on a machine with a GPU."""
    return LocalServer(
        kind="ollama",
        base_url="http://127.0.0.1:11434",
        reachable=True,
        version="0.32.15",
        current_model="qwen3:8b",
        models=models(now),
        pulls=pulling(now),
        product="ollama",
        abilities=ALL,
        machine=Machine(
            33_400_000_000, 19_200_000_000, 12_900_000_000, 3_700_000_000, "NVIDIA GeForce RTX 4070", False,
            "/home/me/.ollama/models", 212_000_000_000,
        ),
        looked_at=now - 1,
        looks_every_s=3.0,
    )  # fmt: skip


def absent(now: float) -> LocalServer:
    """No server: the built-in model stands in."""
    no = "The built-in model is not Ollama: start Ollama to pull models."
    return LocalServer(
        kind="builtin",
        base_url="http://127.0.0.1:40001/v1",
        reachable=True,
        current_model="smollm2-360m",
        models=(
            LocalModel(
                "smollm2-360m", 271_000_000, True, 0, 24_576, "360M", "Q4_K_M", ("completion",), builtin=True,
                memory_bytes=410_000_000,
            ),
        ),
        product="builtin",
        abilities=tuple(Ability(name, no) for name in ABILITIES),
        why_absent="Ollama is installed here and does not run.",
        how_to_start=("Start it with `sudo systemctl start ollama`.", "Start it with `ollama serve`."),
        looked_at=now - 2,
        looks_every_s=3.0,
    )  # fmt: skip


def nothing(now: float) -> LocalServer:
    """No server, and no built-in model either."""
    return replace(absent(now), kind="ollama", product="", reachable=False, models=(), current_model=None)


def lm_studio(now: float) -> LocalServer:
    """A server that lists and serves models, and manages them elsewhere."""
    why = {
        "load": "LM Studio is not Ollama: it loads a model when it is first asked for, or with `lms load NAME`.",
        "unload": "LM Studio is not Ollama: use `lms unload NAME`.",
        "pin": "LM Studio is not Ollama: load it with `lms load NAME` and no --ttl: it stays.",
        "num_ctx": "LM Studio is not Ollama: use `lms load NAME --context-length TOKENS`.",
        "pull": "LM Studio is not Ollama: get models in LM Studio, or with `lms get NAME`.",
        "delete": "LM Studio is not Ollama: delete models in LM Studio, under My Models.",
        "fit": "LM Studio is not Ollama: ask it with `lms load NAME --estimate-only`.",
    }
    return LocalServer(
        kind="openai",
        base_url="http://127.0.0.1:1234/v1",
        reachable=True,
        current_model="qwen3-4b-2507",
        models=(
            LocalModel(
                "qwen3-4b-2507", 0, True, 0, 8_192, "", "4bit", ("completion", "tools"), trained_context=262_144
            ),
            LocalModel("gemma-3-12b-it", 0, False, 0, 131_072, "", "Q4_K_M", ("completion", "vision")),
            LocalModel("text-embedding-nomic-embed-text-v1.5", capabilities=("embedding",)),
        ),
        product="lmstudio",
        abilities=tuple(Ability(name, why.get(name, "")) for name in ABILITIES),
        looked_at=now - 1,
        looks_every_s=3.0,
    )


def fits(model: str) -> Fit:
    """It fits, partly on the GPU."""
    return Fit(
        model, FitVerdict.PARTLY, "Fits, but only a part of it on the GPU, which is slower: it takes 12.4 GB with a "
        "context of 16,384 tokens; free are 19.2 GB of memory and 3.7 GB of VRAM.",
        16_384, 9_300_000_000, 3_100_000_000, True, 19_200_000_000, 3_700_000_000, 9_276_000_000, 212_000_000_000,
    )  # fmt: skip


def hostile(server: LocalServer, evil: str) -> LocalServer:
    """Every text of ``server`` tries to talk to the terminal."""
    return replace(
        server,
        version=evil,
        detail=evil,
        product=server.product or evil,
        machine=replace(server.machine, gpu=evil, models_folder=evil),
        why_absent=evil,
        how_to_start=(evil, evil),
        abilities=tuple(Ability(one.name, one.why_not and evil) for one in server.abilities),
        models=tuple(
            replace(
                one, name=evil + one.name, family=evil, quantization=evil, parameter_size=evil, digest=evil,
                capabilities=(*one.capabilities, evil), shares_with=(evil,),
                update=UpdateCheck(None, None, evil),
            )
            for one in server.models
        ),
        pulls=tuple(
            replace(
                one, model=evil + one.model, status=evil, error=one.error and evil,
                layers=tuple(replace(layer, digest=evil) for layer in one.layers),
            )
            for one in server.pulls
        ),
    )  # fmt: skip

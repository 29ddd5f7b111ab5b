"""The list of local models, its order and filter, and the state of the server that has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.segment import Segment
from textual.strip import Strip

from gateway_core.model import LocalModel, LocalServer, Machine, Snapshot, Tier
from llmgw_tui.panes.columns import Cell, Column, Listing, listing
from llmgw_tui.panes.draw import Look, between, joined, line, text_segment
from llmgw_tui.text import context, duration, percent, preview, size
from llmgw_tui.theme import (
    BAD_STYLE,
    BRIGHT_STYLE,
    DEMO_STYLE,
    GOOD_STYLE,
    MUTED_STYLE,
    TEXT_STYLE,
    TIER_KEYS,
    TIER_STYLES,
    WARN_STYLE,
)

PRODUCTS = {
    "ollama": "Ollama",
    "lmstudio": "LM Studio",
    "localai": "LocalAI",
    "vllm": "vLLM",
    "llamacpp": "llama.cpp",
    "builtin": "built-in model",
    "other": "OpenAI-compatible",
}
KINDS = {"ollama": "Ollama", "openai": "OpenAI-compatible", "builtin": "built-in model"}
CAPABILITIES = {
    "completion": "C",
    "tools": "T",
    "vision": "V",
    "embedding": "E",
    "thinking": "K",
    "insert": "I",
}
"""A letter each, in this order; what is not known here shows as ``+``."""
SOON_S = 60.0
"""A model that is unloaded sooner than this is marked."""

LEGEND = (
    *((name, letter) for name, letter in CAPABILITIES.items()),
    ("newer version", "N"),
    ("days unused", "42d"),
    ("serves LOCAL", "L"),
    ("serves CHEAP", "C"),
)
"""Of the letters, what they mean."""

COLUMNS = (
    Column("tiers", "", 2),
    Column("state", "", 1),
    Column("name", "model", 0),
    Column("expiry", "unloads", 8, 44),
    Column("size", "size", 8, 34, right=True),
    Column("gpu", "VRAM", 5, 60, right=True),
    Column("parameters", "params", 7, 112, right=True),
    Column("quantization", "quant", 8, 100),
    Column("context", "context", 11, 66, right=True),
    Column("num_ctx", "num_ctx", 7, 104, right=True),
    Column("capabilities", "can", 6, 74),
    Column("speed", "tok/s", 6, 52, right=True),
    Column("used", "used", 7, 92, right=True),
    Column("stale", "stale", 5, 78),
)


def _last_used(model: LocalModel) -> tuple[float, str]:
    return (-(model.last_used_at or 0.0), model.name)


def _speed(model: LocalModel) -> tuple[float, str]:
    return (-(model.speed.tokens_per_s or 0.0), model.name)


ORDERS: Mapping[str, Callable[[LocalModel], tuple[float | int | str, ...]]] = {
    "loaded": lambda model: (not model.loaded, model.name),
    "name": lambda model: (model.name,),
    "size": lambda model: (-model.size_bytes, model.name),
    "last used": _last_used,
    "speed": _speed,
}
"""The list's orders, the first when the screen opens."""
ORDER_OF = {"expiry": "loaded", "name": "name", "size": "size", "used": "last used", "speed": "speed"}
"""By the columns that show what they go by."""


def ordered(models: Sequence[LocalModel], order: str, searched: str) -> tuple[LocalModel, ...]:
    """Those that match every word of ``searched``, by name, family, quantisation or what they can do."""
    words = searched.casefold().split()
    found = [model for model in models if all(word in _words(model) for word in words)]
    return tuple(sorted(found, key=ORDERS[order]))


def _words(model: LocalModel) -> str:
    state = ["loaded" if model.loaded else "", "unused" if model.unused else "", "newer" if model.update.newer else ""]
    return " ".join(
        (model.name, model.family, model.quantization, model.parameter_size, *model.capabilities, *state)
    ).casefold()


def server_name(server: LocalServer) -> str:
    """The product as a person knows it, never empty."""
    if not (server.reachable or server.product):
        return "local server"
    return PRODUCTS.get(server.product) or KINDS.get(server.kind) or preview(server.product or server.kind)


def is_absent(server: LocalServer) -> bool:
    """No server of the person's own answers; the built-in model may stand in."""
    return not server.reachable or server.kind == "builtin"


def served_tiers(snapshot: Snapshot) -> dict[str, tuple[str, ...]]:
    """Names of local models and the tiers that they serve now."""
    found: dict[str, tuple[str, ...]] = {}
    if current := snapshot.local.current_model:
        found[current] = (Tier.LOCAL.value,)
    for tier in snapshot.tiers:
        provider, _, name = tier.target.partition("/")
        if tier.name != Tier.LOCAL and provider == "local" and name:
            found[name] = (*found.get(name, ()), tier.name)
    return found


def manages(server: LocalServer, ability: str) -> bool:
    """Whether the server can do it, as far as that is known."""
    return not server.abilities or server.ability(ability).can


def models_list(
    snapshot: Snapshot, models: Sequence[LocalModel], look: Look, width: int, nothing: tuple[Strip, ...]
) -> Listing:
    """``models`` as rows; ``nothing`` where there is none."""
    tiers = served_tiers(snapshot)
    server = snapshot.local
    rows = listing(
        COLUMNS,
        models,
        lambda at: _cells(models[at], server, tiers.get(models[at].name, ()), look),
        look,
        width,
        "",
        orders=ORDER_OF,
    )
    return Listing(rows.head if models else (), rows.many, rows.row, nothing)


def _cells(model: LocalModel, server: LocalServer, tiers: Sequence[str], look: Look) -> dict[str, Cell]:
    glyphs = look.glyphs
    letters = "".join(TIER_KEYS.get(tier, "?") for tier in tiers)
    name_style = BRIGHT_STYLE if tiers else TEXT_STYLE if model.loaded else MUTED_STYLE
    speed = model.speed.tokens_per_s
    return {
        "tiers": (letters, TIER_STYLES[tiers[0]] if tiers and tiers[0] in TIER_STYLES else MUTED_STYLE),
        "state": (glyphs.on, GOOD_STYLE) if model.loaded else (glyphs.off, MUTED_STYLE),
        "name": (preview(model.name), name_style),
        "expiry": expiry(model, server, look.now),
        "size": (size(model.size_bytes) if model.size_bytes else "", TEXT_STYLE),
        "gpu": (gpu_words(model), MUTED_STYLE),
        "parameters": (preview(model.parameter_size), MUTED_STYLE),
        "quantization": (preview(model.quantization), MUTED_STYLE),
        "context": (context_words(model), TEXT_STYLE if model.loaded else MUTED_STYLE),
        "num_ctx": num_ctx(model) if manages(server, "num_ctx") else ("", MUTED_STYLE),
        "capabilities": (letters_of(model), TEXT_STYLE),
        "speed": (f"{speed:.1f}" if speed else "", BRIGHT_STYLE),
        "used": (_ago(model.last_used_at, look.now), MUTED_STYLE),
        "stale": (stale_words(model), WARN_STYLE),
    }


def expiry(model: LocalModel, server: LocalServer, now: float) -> Cell:
    """When it is unloaded, counting down; ``pinned`` and ``stays`` where it is not; empty where nobody says."""
    if model.builtin:
        return ("built-in", DEMO_STYLE)
    if model.expires_at is None and not manages(server, "pin"):
        return ("", MUTED_STYLE)
    if not model.loaded:
        return ("pinned" if model.pinned else "", WARN_STYLE)
    if model.expires_at is None:
        return ("pinned" if model.pinned else "stays", GOOD_STYLE)
    left = model.expires_at - now
    if left <= 0:
        return ("ending", WARN_STYLE)
    return (duration(left), WARN_STYLE if left < SOON_S else TEXT_STYLE)


def gpu_words(model: LocalModel) -> str:
    """The part of its memory on a GPU; empty while that is not known."""
    share = model.gpu_share
    return "" if share is None or model.builtin else percent(share)


def context_words(model: LocalModel) -> str:
    """``8k/128k``: in force of trained; the latter alone while it is not loaded."""
    trained = model.trained_context
    if not model.loaded or model.context_length is None:
        known = trained or model.context_length
        return context(known) if known else ""
    return f"{context(model.context_length)}/{context(trained)}" if trained else context(model.context_length)


def num_ctx(model: LocalModel) -> Cell:
    """What the operator chose, or the model was made with."""
    if model.num_ctx:
        return (context(model.num_ctx), BRIGHT_STYLE)
    return ("auto", MUTED_STYLE)


def letters_of(model: LocalModel) -> str:
    """Its capabilities as letters; a dot for each that it has not would say nothing more."""
    known = "".join(letter for name, letter in CAPABILITIES.items() if name in model.capabilities)
    return known + ("+" if any(name not in CAPABILITIES for name in model.capabilities) else "")


def stale_words(model: LocalModel) -> str:
    """``N`` where the registry has a newer one, and the days where it is long unused."""
    newer = "N" if model.update.newer else ""
    unused = f"{model.unused_days}d" if model.unused and model.unused_days is not None else ""
    return f"{newer} {unused}".strip()


def legend(width: int) -> Strip:
    """What the letters of the list mean."""
    gap = Segment("  ", MUTED_STYLE)
    parts = [[text_segment(f" {letter} ", TEXT_STYLE), text_segment(name, MUTED_STYLE)] for name, letter in LEGEND]
    return line(width, *joined(parts, width, gap))


# --- the server ----------------------------------------------------------------------------------------------------


def summary(server: LocalServer, look: Look, width: int) -> tuple[Strip, Strip]:
    """Two lines: the server and what it has, and the machine's memory and disk."""
    gap = Segment(f"  {look.glyphs.dot}  ", MUTED_STYLE)
    return (
        line(width, Segment(" ", TEXT_STYLE), *joined(_server(server, look), width - 1, gap)),
        between(
            width,
            [Segment(" ", TEXT_STYLE), *joined(_machine(server.machine), width - 1, gap)],
            _folder(server.machine),
        ),
    )


def _server(server: LocalServer, look: Look) -> list[list[Segment]]:
    glyphs, absent = look.glyphs, is_absent(server)
    up = [text_segment(f"{glyphs.on} up", GOOD_STYLE)]
    down = [text_segment(f"{glyphs.off} no local server", BAD_STYLE)]
    loaded = [model for model in server.models if model.loaded]
    memory = sum(model.memory_bytes for model in loaded)
    name_style = DEMO_STYLE if server.kind == "builtin" else BRIGHT_STYLE
    name = [text_segment(server_name(server), name_style)]
    if server.version:
        name.append(text_segment(f" {preview(server.version)}", TEXT_STYLE))
    parts = [[*name, Segment("  ", TEXT_STYLE), *(down if absent else up)] if server.reachable else down]
    if absent and server.looks_every_s:
        parts.append([text_segment(looking(server, look.now), WARN_STYLE)])
    if server.models:
        disk = sum(model.size_bytes for model in server.models if not model.shares_with or model.frees_bytes)
        words = f"{len(server.models)} model{'' if len(server.models) == 1 else 's'}"
        parts.append([text_segment(f"{words}, {size(disk)}" if disk else words, TEXT_STYLE)])
        parts.append([text_segment(f"{len(loaded)} loaded" + (f", {size(memory)}" if memory else ""), TEXT_STYLE)])
    parts.append([text_segment(preview(server.detail or server.base_url), MUTED_STYLE)])
    return parts


def looking(server: LocalServer, now: float) -> str:
    """That it keeps looking, and how often; empty while it does not."""
    if not server.looks_every_s:
        return ""
    every = f"looks every {server.looks_every_s:.0f} s"
    if server.looked_at is None:
        return every
    return f"{every}, last {max(0.0, now - server.looked_at):.0f} s ago"


def _machine(machine: Machine) -> list[list[Segment]]:
    parts = []
    if machine.available_bytes is not None:
        parts.append(_free("memory", machine.available_bytes, machine.memory_bytes))
    if machine.unified and machine.vram_bytes:
        parts.append([text_segment(f"of it up to {size(machine.vram_bytes)} for the GPU", MUTED_STYLE)])
    elif machine.vram_bytes or machine.vram_available_bytes:
        parts.append(_free("VRAM", machine.vram_available_bytes, machine.vram_bytes))
    elif machine.available_bytes is not None:
        parts.append([text_segment("no GPU found", MUTED_STYLE)])
    if machine.disk_free_bytes is not None:
        style = WARN_STYLE if machine.disk_free_bytes < 10_000_000_000 else TEXT_STYLE
        parts.append([text_segment("disk ", MUTED_STYLE), text_segment(f"{size(machine.disk_free_bytes)} free", style)])
    if machine.gpu:
        parts.append([text_segment(preview(machine.gpu), MUTED_STYLE)])
    return parts or [[text_segment("memory and disk unknown", MUTED_STYLE)]]


def _free(name: str, free: int | None, total: int | None) -> list[Segment]:
    left = "?" if free is None else size(free)
    of = f" of {size(total)}" if total else ""
    left = left.removesuffix(of[-3:]) if of[-3:] == left[-3:] else left
    return [text_segment(f"{name} ", MUTED_STYLE), text_segment(f"{left}{of} free", TEXT_STYLE)]


def _folder(machine: Machine) -> list[Segment]:
    return [text_segment(f"{preview(machine.models_folder)} ", MUTED_STYLE)] if machine.models_folder else []


def _ago(at: float | None, now: float) -> str:
    return "" if at is None else duration(now - at)

"""Values of local models: the server, its models, what is being pulled, and whether a model fits.

Sizes are in bytes, times Unix seconds unless the name says ``_s``. Texts of the server are foreign: names, ``status``
and errors are to be cleaned before they are drawn.
"""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum

from gateway_core.frozen import frozen


class PullState(StrEnum):
    """Where a pull stands."""

    STARTING = "starting"
    """Asked for; no layer has been named yet."""
    PULLING = "pulling"
    VERIFYING = "verifying"
    """All bytes are there; digests are being checked and the manifest is written."""
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """It ran when llmgw ended. A new pull of the same name goes on."""


class LayerState(StrEnum):
    """Where a layer of a pull stands."""

    WAITING = "waiting"
    """Known from the registry; the server has not come to it."""
    PULLING = "pulling"
    DONE = "done"
    THERE = "there"
    """It was complete before this pull began."""


@frozen
class PullLayer:
    """A layer (blob) of a model. ``completed_bytes`` never falls, but for a layer that is loaded anew."""

    digest: str
    total_bytes: int
    completed_bytes: int = 0
    state: LayerState = LayerState.PULLING
    had_bytes: int = 0
    """What of it was there when this pull began: an earlier pull's, or another model's."""


@frozen
class PullStatus:
    """A model being pulled, or lately pulled. Bytes are of all layers known so far; ``error`` ends it.

    ``error`` says what to do; ``status`` is the server's own word for what it does.
    """

    model: str
    status: str
    completed_bytes: int = 0
    total_bytes: int = 0
    error: str | None = None
    done: bool = False
    layers: tuple[PullLayer, ...] = ()
    """In the order the server takes them."""
    total_known: bool = False
    """``total_bytes`` are of the whole model (the registry told); else of the layers that were named so far."""
    share: float = 0.0
    """How much is done, 0–1. Never falls, and is 1 only at the end."""
    had_bytes: int = 0
    """What was there when this pull began: it was resumed, or shares layers with another model."""
    bytes_per_s: float | None = None
    """Over the last seconds; None until it can be told, 0 while nothing moves."""
    eta_s: float | None = None
    """For what of ``total_bytes`` is still to come; None while it cannot be told."""
    stalled_s: float = 0.0
    """How long no byte has come, from 5 s on; else 0. The server tries again in silence."""
    started_at: float = 0.0
    ended_at: float | None = None
    cancelled: bool = False
    interrupted: bool = False

    @property
    def state(self) -> PullState:
        if self.error is not None:
            return PullState.FAILED
        if self.cancelled:
            return PullState.CANCELLED
        if self.interrupted:
            return PullState.INTERRUPTED
        if self.done:
            return PullState.DONE
        if self.status.startswith(("verifying", "writing", "removing")):
            return PullState.VERIFYING
        return PullState.PULLING if self.layers else PullState.STARTING

    @property
    def running(self) -> bool:
        return not (self.done or self.error is not None or self.cancelled or self.interrupted)

    @property
    def resumable(self) -> bool:
        """Whether a new pull of the same name goes on where this one ended."""
        return self.cancelled or self.interrupted or self.error is not None

    @property
    def has_arrived(self) -> bool:
        """Whether something of it is on the disk. Of one that a restart interrupted nobody knows how much."""
        return self.completed_bytes > 0 or self.interrupted


@frozen
class ModelSpeed:
    """Measured on real answers, newer ones counting more; None until one was long enough to say something."""

    tokens_per_s: float | None = None
    """Of the answer, once it runs."""
    answers: int = 0
    """How many answers ``tokens_per_s`` was measured on."""
    prompt_tokens_per_s: float | None = None
    """Of reading the prompt, what was cached of it left out where the server tells that."""
    prompts: int = 0
    measured_at: float | None = None
    load_s: float | None = None
    """Until it was in memory, where the server tells that."""
    loads: int = 0


@frozen
class UpdateCheck:
    """What the registry says of a model's name today against what is on disk."""

    checked_at: float | None = None
    """None: not asked yet."""
    newer: bool | None = None
    """The registry has another version than the disk; None where that is not known."""
    why_unknown: str = ""


@frozen
class LocalModel:
    """A model the local server has. ``expires_at`` is None when not loaded, or when it stays."""

    name: str
    size_bytes: int = 0
    """On the disk."""
    loaded: bool = False
    size_vram_bytes: int = 0
    """Of its memory, while loaded, the part on a GPU."""
    context_length: int | None = None
    """The context in force when loaded, else the model's own limit if known."""
    parameter_size: str = ""
    quantization: str = ""
    capabilities: tuple[str, ...] = ()
    expires_at: float | None = None
    builtin: bool = False
    digest: str = ""
    """Of its contents, where the server tells it."""
    family: str = ""
    """Its architecture, for example ``llama``."""
    modified_at: float | None = None
    """When it was pulled or made."""
    memory_bytes: int = 0
    """While loaded: weights, context and buffers, in main memory and on the GPU."""
    trained_context: int | None = None
    own_context: int | None = None
    """The ``num_ctx`` the model was made with, if any."""
    num_ctx: int | None = None
    """The context the operator set; None is automatic: as large as each prompt needs."""
    pinned: bool = False
    """The operator wants it to stay loaded. It ``stays`` once that is in force."""
    speed: ModelSpeed = ModelSpeed()
    last_used_at: float | None = None
    """The last request it answered, of those that the request log holds."""
    unused_days: int | None = None
    """Whole days since it was used, or pulled where it never was; None where neither is known."""
    unused: bool = False
    """Not used for long enough to ask whether it is still needed."""
    update: UpdateCheck = UpdateCheck()
    shares_with: tuple[str, ...] = ()
    """Other models with the same weights: aliases, which take no room of their own."""
    frees_bytes: int | None = None
    """What deleting it frees on the disk; None where that is not known."""
    in_flight: int = 0
    """Requests it answers at this moment."""

    @property
    def stays(self) -> bool:
        """Loaded without an end."""
        return self.loaded and self.expires_at is None

    @property
    def gpu_share(self) -> float | None:
        """The part of its memory that is on a GPU, 0–1; None while it is not loaded or nobody knows."""
        total = self.memory_bytes or self.size_bytes
        return min(1.0, self.size_vram_bytes / total) if self.loaded and total else None


@frozen
class Ability:
    """Something that can be done with a local server's models: ``load``, ``unload``, ``pin``, ``num_ctx``, ``pull``,
    ``delete``, ``fit`` or ``switch``. ``why_not`` is empty where it can be done, else says why not and what to do
    instead."""

    name: str
    why_not: str = ""

    @property
    def can(self) -> bool:
        return not self.why_not


ABILITIES = ("switch", "load", "unload", "pin", "num_ctx", "pull", "delete", "fit")


@frozen
class Machine:
    """The memory and the disk that a local server on this machine has; None for what is not known."""

    memory_bytes: int | None = None
    available_bytes: int | None = None
    """What programs can have now without swapping."""
    vram_bytes: int | None = None
    vram_available_bytes: int | None = None
    gpu: str = ""
    """The name of the GPU, or what the VRAM was told by; empty where none was found."""
    unified: bool = False
    """GPU and programs share one memory (Apple silicon): ``vram_bytes`` is the part a GPU may take."""
    models_folder: str = ""
    disk_free_bytes: int | None = None
    """Where the models are kept."""


@frozen
class LocalServer:
    """The server behind the LOCAL tier. ``kind`` is ``ollama``, ``openai`` or ``builtin``."""

    kind: str
    base_url: str
    reachable: bool
    version: str = ""
    detail: str = ""
    current_model: str | None = None
    models: tuple[LocalModel, ...] = ()
    pulls: tuple[PullStatus, ...] = ()
    product: str = ""
    """``ollama``, ``lmstudio``, ``localai``, ``vllm``, ``llamacpp``, ``builtin`` or ``other``; empty while unknown.
    Of a server that does not answer it is what answered there before."""
    abilities: tuple[Ability, ...] = ()
    """All of :data:`ABILITIES`, in that order."""
    machine: Machine = Machine()
    why_absent: str = ""
    """While no server of the person's own answers, though the built-in model may: why, in a sentence."""
    how_to_start: tuple[str, ...] = ()
    """Then also what helps on that machine, the likeliest first; a sentence each."""
    looked_at: float | None = None
    """The last look; it is looked again every ``looks_every_s``, where that is 0 never."""
    looks_every_s: float = 0.0

    def ability(self, name: str) -> Ability:
        """Whether something can be done here, and why not."""
        unknown = Ability(name, "Not known yet: the local server was not looked at.")
        return next((ability for ability in self.abilities if ability.name == name), unknown)


class FitVerdict(StrEnum):
    """Whether a model would run here."""

    VRAM = "vram"
    """All of it on the GPU: fast."""
    PARTLY = "partly"
    """A part on the GPU, the rest in main memory: slower."""
    MEMORY = "memory"
    """In main memory: it runs, slowly."""
    TIGHT = "tight"
    """Only once other models or programs give memory back."""
    NO = "no"
    """Not on this machine, at this context."""
    UNKNOWN = "unknown"


@frozen
class Fit:
    """Whether a model fits, with the figures it was judged by; None for what is not known.

    ``why`` says the verdict in a sentence with numbers, or why there is none.
    """

    model: str
    verdict: FitVerdict
    why: str
    context_tokens: int = 0
    """The context it was judged for."""
    weights_bytes: int | None = None
    context_bytes: int | None = None
    """Keys and values of the whole context, with buffers."""
    context_estimated: bool = False
    """``context_bytes`` is a guess from the model's size: its shape is known only once it is here."""
    memory_available_bytes: int | None = None
    vram_available_bytes: int | None = None
    download_bytes: int | None = None
    """What a pull still has to bring: less than the weights where layers are here already."""
    disk_free_bytes: int | None = None
    layers: tuple[PullLayer, ...] = field(default=())
    """As the registry lists them."""

    @property
    def need_bytes(self) -> int | None:
        """Memory for weights and context."""
        return None if self.weights_bytes is None else self.weights_bytes + (self.context_bytes or 0)

    @property
    def disk_fits(self) -> bool | None:
        """Whether the download fits the disk; None where that is not known."""
        if self.download_bytes is None or self.disk_free_bytes is None:
            return None
        return self.download_bytes <= self.disk_free_bytes

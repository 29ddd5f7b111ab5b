"""The first layers of the built-in encoder: what a prompt is about, for the router, in a third of the time.

Weights trained on what two of its six layers make of a prompt tell hard from easy as well as those on all six: mean
APGR .661 and .660, cross-validated on four public sets (``make bench-router``). Near questions, which the semantic
cache looks for, need all six.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from gateway_core.cache.encoder.model_folder import WEIGHTS_SHA256

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

LAYERS = 2


def shallow_fingerprint(fingerprint: str) -> str:
    """Tells the vectors of the first layers from those of the encoder with that ``fingerprint``; empty of none."""
    return f"{fingerprint}/{LAYERS}" if fingerprint else ""


def can_be_shallow(fingerprint: str) -> bool:
    """Whether it is the model whose first layers the router's weights were made for."""
    return fingerprint == WEIGHTS_SHA256


def shorten(model: SentenceTransformer) -> SentenceTransformer:
    """The model without its later layers, pooling and all. It shares the weights of ``model``."""
    shared = {id(weight): weight for weight in model.parameters()}
    shallow: SentenceTransformer = deepcopy(model, shared)
    bert: Any = shallow.get_submodule("0.auto_model")
    bert.encoder.layer = bert.encoder.layer[:LAYERS]
    bert.set_attn_implementation("eager")  # exported, a fifth of the other one's operators does nothing
    return shallow

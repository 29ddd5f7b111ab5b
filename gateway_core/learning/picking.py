"""Which requests are picked by chance: for ever the same ones, whoever asks and however often."""

from __future__ import annotations

from hashlib import sha256

HELD_OUT_SHARE = 0.2
"""Of the labels; nothing is learned from them, so that they can say whether a head is better."""
SAMPLE_SHARE = 0.02
"""Of the requests that their difficulty alone decided. The user is asked how those were."""
SIMULATED_SAMPLE_SHARE = 0.2
"""In the demo, whose traffic is too thin to show a fiftieth of it."""


def is_held_out(request_id: str) -> bool:
    """Whether a label on this request is kept from learning."""
    return _chance("held-out", request_id) < HELD_OUT_SHARE


def is_sample(request_id: str, share: float = SAMPLE_SHARE) -> bool:
    """Whether the user is asked about this request."""
    return _chance("sample", request_id) < share


def _chance(what: str, request_id: str) -> float:
    """0 to 1, by the id alone; independent for each ``what``."""
    found = sha256(f"{what}:{request_id}".encode("utf-8", "replace")).digest()
    return int.from_bytes(found[:8]) / 2**64

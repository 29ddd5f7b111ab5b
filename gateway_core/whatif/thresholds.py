"""Which thresholds of difficulty send a share of the requests to PREMIUM."""

from __future__ import annotations

import numpy as np

from gateway_core.whatif.history import Floats

NEVER = 1.01
"""No difficulty is above 1."""


class Scale:
    """The difficulties of all requests that difficulty decides, counted once."""

    def __init__(self, difficulties: Floats) -> None:
        self.many = len(difficulties)
        self._values, counts = np.unique(difficulties, return_counts=True)
        self._sent = np.append(np.cumsum(counts[::-1])[::-1], 0)
        """How many are sent to PREMIUM from each value on, and from none."""

    def hard_from(self, share: float, usual: float) -> tuple[float, float]:
        """The threshold that sends the hardest ``share`` to PREMIUM, and the share that it really sends.

        Requests of one difficulty go one way, so it is the nearest share that there is. A larger share never has a
        higher threshold. ``usual`` is kept where it does the same.
        """
        if not self.many:
            return usual, 0.0
        index = int(np.argmin(np.abs(self._sent - share * self.many)))
        above = float(self._values[index]) if index < len(self._values) else NEVER
        below = float(self._values[index - 1]) if index else -1.0
        return usual if below < usual <= above else above, float(self._sent[index] / self.many)

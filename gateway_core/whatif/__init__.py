"""What another policy would have cost: the request log replayed from what was measured, with nothing called.

numpy is imported with ``history``, ``thresholds``, ``prices`` and ``replay``: only in a thread, once somebody asks.
"""

"""``make train-router DATA="FILE ..."``: makes ``gateway_core/routing/weights.json`` anew from data given to it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import orjson

from gateway_core.routing.shipped import FILE
from tests.routing.training import read, train


def main(files: list[str]) -> int:
    """0 when the weights were written, 2 without data."""
    if not files:
        print('Give files of lines {"prompt", "weak", "strong"}: make train-router DATA="a.jsonl b.jsonl"')
        return 2
    weights = train(read([Path(file) for file in files]), f"{datetime.now(UTC):%Y-%m-%d}")
    FILE.write_bytes(orjson.dumps(asdict(weights), option=orjson.OPT_INDENT_2) + b"\n")
    for name, weight in weights.measures.items():
        print(f"{name:24} {weight.points:+.3f} a standard deviation of {weight.deviation:g} around {weight.mean:g}")
    print(f"{FILE.name}: {', '.join(f'{one.rows:,} of {one.name}' for one in weights.made_from)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

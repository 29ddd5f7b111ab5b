"""What is written about each setting: its explanation, its group, its name outside, what it may be."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from functools import cache
from itertools import pairwise
from typing import Literal, get_args, get_origin

from gateway_core.settings import Settings

_GROUPS: tuple[tuple[str, str], ...] = (
    ("Where it listens", r"host|port|data_dir|gateway_secret|monitor_token|max_body_bytes|client_write_s"),
    ("Local models", r"local_(?!first).*|ollama_.*|builtin_.*"),
    ("Tiers and providers", r"cheap_.*|premium_.*|anthropic_.*|groq_.*|openai_.*|providers"),
    ("Where a request goes", r"router_.*|default_tier|context_compaction.*"),
    (
        "Money and limits",
        r"daily_budget_.*|background_budget_.*|rate_limit_.*|max_output_tokens|prices|unknown_price|server_tool_uses",
    ),
    ("Answer caches", r"exact_.*|cache_.*|semantic_.*"),
    ("Policy and what is kept", r"policy.*|keep_.*"),
    ("Patience with upstreams", r"upstream_.*|local_first_byte_s"),
)
OTHER = "Other"
GROUPS = (*(name for name, _ in _GROUPS), OTHER)


def group_of(field: str) -> str:
    """The group that a setting is shown in."""
    return next((group for group, names in _GROUPS if re.fullmatch(names, field)), OTHER)


def is_secret(field: str) -> bool:
    """Whether a setting holds a secret, which is never shown."""
    return "SecretStr" in str(Settings.model_fields[field].annotation)


@cache
def explanations() -> dict[str, str]:
    """What stands under each field of ``Settings``, as one paragraph without markup."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(Settings)))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    found: dict[str, str] = {}
    for field, below in pairwise(body):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
            found[field.target.id] = " ".join(below.value.value.replace("``", "").split())
    return found


def allowed(field: str) -> str:
    """What a setting may be, in words; empty where its explanation has to say it."""
    info = Settings.model_fields[field]
    kinds = [kind for kind in get_args(info.annotation) or (info.annotation,) if kind is not type(None)]
    if get_origin(info.annotation) is Literal:
        return ", ".join(str(choice) for choice in get_args(info.annotation))
    kind = kinds[0] if len(kinds) == 1 else None
    words = {int: "a whole number", float: "a number", bool: "true, false"}.get(kind, "") if kind else ""
    bounds = []
    for rule in info.metadata:
        for name, said in (("ge", "from"), ("gt", "above"), ("le", "to"), ("lt", "below")):
            if (limit := getattr(rule, name, None)) is not None:
                bounds.append(f"{said} {limit:g}")
    return " ".join((words, *bounds)).strip()

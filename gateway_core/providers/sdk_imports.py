"""Imports the SDKs without the models of answers that nobody here builds.

``import anthropic`` runs 2,900 modules (2.1 s of CPU, 45 MB) and ``import openai`` 520 (0.8 s, 12 MB), nearly all of
them models of what the APIs answer (anthropic 2.12, openai 3.54, measured 2026-11). A gateway that passes bytes on
needs 940 and 40. A package of theirs is therefore opened without its ``__init__``: a name is taken, when somebody asks
for it, from the module that the ``__init__`` would import it from. What cannot be found so has the ``__init__`` run.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

SDKS = ("anthropic", "openai")
_REEXPORT = re.compile(r"^from \.(\w[\w.]*) import (?:\(([^)]*)\)|(.+))$", re.MULTILINE)
_COMMENT = re.compile(r"#.*")


class _Places(dict[str, tuple[str, str]]):
    """Where a package's ``__init__`` takes its names from: the module within the package, and the name there."""

    @classmethod
    def read(cls, source: str) -> _Places:
        places = cls()
        for module, several, one in _REEXPORT.findall(source):
            for part in _COMMENT.sub("", several or one).split(","):
                words = part.split()
                if len(words) in (1, 3) and words[0] != "*":
                    places[words[-1]] = module, words[0]
        return places

    @property
    def are_plain(self) -> bool:
        """Whether no name is also that of its module: which of the two stands there depends on the order."""
        return bool(self) and all(name != module for name, (module, _) in self.items())


class _OnDemand(Loader):
    """Opens a package and leaves its ``__init__`` for when it is needed."""

    def __init__(self, usual: SourceFileLoader) -> None:
        self._usual = usual

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._usual.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        package, named = module.__name__, module.__dict__
        places = _Places.read(self._usual.get_source(package) or "")
        if not places.are_plain:
            self._usual.exec_module(module)
            return

        def find(name: str) -> object:
            if name in places:
                inner, there = places[name]
                found: object = getattr(import_module(f"{package}.{inner}"), there)
                named[name] = found
                return found
            if name.startswith("__") and name != "__all__":
                raise AttributeError(f"module {package!r} has no attribute {name!r}")
            if PathFinder.find_spec(f"{package}.{name}", module.__path__):
                return import_module(f"{package}.{name}")
            if named.pop("__getattr__", None) is not None:
                self._usual.exec_module(module)
            return getattr(module, name)

        named["__getattr__"] = find


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in SDKS:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec and spec.submodule_search_locations is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _OnDemand(spec.loader)
        return spec


def import_on_demand() -> None:
    """From now on the SDKs' packages are opened so. One thread at a time may then import from them."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())

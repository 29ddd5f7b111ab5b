"""What llmgw is built on is pinned by the hash of its files, and looked at for known vulnerabilities."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.faults.switch_off import ROOT
from tests.locked import entries, locked

LOCK = (ROOT / "requirements.lock").read_text("utf-8")


def test_every_pinned_package_has_a_hash_and_no_address_of_a_registry() -> None:
    found = list(entries(LOCK))
    assert len(found) > 100 and "".join(f"{entry}\n" for entry in found) == LOCK
    for entry in found:
        assert re.match(r"[a-z0-9.-]+==[^ ;]+", entry) and "--hash=sha256:" in entry, entry
    assert not re.search(r"://|^-|file:|@ ", LOCK, re.MULTILINE)


def test_what_is_installed_is_checked_by_its_hash() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert "$(PIP) --require-hashes --no-deps -r requirements.lock" in makefile
    assert "pip-audit --requirement" in makefile and "--strict" in makefile


def test_every_dependency_but_pytorch_is_in_the_lock() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = {re.split(r"[\[<>=]", one)[0].lower() for one in wanted}
    pinned = {re.split("==", entry)[0] for entry in entries(LOCK)}
    assert names - pinned == {"torch"}


def test_a_package_without_a_hash_is_not_written_into_the_lock() -> None:
    good = "a==1 \\\n    --hash=sha256:00\n"
    torch = "torch==2 \\\n    --hash=sha256:11\nnvidia-x==1 \\\n    --hash=sha256:22\n"
    assert locked(f"{torch}{good}") == good
    with pytest.raises(ValueError, match="no hash: b==2"):
        locked(f"{good}b==2\n")

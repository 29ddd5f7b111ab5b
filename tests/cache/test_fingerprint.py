"""What a folder of code looks like, with a real git."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway_core.cache import fingerprint as module
from gateway_core.cache.fingerprint import MOST_ENTRIES, UnknownState, fingerprint

PAST = 1_700_000_000


def git(folder: Path, *arguments: str) -> str:
    own = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "protocol.file.allow=always")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(
        ("git", *own, *arguments), cwd=folder, env=environment, check=True, capture_output=True, text=True
    ).stdout


def of(folder: Path, *files: str) -> str:
    return fingerprint(str(folder), files)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    (folder / "src").mkdir(parents=True)
    for name in ("a.py", "src/b ü.py"):
        (folder / name).write_text(f"name = {name!r}\n")
        os.utime(folder / name, (PAST, PAST))
    (folder / ".gitignore").write_text("*.log\nbuilt/\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    folder = tmp_path / "plain"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "sub" / "b.txt").write_text("b")
    return folder


def test_nothing_changed_is_the_same(repo: Path, plain: Path) -> None:
    for folder in (repo, repo / "src", plain):
        assert of(folder) == of(folder)
    assert len({of(repo), of(repo / "src"), of(plain)}) == 3


def _edit(repo: Path) -> None:
    (repo / "a.py").write_text("other\n")


def _edit_without_changing_size_or_time(repo: Path) -> None:
    before = (repo / "src" / "b ü.py").stat()
    (repo / "src" / "b ü.py").write_text("NAME = 'src/b ü.py'\n")
    os.utime(repo / "src" / "b ü.py", ns=(before.st_atime_ns, before.st_mtime_ns))


def _delete(repo: Path) -> None:
    (repo / "a.py").unlink()


def _add_untracked(repo: Path) -> None:
    (repo / "new").mkdir()
    (repo / "new" / "c.py").write_text("c")


def _stage(repo: Path) -> None:
    git(repo, "rm", "-q", "--cached", "a.py")


def _commit(repo: Path) -> None:
    git(repo, "commit", "-q", "--allow-empty", "-m", "second")


def _nested(repo: Path) -> None:
    (repo / "nested").mkdir()
    git(repo / "nested", "init", "-q")
    (repo / "nested" / "d.py").write_text("d")


CHANGES = (_edit, _edit_without_changing_size_or_time, _delete, _add_untracked, _stage, _commit, _nested)


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_in_a_work_tree_shows_from_anywhere_in_it(repo: Path, change: object) -> None:
    before = of(repo), of(repo / "src")
    assert callable(change)
    change(repo)
    after = of(repo), of(repo / "src")
    assert before[0] != after[0] and before[1] != after[1]
    assert after == (of(repo), of(repo / "src"))


def test_an_edit_of_an_edit_shows_wherever_the_file_is(repo: Path) -> None:
    _add_untracked(repo)
    _nested(repo)
    git(repo / "nested", "add", ".")
    for name in ("a.py", "new/c.py", "nested/d.py"):
        seen = {of(repo)}
        for text in ("one", "three", "fifteen"):
            (repo / name).write_text(text)
            seen.add(of(repo))
        assert len(seen) == 4


def test_another_branch_and_back_is_the_same_again(repo: Path) -> None:
    git(repo, "branch", "other")
    (repo / "only-here.py").write_text("x")
    git(repo, "add", "."), git(repo, "commit", "-qm", "second")
    os.utime(repo / "only-here.py", (PAST, PAST))
    git(repo, "status")
    before = of(repo)
    git(repo, "checkout", "-q", "other")
    assert of(repo) != before
    git(repo, "checkout", "-q", "main")
    os.utime(repo / "only-here.py", (PAST, PAST))
    os.utime(repo / ".git" / "index")
    git(repo, "status")
    assert of(repo) == before


def test_what_git_ignores_shows_only_where_it_is_asked_for(repo: Path) -> None:
    (repo / "built").mkdir()
    (repo / "built" / "x.o").write_text("1")
    clean, named, inside = of(repo), of(repo, "built/x.o"), of(repo / "built")
    (repo / "built" / "x.o").write_text("22")
    assert of(repo) == clean
    assert of(repo, "built/x.o") != named
    assert of(repo / "built") != inside


def test_a_submodule_is_looked_into(repo: Path, tmp_path: Path) -> None:
    git(repo, "clone", "-q", str(repo), str(tmp_path / "origin"))
    git(repo, "submodule", "add", "-q", str(tmp_path / "origin"), "sub")
    git(repo, "commit", "-qm", "with a submodule")
    before = of(repo)
    (repo / "sub" / "a.py").write_text("changed\n")
    assert of(repo) != before


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    before = of(tmp_path)
    (tmp_path / "a.py").write_text("a")
    assert of(tmp_path) != before


def test_a_hostile_repository_runs_nothing(repo: Path, tmp_path: Path) -> None:
    evil = tmp_path / "evil"
    evil.write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran'\n")
    evil.chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "fsmonitor-watchman", "pre-commit"):
        shutil.copy(evil, hooks / name)
    (repo / ".gitattributes").write_text("* filter=evil diff=evil\n")
    for name in ("core.fsmonitor", "filter.evil.clean", "filter.evil.process", "diff.evil.command", "core.pager"):
        git(repo, "config", name, str(evil))
    git(repo, "config", "core.hooksPath", str(hooks))
    (repo / "a.py").write_text("X" + (repo / "a.py").read_text()[1:])
    of(repo)
    assert not (tmp_path / "ran").exists()
    subprocess.run(("git", "status"), cwd=repo, capture_output=True, check=False)
    assert (tmp_path / "ran").exists()  # and this is what it is not told


@pytest.mark.parametrize("change", [_edit, _edit_without_changing_size_or_time, _delete, _add_untracked, _commit])
def test_without_git_the_files_themselves_are_looked_at(
    repo: Path, change: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_with = of(repo)
    monkeypatch.setattr(module, "_GIT", ("no-such-git",))
    before = of(repo / "src")
    assert callable(change) and before != before_with
    monkeypatch.undo()
    change(repo)
    monkeypatch.setattr(module, "_GIT", ("no-such-git",))
    assert of(repo / "src") != before


def test_a_folder_that_is_no_repository(plain: Path) -> None:
    before = of(plain)
    (plain / "sub" / "b.txt").write_text("bb")
    changed = of(plain)
    (plain / "sub" / "link").symlink_to("/")
    linked = of(plain)
    (plain / "sub" / "loop").symlink_to(plain)
    assert len({before, changed, linked, of(plain)}) == 4


def test_a_home_or_a_disk_is_not_looked_through(plain: Path) -> None:
    for number in range(MOST_ENTRIES + 1):
        (plain / f"{number}").touch()
    with pytest.raises(UnknownState, match="more than 2,000"):
        of(plain)


def test_a_scan_ends(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_SCAN_S", 0.0)
    with pytest.raises(UnknownState):
        of(repo)


@pytest.mark.parametrize("name", ["missing", "a.txt", "sub/../../plain/a.txt/x", "\ud800"])
def test_what_is_no_folder_is_unknown(plain: Path, name: str) -> None:
    with pytest.raises(UnknownState):
        fingerprint(f"{plain}/{name}")


def test_a_form_of_git_that_is_not_known_is_unknown(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = module._git

    def newer(scan: module._Scan, cwd: bytes, *arguments: str, any_end: bool = False) -> bytes:
        return (asked(scan, cwd, *arguments, any_end=any_end) or b"").replace(b"mtime", b"modified")

    monkeypatch.setattr(module, "_git", newer)
    with pytest.raises(UnknownState, match="unknown form"):
        of(repo)

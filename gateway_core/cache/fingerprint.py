"""What a folder of code looks like now, as a hash that changes when somebody changes a file in it.

Runs nothing that the folder brings along: ``git status`` would (a repository's own configuration names the filters it
runs on changed files), so git only lists, and what has changed is read from the files' times and sizes. Blocks: to be
called in a thread.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import time
from collections.abc import Iterator, Sequence

LONGEST_SCAN_S = 2.0
MOST_ENTRIES = 2_000
"""Of a folder that is no repository; one that holds more is a home or a disk, not a project."""
LARGEST_INDEX_BYTES = 8 * 1024 * 1024
"""Some 80,000 files."""
DEEPEST_NESTING = 8
"""Repositories inside of one, submodules or not, that are looked at too."""
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "safe.bareRepository=explicit")
_QUIET = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
    "LC_ALL": "C",
}
_STAGED = re.compile(
    rb"(\d+) ([0-9a-f]+ \d)\t([^\0]+)\0"
    rb"  ctime: (\d+):(\d+)\n  mtime: (\d+):(\d+)\n  dev:[^\n]*\n  uid:[^\n]*\n  size: (\d+)\t[^\n]*\n"
)
"""A line of ``git ls-files --stage --debug -z``. git may change the form: then there is no fingerprint."""
_SUBMODULE = b"160000"


class UnknownState(Exception):
    """Nothing certain can be said of the folder; the text is why."""


class _Scan:
    """One look at a folder, with an end."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self._ends = time.monotonic() + LONGEST_SCAN_S
        self._repositories = 0

    def left_s(self) -> float:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise UnknownState("it is too large to look through")
        return left

    def note(self, *parts: bytes | str | int) -> None:
        """Takes parts in; where one ends and the next begins is part of it."""
        for part in parts:
            data = part if isinstance(part, bytes) else os.fsencode(str(part))
            self.hash.update(b"%d:" % len(data) + data)

    def note_file(self, path: bytes, name: bytes) -> None:
        """A file as it is on the disk now: kind, size and times."""
        try:
            found = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            self.note(name, "gone")
        else:
            self.note(name, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    def enter_repository(self) -> None:
        self._repositories += 1
        if self._repositories > DEEPEST_NESTING:
            raise UnknownState("it holds too many repositories")


def fingerprint(folder: str, files: Sequence[str] = ()) -> str:
    """64 hex digits for what is in ``folder`` now, and for ``files`` whether git ignores them or not.

    In a git work tree: the commit, the index, and what differs from it; changes to what git ignores do not show.
    Elsewhere: names, sizes and times of everything. Raises :class:`UnknownState`.
    """
    scan = _Scan()
    try:
        cwd = os.fsencode(os.path.realpath(folder, strict=True))
        scan.note("folder", cwd)
        if not _note_repository(scan, cwd):
            root = _checkout_of(cwd)
            _note_tree(scan, root or cwd)
            for name in (b"HEAD", b"index", b"logs/HEAD"):
                scan.note_file(os.path.join(root or cwd, b".git", name), name)
        for name in map(os.fsencode, files):
            scan.note_file(os.path.join(cwd, name), name)
    except (OSError, ValueError) as error:
        raise UnknownState(getattr(error, "strerror", None) or "its path is none") from None
    return scan.hash.hexdigest()


def _note_repository(scan: _Scan, cwd: bytes) -> bool:
    """Takes in the git work tree around ``cwd``; False where there is none, or no git, or git will not read it."""
    said = _git(scan, cwd, "rev-parse", "--show-toplevel", "--git-path", "index", "HEAD", any_end=True)
    if said is None or len(lines := said.split(b"\n")) < 3 or not os.path.isabs(lines[0]):
        return False
    root, index, head = lines[0], os.path.join(cwd, lines[1]), lines[2]
    scan.enter_repository()
    scan.note("commit", head)
    covers_cwd = _note_index(scan, root, index, cwd)
    listed = _git(scan, root, "ls-files", "-z", "--others", "--exclude-standard")
    if listed is None:
        raise UnknownState("git cannot list its files")
    for name in filter(None, listed.split(b"\0")):
        path = os.path.join(root, name)
        covers_cwd = covers_cwd or _is_inside(path, cwd)
        if name.endswith(b"/"):
            _note_nested(scan, path, name)
        else:
            scan.note_file(path, name)
    if not covers_cwd and cwd != root:  # all in it is ignored: git says nothing of it
        _note_tree(scan, cwd)
    return True


def _note_index(scan: _Scan, root: bytes, index: bytes, cwd: bytes) -> bool:
    """Takes in what is tracked, and of files that differ from the index how they are; whether any is in ``cwd``.

    A file written in the same moment as the index or after it may have changed unseen (git's "racy" entries), and
    counts as changed.
    """
    try:
        found = os.stat(index)
    except FileNotFoundError:
        scan.note("no index")
        return False
    if found.st_size > LARGEST_INDEX_BYTES:
        raise UnknownState("it tracks too many files")
    staged = _git(scan, root, "ls-files", "-z", "--stage", "--debug")
    if staged is None:
        raise UnknownState("git cannot list its files")
    covers_cwd, end = False, 0
    for entry in _STAGED.finditer(staged):
        if entry.start() != end:
            break
        end = entry.end()
        mode, blob, name, *numbers = entry.groups()
        ctime_s, ctime_ns, mtime_s, mtime_ns, size = map(int, numbers)
        path = os.path.join(root, name)
        covers_cwd = covers_cwd or _is_inside(path, cwd)
        scan.note(mode, blob, name)
        if mode == _SUBMODULE:
            _note_nested(scan, path, name)
        elif not _is_as_indexed(path, (ctime_s * 10**9 + ctime_ns, mtime_s * 10**9 + mtime_ns, size), found):
            scan.left_s()
            scan.note_file(path, name)
    if end != len(staged):
        raise UnknownState("git lists its files in an unknown form")
    return covers_cwd


def _is_as_indexed(path: bytes, indexed: tuple[int, int, int], index: os.stat_result) -> bool:
    try:
        now = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return (now.st_ctime_ns, now.st_mtime_ns, now.st_size) == indexed and now.st_mtime_ns < index.st_mtime_ns


def _note_nested(scan: _Scan, path: bytes, name: bytes) -> None:
    """A repository inside a repository; a submodule that is not checked out is an empty folder."""
    scan.note("nested", name)
    if os.path.lexists(os.path.join(path, b".git")) and not _note_repository(scan, os.path.realpath(path)):
        raise UnknownState("git cannot read a repository in it")


def _note_tree(scan: _Scan, root: bytes) -> None:
    for number, path in enumerate(_walk(root)):
        if number >= MOST_ENTRIES:
            raise UnknownState(f"it holds more than {MOST_ENTRIES:,} files and is no git repository")
        scan.left_s()
        scan.note_file(path, path)


def _walk(folder: bytes) -> Iterator[bytes]:
    """All paths below in a steady order; links are not followed, a folder that cannot be read raises ``OSError``."""
    waiting = [folder]
    while waiting:
        for entry in sorted(os.scandir(waiting.pop()), key=lambda entry: entry.name):
            if entry.name == b".git":
                continue
            yield entry.path
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)


def _checkout_of(folder: bytes) -> bytes | None:
    """The nearest folder above, or this one, that looks like a git work tree."""
    while not os.path.lexists(os.path.join(folder, b".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above
    return folder


def _is_inside(path: bytes, folder: bytes) -> bool:
    return path.startswith(folder.rstrip(b"/") + b"/")


def _git(scan: _Scan, cwd: bytes, *arguments: str, any_end: bool = False) -> bytes | None:
    """What git prints; None where there is no git, or it fails (``any_end``: with nothing said)."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        ended = subprocess.run(
            (*_GIT, *arguments),
            cwd=cwd,
            env=environment | _QUIET,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=scan.left_s(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnknownState("git takes too long") from None
    except FileNotFoundError:
        return None
    return ended.stdout if ended.returncode == 0 or any_end else None

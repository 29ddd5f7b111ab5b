"""Which questions are about the caller's own code, and what they share an answer with."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from gateway_core.cache.code_context import MOST_AT_ONCE, UNKNOWN, CodeContexts, asks_about_code
from gateway_core.cache.code_questions import is_about_code
from gateway_core.cache.fingerprint import UnknownState
from gateway_core.cache.identity import Identity, identity
from gateway_core.model import ChatRequest, CodeContext
from tests.cache.support import chat, user

GENERAL = (
    "What is the capital of Ghana?",
    "Who wrote Hamlet?",
    "When did the Berlin Wall fall?",
    "How many moons does Jupiter have?",
    "Which planet is the largest?",
    "Why is the sky blue?",
    "Translate 'good morning' into French",
    "Write a haiku about the sea",
    "Write me a short poem about autumn",
    "How do I sort a list in Python?",
    "How can I reverse a string in JavaScript?",
    "What is the difference between a process and a thread?",
    "What does HTTP stand for?",
    "Is Rust faster than Go?",
    "How do I undo a mistake in Excel?",
    "Please tell me what the capital of Ghana is",
    "Explain recursion to a child",
    "Wie heißt die Hauptstadt von Ghana?",
    "Wer schrieb den Faust?",
    "Wie sortiere ich eine Liste in Python?",
    "Warum ist der Himmel blau?",
    "Übersetze 'guten Morgen' ins Englische",
    "Schreib mir ein Gedicht über den Herbst",
    "Was ist der Unterschied zwischen TCP und UDP?",
)
ABOUT_CODE = (
    "What does this function do?",
    "Why do our tests fail?",
    "Explain the parser in src/x.py",
    "What is in README.md?",
    "Where is the retry loop?",
    "How does authentication work?",
    "Where are users created?",
    "How are payments processed?",
    "Which branch am I on?",
    "What changed in the last commit?",
    "Why is the build red?",
    "Is there a licence?",
    "What is parse_args for?",
    "What does getUserName return?",
    "What is `x` here?",
    "Why does foo() return None?",
    "What happens on line 40?",
    "Who owns billing?",
    "Which Python version do we use?",
    "How do I run it with --verbose?",
    "Is 4f2a9c1 a good commit?",
    "What is the default timeout?",
    "How many endpoints are there?",
    "Why is startup so slow?",
    "Add dark mode",
    "Fix the typo",
    "Make the header blue",
    "Users cannot log in any more",
    "Refactor the retry loop so that it backs off",
    "Why?",
    "continue",
    "And now?",
    "",
    "Warum schlägt der Build fehl?",
    "Was macht diese Funktion?",
    "Wo wird die Datenbank geöffnet?",
    "Wie funktioniert die Anmeldung?",
    "Welche Klasse behandelt Fehler?",
    "Was steht in unserer Konfigurationsdatei?",
    "Erkläre die Testabdeckung",
    "Was gibt lese_datei zurück?",
    "Wer ist dafür zuständig?",
    "Warum läuft der Server nicht?",
    "Räum das auf",
    "Schreib einen Test dafür",
    "weiter",
)


@pytest.mark.parametrize("text", GENERAL)
def test_a_general_question_is_not_about_code(text: str) -> None:
    assert not is_about_code(text)


@pytest.mark.parametrize("text", ABOUT_CODE)
def test_what_may_be_about_code_is(text: str) -> None:
    assert is_about_code(text)


def test_a_follow_up_is_about_what_came_before() -> None:
    before = [user("What does src/x.py do?"), {"role": "assistant", "content": "It parses."}]
    assert asks_about_code(chat("Who wrote Hamlet?", before=before))
    assert not asks_about_code(chat("Who wrote Hamlet?", before=[user("Who wrote the Faust?")]))


def test_a_picture_may_show_code() -> None:
    picture = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}
    assert asks_about_code(chat("Who wrote Hamlet?", before=[picture]))


# --- identity ----------------------------------------------------------------------------------------------------

CODE, OTHER = "Why do our tests fail?", "What is the capital of Ghana?"


def in_folder(text: str, folder: Path | None, revision: str | None = None, files: Sequence[str] = ()) -> ChatRequest:
    return replace(chat(text), context=CodeContext(str(folder) if folder else None, revision, tuple(files)))


async def key(request: ChatRequest, contexts: CodeContexts | None = None) -> Identity:
    return identity(request, "auto", await (contexts or CodeContexts(wait_s=30)).fingerprint(request))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.py").write_text(name)
    return tmp_path / "a", tmp_path / "b"


async def test_a_question_about_code_is_shared_only_in_its_folder(folders: tuple[Path, Path]) -> None:
    here, there = [await key(in_folder(CODE, folder)) for folder in folders]
    assert here == await key(in_folder(CODE, folders[0])) and not here.bypass
    assert here.exact_key != there.exact_key and here.scope_key != there.scope_key


async def test_any_other_question_is_shared_by_all_folders(folders: tuple[Path, Path]) -> None:
    assert await key(in_folder(OTHER, folders[0])) == await key(in_folder(OTHER, folders[1]))
    assert await key(in_folder(OTHER, folders[0] / "gone")) == await key(chat(OTHER))


async def test_a_changed_file_asks_anew(folders: tuple[Path, Path]) -> None:
    before = await key(in_folder(CODE, folders[0]))
    (folders[0] / "x.py").write_text("changed")
    assert (await key(in_folder(CODE, folders[0]))).exact_key != before.exact_key


async def test_a_commit_alone_is_enough_and_a_moving_name_is_not() -> None:
    one, other = [await key(in_folder(CODE, None, revision)) for revision in ("1f0c2a9", "1f0c2a8")]
    assert one.exact_key != other.exact_key and not one.bypass
    for moving in ("main", "HEAD", "v1.2-3-g1f0c2a9-dirty"):
        assert (await key(in_folder(CODE, None, moving))).bypass == "context unknown"


async def test_a_folder_that_cannot_be_looked_at_is_never_shared(tmp_path: Path) -> None:
    asked = in_folder(CODE, tmp_path / "missing")
    assert (await key(asked)).bypass == "context unknown"
    assert identity(asked, "auto").bypass == "context unknown"


async def test_a_word_as_context_is_what_it_was() -> None:
    plain, word = chat(OTHER), replace(chat(OTHER), context="batch 7")
    assert (await key(word)).exact_key == identity(word, "auto").exact_key != (await key(plain)).exact_key
    assert (await key(replace(chat(CODE), context=None))).bypass == ""


# --- waiting -----------------------------------------------------------------------------------------------------


class SlowDisk:
    """Looks at a folder only when it is let."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.looks = 0

    def look(self, folder: str, files: Sequence[str]) -> str:
        self.looks += 1
        assert self.go.wait(30)
        if folder == "/bad":
            raise UnknownState("bad")
        if folder == "/worse":
            raise RuntimeError("worse")
        return f"{self.looks}"


async def test_a_slow_disk_is_not_waited_for_and_not_asked_twice() -> None:
    disk = SlowDisk()
    contexts = CodeContexts(disk.look, wait_s=0.01)
    asked = in_folder(CODE, Path("/slow"))
    assert [await contexts.fingerprint(asked) for _ in range(3)] == [UNKNOWN] * 3
    disk.go.set()
    assert disk.looks == 1


async def test_many_at_once_share_one_look_and_a_later_one_looks_again() -> None:
    disk, now = SlowDisk(), [0.0]
    disk.go.set()
    contexts = CodeContexts(disk.look, lambda: now[0], wait_s=30)
    asked = in_folder(CODE, Path("/a"))
    found = await asyncio.gather(*(contexts.fingerprint(asked) for _ in range(5)))
    assert set(found) == {"1 "} and await contexts.fingerprint(asked) == "1 "
    now[0] = 1.5
    assert await contexts.fingerprint(asked) == "2 "


async def test_disks_that_hang_do_not_pile_up_threads() -> None:
    disk = SlowDisk()
    contexts = CodeContexts(disk.look, wait_s=0.001)
    for number in range(MOST_AT_ONCE + 5):
        assert await contexts.fingerprint(in_folder(CODE, Path(f"/{number}"))) == UNKNOWN
    assert disk.looks <= MOST_AT_ONCE
    disk.go.set()


@pytest.mark.parametrize("folder", ["/bad", "/worse"])
async def test_a_look_that_fails_is_unknown(folder: str) -> None:
    disk = SlowDisk()
    disk.go.set()
    assert await CodeContexts(disk.look, wait_s=30).fingerprint(in_folder(CODE, Path(folder))) == UNKNOWN


async def test_a_request_that_is_given_up_leaves_the_look_to_others() -> None:
    disk = SlowDisk()
    contexts = CodeContexts(disk.look, wait_s=30)
    asked = in_folder(CODE, Path("/a"))
    gone, stays = [asyncio.create_task(contexts.fingerprint(asked)) for _ in range(2)]
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    disk.go.set()
    assert await stays == "1 "

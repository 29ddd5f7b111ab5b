"""Which questions are about the caller's own code, and what that code looks like now.

Such a question is only answered again while the code is as it was. When in doubt a question is about code: to answer it
anew costs a little, to answer it from another folder's code is wrong.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice

from gateway_core.cache.fingerprint import UnknownState, fingerprint
from gateway_core.frozen import frozen
from gateway_core.model import ChatRequest, CodeContext

log = logging.getLogger(__name__)

UNKNOWN = "unknown"
"""In the place of a fingerprint: nothing is known of the code, so no cache may answer or keep the question."""
WAIT_S = 0.15
"""How long a request waits for a fingerprint. One that takes longer is no use to the next request either."""
KEEP_S = 1.0
MOST_AT_ONCE = 8
REMEMBERED = 64
TURNS_LOOKED_AT = 20
_COMMIT = re.compile(r"[0-9a-f]{7,64}", re.IGNORECASE)


def asks_about_code(request: ChatRequest) -> bool:
    """Whether a request may be about the code its asker works on; a follow-up is about what the turns before it were.

    The patterns are imported here: few callers say where their code is.
    """
    view = request.view
    said = (message.get("content") for message in reversed(view.messages) if message.get("role") == "user")
    contents = list(islice(said, TURNS_LOOKED_AT))
    texts = [content for content in contents if isinstance(content, str)]
    if len(texts) < len(contents):  # pictures and files may show code
        return True
    from gateway_core.cache.code_questions import is_about_code

    return any(is_about_code(text) for text in (view.user_text, *texts))


@frozen
class _Scan:
    began: float
    result: asyncio.Future[str]


Look = Callable[[str, Sequence[str]], str]


class CodeContexts:
    """Fingerprints of the folders that callers work in, made in threads and kept for ``KEEP_S``.

    ``look`` may block and raises :class:`~gateway_core.cache.fingerprint.UnknownState`.
    """

    def __init__(
        self, look: Look = fingerprint, now: Callable[[], float] = time.monotonic, wait_s: float | None = None
    ):
        self._look = look
        self._now = now
        self._wait_s = WAIT_S if wait_s is None else wait_s
        self._scans: OrderedDict[tuple[str, tuple[str, ...]], _Scan] = OrderedDict()

    async def fingerprint(self, request: ChatRequest) -> str:
        """What of the caller's code belongs to the request's identity: empty for nothing, or :data:`UNKNOWN`."""
        context = request.context
        if not isinstance(context, CodeContext) or not asks_about_code(request):
            return ""
        revision = context.git_revision or ""
        if context.cwd is None:  # a name such as "main" is another commit tomorrow, and a dirty one says not how
            return f"commit {revision.lower()} {context.files}" if _COMMIT.fullmatch(revision) else UNKNOWN
        found = await self._of_folder(context.cwd, context.files)
        return found if found == UNKNOWN else f"{found} {revision}"

    async def _of_folder(self, folder: str, files: tuple[str, ...]) -> str:
        key, now = (folder, files), self._now()
        scan = self._scans.get(key)
        if scan is None or (scan.result.done() and now - scan.began > KEEP_S):
            if sum(not other.result.done() for other in self._scans.values()) >= MOST_AT_ONCE:
                return UNKNOWN
            scan = self._scans[key] = _Scan(now, self._start(folder, files))
            self._scans.move_to_end(key)
            self._forget_old()
        elif now - scan.began > KEEP_S:
            return UNKNOWN
        await asyncio.wait((scan.result,), timeout=self._wait_s)
        return scan.result.result() if scan.result.done() else UNKNOWN

    def _start(self, folder: str, files: tuple[str, ...]) -> asyncio.Future[str]:
        """A thread of its own, which nobody waits for at the end: a dead network disk may hold it for ever."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[str] = loop.create_future()

        def run() -> None:
            found = UNKNOWN
            try:
                found = self._look(folder, files)
            except UnknownState:
                pass
            except Exception as error:
                log.error("a folder could not be looked at: %s", type(error).__name__)
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(result.set_result, found)

        threading.Thread(target=run, name="llmgw-folder", daemon=True).start()
        return result

    def _forget_old(self) -> None:
        done = [key for key, scan in self._scans.items() if scan.result.done()]
        for key in done[: max(0, len(self._scans) - REMEMBERED)]:
            del self._scans[key]

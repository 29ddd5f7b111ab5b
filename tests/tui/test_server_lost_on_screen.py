"""A local server that is lost and comes back, as a person sees it: one toast each, and what to do in between."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from tests.tui.ollama_stage import Hands, Staged, on_stage


async def test_a_lost_server_is_one_toast_and_so_is_its_return(tmp_path: Path) -> None:
    async with AsyncExitStack() as living:
        ollama = await living.enter_async_context(Staged("m:1b"))
        port = int(ollama.root.rpartition(":")[2])
        async with on_stage(tmp_path, Hands(), ollama) as act:
            look = act.gateway.local.refresh
            await living.aclose()
            for _ in range(3):
                await look()
            gone = f"Ollama at 127.0.0.1:{port} went away: nothing listens there."
            await act.shows("no local server", "No local server answers", "looks every 3 s")
            async with Staged("m:1b", port=port):
                for _ in range(3):
                    await look()
                await act.shows("1 model")
                back = f"Ollama at 127.0.0.1:{port} is back: it serves m:1b."
                assert act.toasts == [gone, back]
                await act.press("escape", "g")
                await act.shows_flowing(gone)
                await act.shows_flowing(back)

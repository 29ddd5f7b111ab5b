"""The help and the palette: every key, found by its words."""

from __future__ import annotations

from textual.command import CommandPalette

from llmgw_tui.places import EVERYWHERE, INSIDE
from llmgw_tui.screens.help import HelpScreen, topics_of
from llmgw_tui.screens.palette import ActionsProvider
from tests.fakes import snapshots
from tests.tui.conftest import Staging


async def test_help_names_every_action_and_every_pane(staging: Staging) -> None:
    async with staging(snapshots.busy(), size=(120, 70)) as stage:
        await stage.press("question_mark")
        assert isinstance(stage.app.screen, HelpScreen)
        told = str(topics_of(stage.app.keys, stage.app.dashboard))
        for words in [*(action.help for action in EVERYWHERE), *(pane.title for pane in stage.app.dashboard.panes)]:
            assert words in told
        assert "Kill switch" in stage.text
        await stage.press("question_mark")
        assert not isinstance(stage.app.screen, HelpScreen)


async def test_keys_that_are_cut_in_a_narrow_help_say_so(staging: Staging) -> None:
    async with staging(snapshots.busy(), size=(80, 70)) as stage:
        await stage.press("question_mark")
        assert " q or ctrl+q or ct… " in stage.text


async def test_the_help_does_what_its_lines_say_and_can_be_searched(staging: Staging) -> None:
    async with staging(snapshots.busy()) as stage:
        await stage.press("question_mark", "slash", *"every premium", "enter")
        assert "Send every request to the premium tier" in stage.text and "Kill switch" not in stage.text
        await stage.press("home", "enter")
        assert stage.ran == [] and isinstance(stage.app.screen, HelpScreen)
        await stage.press("end", "enter")
        assert stage.ran == [("force_tier", {"tier": "premium"})] and stage.app.here == "dashboard"


async def test_the_help_begins_with_what_the_pane_in_focus_shows(staging: Staging) -> None:
    async with staging(snapshots.busy(), size=(80, 24)) as stage:
        await stage.press("tab", "tab", "question_mark")
        pane = next(pane for pane in stage.app.dashboard.panes if pane.id == "cache")
        told = " ".join(stage.text.split())
        assert " ".join(pane.explanation.split()[:6]) in told
        assert told.index("What it shows Cache") < told.index("Keys everywhere")


async def test_the_help_of_a_screen_begins_with_its_own_keys(staging: Staging) -> None:
    async with staging(snapshots.busy(), size=(80, 24)) as stage:
        await stage.press("c", "question_mark")
        assert stage.text.index("Keys in Cache") < stage.text.index("Keys everywhere")
        await stage.press("slash", *"soonest", "enter", "end", "enter")
        assert stage.app.here == "cache"


async def test_the_palette_holds_every_action_and_runs_it(staging: Staging) -> None:
    async with staging(snapshots.busy(), size=(120, 60)) as stage:
        await stage.press("ctrl+p")
        assert isinstance(stage.app.screen, CommandPalette)
        listed = [hit.help async for hit in ActionsProvider(stage.app.dashboard).discover()]
        others = [name for name in INSIDE if name.partition(".")[0] in stage.app.place_names]
        assert listed == [action.help for action in EVERYWHERE] + [INSIDE[name].help for name in others]
        await stage.until(lambda: EVERYWHERE[0].help in stage.text)
        await stage.press(*"premium")
        await stage.until(lambda: "Find an action" not in stage.text and "premium tier" in stage.text)
        await stage.press("down", "enter")
        await stage.settle()
        assert stage.ran == [("force_tier", {"tier": "premium"})]

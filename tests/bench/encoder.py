"""The built-in encoder, exported once as a gateway does in its idle time, and kept between runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from gateway_core.cache.encoder.choice import BUILTIN
from gateway_core.cache.encoder.exporting import export_command
from gateway_core.cache.encoder.exports import FOLDER, Exports
from gateway_core.cache.encoder.model_folder import open_folder
from tests.bench.peers import cache_folder


def exported() -> Path:
    """The folder of exports. The first call takes minutes. Raises ``RuntimeError`` where it cannot be exported."""
    exports = Exports(cache_folder() / FOLDER, open_folder(BUILTIN))
    if exports.find() is None:
        print("Exporting the built-in encoder (once, some minutes) ...", file=sys.stderr)
        with subprocess.Popen(export_command(BUILTIN, exports), stdin=subprocess.PIPE) as exporting:
            if exporting.wait() != 0:
                raise RuntimeError("the built-in encoder cannot be exported")
    return exports.root


def put_into(data: Path) -> None:
    """Gives a data folder the export, so that no gateway makes one while it is measured."""
    shutil.copytree(exported(), data / FOLDER, dirs_exist_ok=True)

"""Plays the built-in model's process. Arguments: the folder it writes to, and how it behaves."""

from __future__ import annotations

import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Health(BaseHTTPRequestHandler):
    """Healthy at the second look."""

    looks = 0

    def do_GET(self) -> None:
        Health.looks += 1
        self.send_response(200 if Health.looks > 1 else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


def main() -> None:
    folder, behaviour = Path(sys.argv[1]), sys.argv[2]
    with (folder / "starts").open("a") as starts:
        print(os.getpid(), file=starts)
    (folder / "key").write_text(sys.stdin.readline().strip())
    (folder / "environment").write_text("\n".join(sorted(os.environ)))
    if behaviour == "fails":
        sys.stderr.write("loading\n\x1b[31mout of memory\x1b[0m\u202e\n")
        sys.exit(1)
    server = HTTPServer(("127.0.0.1", 0), Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    if behaviour == "stubborn":
        threading.Event().wait()
    sys.stdin.read()


if __name__ == "__main__":
    main()

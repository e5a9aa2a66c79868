"""The web of the small world on loopback, with a log of what was asked of it."""

import mimetypes
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from beam_jobs.demo.troubles import FOLDERS, Trouble

LOOPBACK = "127.0.0.1"
SLOW = 1.0  # seconds before a slow answer
WEBP = {".webp": "image/webp"}  # Python 3.11 does not know it


class Server:
    """Serves a folder of files until it is left; `asked` counts the requests by path."""

    def __init__(self, *, delay: float = SLOW) -> None:
        self.asked: Counter[str] = Counter()
        self.delay = delay
        self._files: Mapping[str, Path] = {}
        self._lock = threading.Lock()
        self._server = _Listener((LOOPBACK, 0), partial(_Handler, self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def authority(self) -> str:
        """host:port; the port is one that was free."""
        return f"{LOOPBACK}:{self._server.server_address[1]}"

    @property
    def base_url(self) -> str:
        return f"http://{self.authority}"

    def serve(self, site: Path) -> None:
        """Answer for what lies in a folder now, and for nothing else."""
        self._files = {
            f"/{path.relative_to(site).as_posix()}": path for path in site.rglob("*") if path.is_file()
        }

    def look_up(self, path: str) -> Path | None:
        """The file at a path of the site, or None; the request is counted."""
        with self._lock:
            self.asked[path] += 1
        return self._files.get(path)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that hangs up, as one does that has waited long enough."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet
    timeout = 30  # seconds that an idle connection is kept

    def __init__(self, server: Server, *rest: Any) -> None:
        self.site = server
        super().__init__(*rest)

    def do_GET(self) -> None:
        folder = self.path.split("/")[1]
        file = self.site.look_up(self.path)
        if folder == FOLDERS[Trouble.SLOW]:
            time.sleep(self.site.delay)
        if folder == FOLDERS[Trouble.FORBIDDEN]:
            return self._answer(HTTPStatus.FORBIDDEN, b"members only\n", "text/plain")
        if file is None:
            return self._answer(HTTPStatus.NOT_FOUND, b"nothing here\n", "text/plain")
        return self._answer(HTTPStatus.OK, file.read_bytes(), content_type(file))

    def _answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.path.split("/")[1] == FOLDERS[Trouble.HEADER_OPT_OUT]:
            self.send_header("X-Robots-Tag", "noai, noimageai")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: the terminal belongs to the pipeline's progress."""


def content_type(file: Path) -> str:
    """The media type that a file's name states."""
    return WEBP.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"

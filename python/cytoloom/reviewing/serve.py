"""A server for one browser on this machine: it answers who knows its token, and no one else."""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ..errors import InvalidError, invalid
from ..messages import Argument, say

HOST = "127.0.0.1"
LONGEST_BODY = 2**22
HTML, JSON, BYTES = "text/html; charset=utf-8", "application/json", "application/octet-stream"
ALWAYS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True)
class Answer:
    """What is sent back."""

    content: bytes
    kind: str = JSON
    status: int = 200
    more: Mapping[str, str] = field(default_factory=dict)


def said(plain: Any, status: int = 200) -> Answer:
    """Answer with JSON."""
    return Answer(json.dumps(plain).encode(), JSON, status)


Site = Callable[[str, str, Any], Answer | None]
"""From a method, what follows the token in the path, and JSON to an answer; None: no such thing."""


@contextlib.contextmanager
def serving(site: Site, port: int | None) -> Iterator[str]:
    """Serve a site on this machine while the block runs, and yield its address.

    Parameters
    ----------
    site : callable
        What answers, in threads.
    port : int or None
        Where; None: one that is free.

    Raises
    ------
    InvalidError
        The port is taken, or is none.
    """
    token = secrets.token_urlsafe(24)
    try:
        server = _Server((HOST, port or 0), _Handler)
    except (OSError, OverflowError) as error:
        raise invalid(
            "port",
            expected="a port of this machine that is free",
            received=f"{port}: {getattr(error, 'strerror', None) or error}",
            remedy=say("Leave {} away: one that is free is taken.", Argument("port")),
        ) from None
    server.site, server.token = site, token
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}/{token}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # a port is free again at once after a kill; on Windows this would share one that is in use
    allow_reuse_address = os.name == "posix"
    site: Site
    token: str

    def handle_error(self, *_: Any) -> None:
        """Say nothing of a browser that has gone."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 30

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def log_message(self, *_: Any) -> None:
        """Say nothing: the address has the token in it."""

    def _answer(self, method: str) -> None:
        answer = self._refused(method) or self._asked(method)
        self.send_response(answer.status)
        more = {**ALWAYS, **answer.more, "Content-Type": answer.kind}
        for name, value in {**more, "Content-Length": str(len(answer.content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.content)

    def _refused(self, method: str) -> Answer | None:
        """Return what is answered to who does not belong here; None to who does."""
        own = {f"{name}:{self.server.server_port}" for name in (HOST, "localhost")}
        if self.headers.get("Host") not in own:
            return said({"error": "another host"}, 403)
        token = self.path.split("/")[1] if self.path.startswith("/") else ""
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self.server.token.encode()):
            return said({"error": "not found"}, 404)
        if method == "POST":
            if self.headers.get("Origin") not in (None, *(f"http://{one}" for one in own)):
                return said({"error": "another origin"}, 403)
            if self.headers.get("Content-Type") != JSON:
                return said({"error": "no JSON"}, 415)
        return None

    def _asked(self, method: str) -> Answer:
        try:
            body = self._body() if method == "POST" else None
            path = self.path.split("/", 2)[2] if self.path.count("/") > 1 else None
            answer = None if path is None else self.server.site(method, path, body)
        except InvalidError as error:
            return said({"error": str(error)}, 422)
        except OSError as error:
            return said({"error": f"{error.strerror or error}: {error.filename or ''}"}, 500)
        except MemoryError:
            return said({"error": "the memory is full"}, 500)
        return answer or said({"error": "not found"}, 404)

    def _body(self) -> Any:
        try:
            length = int(self.headers.get("Content-Length", ""))
            if not 0 <= length <= LONGEST_BODY:
                raise ValueError
            return json.loads(self.rfile.read(length))
        except (ValueError, RecursionError):
            raise invalid("request", expected="JSON of up to 4 MB", received="none") from None

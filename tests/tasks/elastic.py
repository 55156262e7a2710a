"""A server that looks like Elasticsearch to its official client, in front of the embedded engine.

It says in `/` what it is, marks every answer with the product header, asks for basic authentication, and takes and
gives the content types `application/vnd.elasticsearch+json; compatible-with=N` of its own major version and of the one
before. What it does not do is search like Elasticsearch: behind it is the embedded engine.
"""

import base64
import json
import re
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USER, PASSWORD = "reader", "s3cret-of-elastic"
_COMPATIBLE = re.compile(r"application/vnd\.elasticsearch\+(json|x-ndjson); ?compatible-with=(\d+)")


class Elastic(ThreadingHTTPServer):
    """Passes requests on to `target`; keeps what was asked as (method, path, content type, body)."""

    daemon_threads = True

    def __init__(self, target: str, major: int, product: str = "Elasticsearch") -> None:
        super().__init__(("127.0.0.1", 0), _Pass)
        self.target, self.major, self.product = target, major, product
        self.asked: list[tuple[str, str, str, bytes]] = []
        self.slow, self.wait = b"", 0.0  # requests that hold these bytes wait

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def about(self) -> dict:
        version = {"number": f"{self.major}.1.0", "build_flavor": "default", "lucene_version": "10.2.2"}
        return {"name": "n", "cluster_name": "c", "version": version, "tagline": "You Know, for Search"}


class _Pass(BaseHTTPRequestHandler):
    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        given = self.headers.get("Content-Type") or ""
        self.server.asked.append((self.command, self.path, given, body))
        if self.headers.get("Authorization") != "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode():
            return self._error(401, "security_exception", "unable to authenticate user [reader]")
        for header in filter(None, (given, self.headers.get("Accept") or "")):
            found = _COMPATIBLE.fullmatch(header)
            if found and int(found[2]) not in (self.server.major - 1, self.server.major):
                return self._error(400, "media_type_header_exception", f"Invalid media-type value {header}")
        if self.path == "/":
            return self._reply(200, json.dumps(self.server.about()).encode())
        if self.server.slow and self.server.slow in body:
            time.sleep(self.server.wait)
        plain = _COMPATIBLE.sub(r"application/\1", given) or "application/json"
        request = urllib.request.Request(self.server.target + self.path, body or None, method=self.command)
        request.add_header("Content-Type", plain)
        try:
            with urllib.request.urlopen(request) as reply:
                self._reply(reply.status, reply.read())
        except urllib.error.HTTPError as error:
            self._reply(error.code, error.read())

    def _error(self, status: int, kind: str, reason: str) -> None:
        error = {"type": kind, "reason": reason}
        self._reply(status, json.dumps({"error": {**error, "root_cause": [error]}, "status": status}).encode())

    def _reply(self, status: int, body: bytes) -> None:
        accepted = _COMPATIBLE.fullmatch(self.headers.get("Accept") or "")
        kind = f"application/vnd.elasticsearch+json;compatible-with={accepted[2]}" if accepted else "application/json"
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if self.server.product:
                self.send_header("X-Elastic-Product", self.server.product)
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # the client gave up

    def log_message(self, *_: object) -> None:
        pass

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _pass

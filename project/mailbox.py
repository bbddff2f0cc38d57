"""A mail server and a receiver of webhooks for development: keeps everything as files to look at, and sends none.

`python -m project.mailbox --port 1025 --http-port 1080 --dir .data/mail` runs until SIGTERM or Ctrl-C. Each mail
becomes `<time>-<recipient>.eml`, with its readable parts beside it as `.html` and `.txt`; each webhook
`<time>-<webhook-id>.json`, its headers and its body.
"""

import argparse
import json
import os
import re
import signal
import sys
import threading
from datetime import UTC, datetime
from email import message_from_bytes, policy
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

_UNSAFE = re.compile(r"[^\w.@+-]")


class Mailbox:
    """aiosmtpd's handler that writes to a folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        message = message_from_bytes(content, policy=policy.default)
        at = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        for recipient in envelope.rcpt_tos:
            name = f"{at}-{_UNSAFE.sub('_', recipient)[:100]}"
            for kind in ("html", "plain"):
                part = message.get_body((kind,))
                if part is not None:
                    suffix = "txt" if kind == "plain" else kind
                    _write(self.folder, f"{name}.{suffix}", str(part.get_content()).encode())
            _write(self.folder, f"{name}.eml", content)  # last: who sees it sees its parts too
        return "250 kept"


class Hooks(ThreadingHTTPServer):
    """Takes every POST and keeps it in `folder`."""

    daemon_threads = True

    def __init__(self, folder: Path, *, host: str, port: int):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__((host, port), _Hook)


class _Hook(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hooks

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode(errors="replace")
        at = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        name = f"{at}-{_UNSAFE.sub('_', self.headers.get('webhook-id', 'none'))[:100]}.json"
        content = {"path": self.path, "headers": dict(self.headers), "body": body}
        _write(self.server.folder, name, json.dumps(content, indent=2, ensure_ascii=False).encode())
        self.send_response(HTTPStatus.NO_CONTENT)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the files say it."""


def _write(folder: Path, name: str, content: bytes) -> None:
    partial = folder / f".{name}.part"
    partial.write_bytes(content)
    os.replace(partial, folder / name)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="project.mailbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--dir", type=Path, required=True)
    options = parser.parse_args(arguments)

    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    controller = Controller(Mailbox(options.dir), hostname=options.host, port=options.port)
    port = options.http_port
    try:
        hooks = Hooks(options.dir, host=options.host, port=port)
        port = options.port
        controller.start()
    except OSError as error:
        print(f"port {port}: {error}", file=sys.stderr)  # noqa: T201 - a command line's only voice
        return 1
    threading.Thread(target=hooks.serve_forever, daemon=True).start()
    try:
        stop.wait()
    finally:
        controller.stop()
        hooks.shutdown()
        hooks.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

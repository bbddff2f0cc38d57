"""A mail server and a receiver of webhooks for development: keeps everything as files to look at, and sends none.

`python -m project.mailbox --port 1025 --http-port 1080 --dir .data/mail` runs until SIGTERM or Ctrl-C. Each mail
becomes `<time>-<recipient>.eml`, with its readable parts beside it as `.html` and `.txt`; each webhook
`<time>-<webhook-id>.json`, its headers and its body. It stands for Slack's incoming webhooks (/services/...) and for
PagerDuty (/v2/enqueue) too: `<time>-slack-<channel>.json`, `<time>-pagerduty.json`, and a GET of /told shows what they
heard. A POST to /heartbeat adds its time to `heartbeats`, a GET says how long ago the last one came.
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
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

HEARTBEAT, HEARTBEATS = "/heartbeat", "heartbeats"
SLACK, PAGERDUTY, TOLD = "/services/", "/v2/enqueue", "/told"
_MOST_TOLD = 20  # not tunable: what a page of the demo shows
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
    """Takes every POST and keeps it in `folder`; of a heartbeat the time alone. Answers as whom it stands for does."""

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
        now = datetime.now(UTC)
        if self.path == HEARTBEAT:
            with (self.server.folder / HEARTBEATS).open("a") as file:
                file.write(f"{now.isoformat()}\n")
            self._answer(HTTPStatus.NO_CONTENT)
        elif self.path.startswith(SLACK):
            self._take_chat(now, body)
        elif self.path == PAGERDUTY:
            self._take_page(now, body)
        else:
            self._keep(now, self.headers.get("webhook-id", "none"), body)
            self._answer(HTTPStatus.NO_CONTENT)

    def _take_chat(self, now: datetime, body: str) -> None:
        if not _said(body).get("text"):
            self._answer(HTTPStatus.BAD_REQUEST, "invalid_payload")
            return
        self._keep(now, f"slack-{self.path.rpartition('/')[2]}", body)
        self._answer(HTTPStatus.OK, "ok")

    def _take_page(self, now: datetime, body: str) -> None:
        event = _said(body)
        missing = [name for name in ("routing_key", "event_action", "dedup_key") if not event.get(name)]
        answer: dict[str, Any]
        if missing:
            answer = {"status": "invalid event", "message": "Event object is invalid", "errors": missing}
            self._answer(HTTPStatus.BAD_REQUEST, json.dumps(answer), "application/json")
            return
        self._keep(now, "pagerduty", body)
        answer = {"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]}
        self._answer(HTTPStatus.ACCEPTED, json.dumps(answer), "application/json")

    def do_GET(self) -> None:
        if self.path == HEARTBEAT:
            self._answer(HTTPStatus.OK, _last(heartbeats(self.server.folder)))
        elif self.path == TOLD:
            self._answer(HTTPStatus.OK, told(self.server.folder))
        else:
            self._answer(HTTPStatus.NOT_FOUND, f"There is nothing but {HEARTBEAT} and {TOLD} to read here.\n")

    def _keep(self, now: datetime, name: str, body: str) -> None:
        content = {"path": self.path, "headers": dict(self.headers), "body": body}
        _write(
            self.server.folder,
            f"{now.strftime('%Y%m%dT%H%M%S.%fZ')}-{_UNSAFE.sub('_', name)[:100]}.json",
            json.dumps(content, indent=2, ensure_ascii=False).encode(),
        )

    def _answer(self, status: HTTPStatus, said: str = "", kind: str = "text/plain; charset=utf-8") -> None:
        body = said.encode()
        self.send_response(status)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the files say it."""


def heartbeats(folder: Path) -> list[datetime]:
    """When each heartbeat came, the last one last."""
    kept = folder / HEARTBEATS
    return [datetime.fromisoformat(line) for line in kept.read_text().split()] if kept.exists() else []


def told(folder: Path) -> str:
    """What Slack and the pagers were told last, as text, the newest first."""
    kept = sorted([*folder.glob("*-slack-*.json"), *folder.glob("*-pagerduty.json")], reverse=True)
    return (
        "\n".join(_as_text(path) for path in kept[:_MOST_TOLD])
        or "Slack and the pagers were told nothing yet.\n"
    )


def _said(body: str) -> dict[str, Any]:
    """The JSON object in `body`; an empty one for anything else."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _as_text(path: Path) -> str:
    kept = json.loads(path.read_bytes())
    said: dict[str, Any] = json.loads(kept["body"])
    at = datetime.strptime(path.name.partition("-")[0], "%Y%m%dT%H%M%S.%f%z")
    if kept["path"] == PAGERDUTY:
        page = said.get("payload", {})
        head, lines = f"pager: {said['event_action']} {said['dedup_key']}", [page.get("summary", "")]
        lines += [f"{link['text']}: {link['href']}" for link in said.get("links", ())]
    else:
        head = f"Slack #{kept['path'].rpartition('/')[2]}: {said['text']}"
        lines = [text for block in said.get("blocks", ()) for text in _parts(block)]
    shown = [f"    {line}" for text in lines if text != said.get("text") for line in text.splitlines()]
    return "\n".join([f"{at:%Y-%m-%d %H:%M:%S} UTC  {head}", *shown, ""])


def _parts(block: dict[str, Any]) -> list[str]:
    """The texts of one of Slack's blocks, and where its buttons lead."""
    texts = [block["text"]] if "text" in block else [*block.get("fields", ())]
    buttons = [
        f"{button['text']['text']}: {button['url']}"
        for button in block.get("elements", ())
        if "url" in button
    ]
    return [text["text"] for text in texts] + buttons


def _last(times: list[datetime]) -> str:
    if not times:
        return "No heartbeat has come yet.\n"
    ago = (datetime.now(UTC) - times[-1]).total_seconds()
    return f"The last heartbeat came {ago:.0f} s ago, at {times[-1]:%H:%M:%S} UTC; {len(times)} in all.\n"


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

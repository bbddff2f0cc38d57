"""A mail server for development: keeps every mail as files to look at, and sends none.

`python -m project.mailbox --port 1025 --dir .data/mail` runs until SIGTERM or Ctrl-C. Each mail becomes
`<time>-<recipient>.eml`, with its readable parts beside it as `.html` and `.txt`.
"""

import argparse
import os
import re
import signal
import sys
import threading
from datetime import UTC, datetime
from email import message_from_bytes, policy
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
                    self._write(
                        f"{name}.{'txt' if kind == 'plain' else kind}", str(part.get_content()).encode()
                    )
            self._write(f"{name}.eml", content)  # last: who sees it sees its parts too
        return "250 kept"

    def _write(self, name: str, content: bytes) -> None:
        partial = self.folder / f".{name}.part"
        partial.write_bytes(content)
        os.replace(partial, self.folder / name)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="project.mailbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dir", type=Path, required=True)
    options = parser.parse_args(arguments)

    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    controller = Controller(Mailbox(options.dir), hostname=options.host, port=options.port)
    try:
        controller.start()
    except OSError as error:
        print(f"port {options.port}: {error}", file=sys.stderr)  # noqa: T201 - a command line's only voice
        return 1
    try:
        stop.wait()
    finally:
        controller.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())

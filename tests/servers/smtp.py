"""A mail server that keeps what it took."""

import asyncio
import re
import socket
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.servers.base import Ledger, Server

_KEY = re.compile(r"<delivery-\d+\.([0-9a-f]+)@")


class SmtpServer(Server):
    """Answers RCPT and DATA as `rcpt` and `data` say. `fail(451)` refuses the next mail."""

    name = "smtp"
    host = "127.0.0.1"

    def __init__(self, ledger: Ledger | None = None):
        super().__init__(ledger)
        self.rcpt = self.data = "250 OK"
        self.taken: list[tuple[list[str], EmailMessage]] = []
        self.raw: list[bytes] = []
        self.sessions: set[object] = set()
        self._controller: Controller | None = None

    def start(self) -> None:
        with socket.create_server((self.host, 0)) as free:
            self.port = free.getsockname()[1]
        self._controller = Controller(self, hostname=self.host, port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.sessions.add(session.peer)
        return responses

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        failure = self.next_failure()
        if failure is not None:
            return f"{failure.status} {failure.body.decode() or 'not now'}"
        if not self.data.startswith("250"):
            return self.data
        content = envelope.original_content or b""
        message = message_from_bytes(content, policy=policy.default)
        self.raw.append(content)
        self.taken.append((envelope.rcpt_tos, message))
        message_id = str(message["Message-ID"])
        key = _KEY.match(message_id)
        kept = self.take(
            {
                "key": key[1] if key else message_id,
                "message_id": message_id,
                "recipients": envelope.rcpt_tos,
                "subject": str(message["Subject"]),
            }
        )
        if self.delay:
            await asyncio.sleep(self.delay)
        if not kept:
            server.transport.abort()
        return self.data

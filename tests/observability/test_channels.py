"""The e-mail channel against a real mail server on loopback."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from smtplib import SMTPException
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.conf import LazySettings

from observability.channels import EmailChannel, message_id
from tenancy.deliveries import Content, Rejected
from tenancy.models import Delivery, User

CONTENT = Content("▲ P2 Fatura ödemesi · gecikti", "Süre doldu: İğne, ışık, Straße.\n", "<p>Süre doldu</p>")
EVENT = UUID("0199b1c0-0000-7000-8000-000000000001")


class Server:
    """Answers as `rcpt` and `data` say and keeps what it took; counts its callers."""

    def __init__(self) -> None:
        self.rcpt = self.data = "250 OK"
        self.taken: list[tuple[list[str], EmailMessage]] = []
        self.raw: list[bytes] = []
        self.sessions: set[object] = set()

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
        content = envelope.original_content or b""
        if self.data.startswith("250"):
            self.raw.append(content)
            self.taken.append((envelope.rcpt_tos, message_from_bytes(content, policy=policy.default)))
        return self.data


@pytest.fixture
def server(settings: LazySettings) -> Iterator[Server]:
    handler = Server()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_TIMEOUT = 1
    yield handler
    controller.stop()


@pytest.fixture
def channel() -> Iterator[EmailChannel]:
    channel = EmailChannel()
    yield channel
    channel.hang_up()


def delivery(**given: Any) -> Delivery:
    fields = {
        "pk": 7,
        "tenant_id": 3,
        "event": EVENT,
        "message": "incident.breached",
        "recipient": "user:12",
        "channel": "email",
        "dedupe_key": "incident.breached",
        "created_at": datetime(2026, 11, 18, 9, 0, tzinfo=UTC),
    }
    return Delivery(**fields | given)


def user(email: str = "ayse@acme.example.test", name: str = "Ayşe Koç") -> User:
    return User(email=email, name=name)


def test_a_mail_with_all_its_headers(server: Server, channel: EmailChannel, settings: LazySettings) -> None:
    reference = channel.send(delivery(), user(), CONTENT)
    [(recipients, mail)] = server.taken
    assert recipients == ["ayse@acme.example.test"]
    assert mail["To"] == "ayse@acme.example.test"
    assert mail["From"] == settings.DEFAULT_FROM_EMAIL
    assert mail["Subject"] == CONTENT.subject
    assert mail["Message-ID"] == reference == message_id(delivery())
    assert reference.startswith("<delivery-7.")
    assert reference.endswith(f"@{settings.BASE_HOST}>")
    assert mail["Date"].datetime == datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Hypercare-Event"] == str(EVENT)
    assert mail["Reply-To"] is None
    text, html = mail.iter_parts()
    assert mail.get_content_type() == "multipart/alternative"
    assert (text.get_content_type(), text.get_content()) == ("text/plain", CONTENT.text.replace("\n", "\r\n"))
    assert (html.get_content_type(), html.get_content().strip()) == ("text/html", CONTENT.html)


def test_a_repeat_is_the_same_mail_and_another_delivery_is_not(server: Server, channel: EmailChannel) -> None:
    for given in ({}, {}, {"pk": 8, "recipient": "user:13"}, {"pk": 9, "dedupe_key": "again"}):
        channel.send(delivery(**given), user(), CONTENT)
    first, repeat, *others = [mail for _, mail in server.taken]
    assert first.items()[1:] == repeat.items()[1:]  # the first header names the parts' boundary
    assert len({mail["Message-ID"] for mail in (first, *others)}) == 3


def test_one_connection_serves_a_threads_mails(server: Server, channel: EmailChannel) -> None:
    for _ in range(3):
        channel.send(delivery(), user(), CONTENT)
    assert (len(server.taken), len(server.sessions)) == (3, 1)


def test_a_server_that_hung_up_is_called_again(server: Server, channel: EmailChannel) -> None:
    channel.send(delivery(), user(), CONTENT)
    channel._kept.backend.connection.sock.close()
    channel.send(delivery(), user(), CONTENT)
    assert len(server.taken) == 2


def test_a_subject_cannot_become_a_header(server: Server, channel: EmailChannel) -> None:
    content = Content("Sel\r\nBcc: evil@evil.test\r\n\r\n<b>body</b>", "text\n", "<p>html</p>")
    channel.send(delivery(), user(), content)
    [(recipients, mail)] = server.taken
    assert recipients == ["ayse@acme.example.test"]
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Sel Bcc: evil@evil.test <b>body</b>"
    assert server.raw[0].count(b"\r\n\r\n<b>") == 0


def test_a_long_subject_begins_with_its_first_word(server: Server, channel: EmailChannel) -> None:
    subject = "◆ P1 INC-7: ilk yanıt gecikti · Fatura aktarımı durdu, şubeler kesemiyor, kuyruk büyüyor"
    channel.send(delivery(), user(), Content(subject, "text\n", "<p>html</p>"))
    [(_recipients, mail)] = server.taken
    assert mail["Subject"] == subject
    assert b"Subject: =?utf-8?" in server.raw[0]
    assert max(map(len, server.raw[0].splitlines())) <= 78


@pytest.mark.parametrize(
    "address",
    [
        "a@acme.example.test\r\nBcc: evil@evil.test",
        "a@acme.example.test, b@evil.test",
        "<a@b.test> x",
        "",
        "a@b@c.test",
    ],
)
def test_an_address_that_is_none_is_rejected(server: Server, channel: EmailChannel, address: str) -> None:
    with pytest.raises(Rejected, match="no e-mail address"):
        channel.send(delivery(), user(address), CONTENT)
    assert server.taken == []


@pytest.mark.parametrize("step", ["rcpt", "data"])
def test_a_refusal_for_good_is_rejected(server: Server, channel: EmailChannel, step: str) -> None:
    setattr(server, step, "550 5.1.1 no such user")
    with pytest.raises(Rejected, match=r"550 5\.1\.1 no such user"):
        channel.send(delivery(), user(), CONTENT)
    setattr(server, step, "250 OK")
    channel.send(delivery(), user(), CONTENT)
    assert len(server.taken) == 1


@pytest.mark.parametrize("step", ["rcpt", "data"])
def test_a_refusal_for_now_is_tried_again(server: Server, channel: EmailChannel, step: str) -> None:
    setattr(server, step, "451 4.7.1 come back later")
    with pytest.raises(SMTPException, match=r"451|come back later"):
        channel.send(delivery(), user(), CONTENT)
    setattr(server, step, "250 OK")
    channel.send(delivery(), user(), CONTENT)
    assert len(server.taken) == 1


def test_a_server_that_is_away_is_tried_again(
    server: Server, channel: EmailChannel, settings: LazySettings
) -> None:
    settings.EMAIL_PORT = 1
    with pytest.raises(ConnectionRefusedError):
        channel.send(delivery(), user(), CONTENT)

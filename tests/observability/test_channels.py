"""The e-mail channel against a real mail server on loopback."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from smtplib import SMTPException
from threading import Barrier
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import LazySettings

from observability.channels import EmailChannel
from observability.channels.email import message_id
from tenancy.deliveries import Audience, Form, Mail, Rejected, Unsure
from tenancy.models import Delivery, User
from tests.observability import channels
from tests.observability.channels import EVENT, NOW
from tests.servers import SmtpServer

CONTENT = Mail("▲ P2 Fatura ödemesi · gecikti", "Süre doldu: İğne, ışık, Straße.\n", "<p>Süre doldu</p>")


@pytest.fixture
def server(settings: LazySettings) -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.host, server.port
        settings.EMAIL_TIMEOUT = 1
        yield server


@pytest.fixture
def channel() -> Iterator[EmailChannel]:
    channel = EmailChannel()
    yield channel
    channel.hang_up()


def delivery(**given: Any) -> Delivery:
    return channels.delivery(**{"recipient": "user:12", "channel": "email"} | given)


def user(email: str = "ayse@acme.example.test", name: str = "Ayşe Koç") -> Audience:
    return Audience("tr", ZoneInfo("Europe/Istanbul"), user=User(email=email, name=name))


def test_a_mail_with_all_its_headers(
    server: SmtpServer, channel: EmailChannel, settings: LazySettings
) -> None:
    reference = channel.send(delivery(), user(), CONTENT, now=NOW)
    [(recipients, mail)] = server.taken
    assert recipients == ["ayse@acme.example.test"]
    assert mail["To"] == "ayse@acme.example.test"
    assert mail["From"] == settings.DEFAULT_FROM_EMAIL
    assert mail["Subject"] == CONTENT.subject
    assert mail["Message-ID"] == reference == message_id(delivery())
    assert reference == f"<delivery-7.{delivery().key[:24]}@{settings.BASE_HOST}>"
    assert mail["Date"].datetime == datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Hypercare-Event"] == str(EVENT)
    assert mail["Reply-To"] is None
    text, html = mail.iter_parts()
    assert mail.get_content_type() == "multipart/alternative"
    assert (text.get_content_type(), text.get_content()) == ("text/plain", CONTENT.text.replace("\n", "\r\n"))
    assert (html.get_content_type(), html.get_content().strip()) == ("text/html", CONTENT.html)


def test_a_repeat_is_the_same_mail_and_another_delivery_is_not(
    server: SmtpServer, channel: EmailChannel
) -> None:
    for given in ({}, {}, {"pk": 8, "recipient": "user:13"}, {"pk": 9, "dedupe_key": "again"}):
        channel.send(delivery(**given), user(), CONTENT, now=NOW)
    first, repeat, *others = [mail for _, mail in server.taken]
    assert first.items()[1:] == repeat.items()[1:]  # the first header names the parts' boundary
    assert len({mail["Message-ID"] for mail in (first, *others)}) == 3


def test_one_connection_serves_a_threads_mails(server: SmtpServer, channel: EmailChannel) -> None:
    for _ in range(3):
        channel.send(delivery(), user(), CONTENT, now=NOW)
    assert (len(server.taken), len(server.sessions)) == (3, 1)


def test_a_server_that_hung_up_is_called_again(server: SmtpServer, channel: EmailChannel) -> None:
    channel.send(delivery(), user(), CONTENT, now=NOW)
    channel._idle[0].connection.sock.close()
    channel.send(delivery(), user(), CONTENT, now=NOW)
    assert len(server.taken) == 2


def test_a_subject_cannot_become_a_header(server: SmtpServer, channel: EmailChannel) -> None:
    content = Mail("Sel\r\nBcc: evil@evil.test\r\n\r\n<b>body</b>", "text\n", "<p>html</p>")
    channel.send(delivery(), user(), content, now=NOW)
    [(recipients, mail)] = server.taken
    assert recipients == ["ayse@acme.example.test"]
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Sel Bcc: evil@evil.test <b>body</b>"
    assert server.raw[0].count(b"\r\n\r\n<b>") == 0


def test_a_long_subject_begins_with_its_first_word(server: SmtpServer, channel: EmailChannel) -> None:
    subject = "◆ P1 INC-7: ilk yanıt gecikti · Fatura aktarımı durdu, şubeler kesemiyor, kuyruk büyüyor"
    channel.send(delivery(), user(), Mail(subject, "text\n", "<p>html</p>"), now=NOW)
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
def test_an_address_that_is_none_is_rejected(server: SmtpServer, channel: EmailChannel, address: str) -> None:
    with pytest.raises(Rejected, match="no e-mail address"):
        channel.send(delivery(), user(address), CONTENT, now=NOW)
    assert server.taken == []


@pytest.mark.parametrize("step", ["rcpt", "data"])
def test_a_refusal_for_good_is_rejected(server: SmtpServer, channel: EmailChannel, step: str) -> None:
    setattr(server, step, "550 5.1.1 no such user")
    with pytest.raises(Rejected, match=r"550 5\.1\.1 no such user"):
        channel.send(delivery(), user(), CONTENT, now=NOW)
    setattr(server, step, "250 OK")
    channel.send(delivery(), user(), CONTENT, now=NOW)
    assert len(server.taken) == 1


@pytest.mark.parametrize("step", ["rcpt", "data"])
def test_a_refusal_for_now_is_tried_again(server: SmtpServer, channel: EmailChannel, step: str) -> None:
    setattr(server, step, "451 4.7.1 come back later")
    with pytest.raises(SMTPException, match=r"451|come back later"):
        channel.send(delivery(), user(), CONTENT, now=NOW)
    setattr(server, step, "250 OK")
    channel.send(delivery(), user(), CONTENT, now=NOW)
    assert len(server.taken) == 1


def test_a_server_that_is_away_is_tried_again(
    server: SmtpServer, channel: EmailChannel, settings: LazySettings
) -> None:
    settings.EMAIL_PORT = 1
    with pytest.raises(ConnectionRefusedError):
        channel.send(delivery(), user(), CONTENT, now=NOW)


def test_it_carries_mail_and_repeats(channel: EmailChannel) -> None:
    assert (channel.name, channel.form, channel.repeats_when_unsure) == ("email", Form.MAIL, True)


def test_an_answer_that_got_lost_leaves_it_unsure_and_the_repeat_is_the_same_mail(
    server: SmtpServer, channel: EmailChannel
) -> None:
    server.drop_every = 1
    with pytest.raises(Unsure, match="yes or no"):
        channel.send(delivery(), user(), CONTENT, now=NOW)
    server.drop_every = 0
    channel.send(delivery(attempts=2), user(), CONTENT, now=NOW)
    assert server.keys == [delivery().key[:24]] * 2
    assert [record["dropped"] for record in server.records] == [True, False]
    assert len(server.sessions) == 2


def test_a_server_that_never_answers_is_given_up(server: SmtpServer, channel: EmailChannel) -> None:
    server.delay = 1.5
    with pytest.raises(Unsure, match=r"yes or no.*timed out"):
        channel.send(delivery(), user(), CONTENT, now=NOW)


def test_sixteen_threads_have_a_connection_each_and_hanging_up_closes_all(
    server: SmtpServer, channel: EmailChannel
) -> None:
    together = Barrier(16)
    server.delay = 0.05

    def send(number: int) -> str:
        together.wait()
        references = [channel.send(delivery(pk=number * 10 + n), user(), CONTENT, now=NOW) for n in range(3)]
        return references[-1]

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(send, range(1, 17)))) == 16
    assert len(server.taken) == 48
    assert 2 <= len(server.sessions) <= 16
    assert len(channel._idle) == len(server.sessions)
    sockets = [backend.connection.sock for backend in channel._idle]
    channel.hang_up()
    assert not channel._idle
    assert {one.fileno() for one in sockets} == {-1}

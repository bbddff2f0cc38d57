"""E-mail over the configured backend."""

import smtplib
from collections import deque
from contextlib import suppress
from datetime import datetime
from email.header import Header
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.validators import validate_email
from django.utils.http import http_date

from observability.mail import one_line
from tenancy.deliveries import Audience, Form, Mail, Rejected, Unsure
from tenancy.models import Delivery, User

_PERMANENT = 500  # not tunable: SMTP
_OK = 250  # not tunable: SMTP


class EmailChannel:
    """Never lost, and so perhaps sent twice.

    A mail whose sender died is sent again, byte for byte the same with the same Message-ID, so that a mailbox can
    drop the second. A refusal for good (5xx to the recipient or the message) is Rejected; everything else, a
    refused sender or sign-in too, is tried again: that is ours to put right.
    """

    name = "email"
    form = Form.MAIL
    repeats_when_unsure = True

    def __init__(self) -> None:
        self._idle: deque[Any] = deque()  # connected backends that nobody sends on; its ends are thread-safe

    def send(self, delivery: Delivery, audience: Audience, content: Mail, *, now: datetime) -> str:
        """Hand the mail to the mail server and return its Message-ID. Its Date is its delivery's, not `now`."""
        assert audience.user is not None
        try:
            validate_email(audience.user.email)
        except ValidationError as error:
            raise Rejected(f"{audience.user.email!r} is no e-mail address") from error
        mail = compose(delivery, audience.user, content)
        mail.connection = self._connected()
        usable = False
        try:
            mail.send()
            usable = True
        except smtplib.SMTPRecipientsRefused as error:
            usable = True
            [(code, reason)] = error.recipients.values()
            raise _refusal(error, code, reason) from error
        except smtplib.SMTPDataError as error:
            usable = True
            raise _refusal(error, error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPServerDisconnected as error:
            raise Unsure(f"the mail server did not say yes or no: {error}") from error
        finally:
            if usable:
                self._idle.append(mail.connection)
            else:
                _close(mail.connection)
        return message_id(delivery)

    def hang_up(self) -> None:
        """Close the connections that nobody sends on."""
        with suppress(IndexError):
            while True:
                _close(self._idle.pop())

    def _connected(self) -> Any:
        """An idle backend whose server still listens, or a new one."""
        with suppress(IndexError):
            while True:
                backend = self._idle.pop()
                if _listens(backend):
                    return backend
                _close(backend)
        backend = get_connection()
        try:
            backend.open()
        except BaseException:
            _close(backend)
            raise
        return backend


class _Message(EmailMultiAlternatives):
    """One whose subject begins on the line of its name: Django folds a long one before its first word."""

    def message(self, *args: Any, **kwargs: Any) -> Any:
        message = super().message(*args, **kwargs)
        message.replace_header("Subject", Header(str(self.subject), header_name="Subject"))
        return message


def compose(delivery: Delivery, user: User, content: Mail) -> EmailMultiAlternatives:
    """The mail of a delivery; the same delivery gives the same bytes but for the parts' boundary."""
    mail = _Message(
        subject=one_line(content.subject),
        body=content.text,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[user.email],
        headers={
            "Message-ID": message_id(delivery),
            "Date": http_date(delivery.created_at.timestamp()).replace("GMT", "+0000"),
            "Auto-Submitted": "auto-generated",  # RFC 3834: no vacation notice answers it
            "X-Auto-Response-Suppress": "All",
            "X-Hypercare-Event": str(delivery.event),
        },
    )
    mail.attach_alternative(content.html, "text/html")
    return mail


def message_id(delivery: Delivery) -> str:
    """The same at every repeat, another for every other delivery."""
    return f"<delivery-{delivery.pk}.{delivery.key[:24]}@{settings.BASE_HOST}>"


def _listens(backend: Any) -> bool:
    smtp = getattr(backend, "connection", None)
    if smtp is None:
        return True  # a backend that is no SMTP keeps no connection
    try:
        return bool(smtp.noop()[0] == _OK)
    except OSError:  # smtplib's errors too
        return False


def _close(backend: Any) -> None:
    """Say goodbye if anybody listens. The socket is closed whatever happens."""
    smtp = getattr(backend, "connection", None)
    with suppress(OSError):
        backend.close()
    if smtp is not None:
        smtp.close()


def _refusal(error: smtplib.SMTPException, code: int, reason: bytes | str) -> Exception:
    text = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
    return Rejected(f"{code} {text}") if code >= _PERMANENT else error

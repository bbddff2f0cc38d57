"""The ways to reach somebody that tenancy.deliveries sends on."""

import hashlib
import smtplib
import threading
from email.header import Header
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.validators import validate_email
from django.utils.http import http_date

from observability.mail import one_line
from tenancy.deliveries import Content, Rejected
from tenancy.models import Delivery, User

_PERMANENT = 500


class EmailChannel:
    """E-mail over the configured backend: never lost, and so perhaps sent twice.

    A mail whose sender died is sent again, byte for byte the same with the same Message-ID, so that a mailbox can
    drop the second. A refusal for good (5xx to the recipient or the message) is Rejected; everything else, a
    refused sender or sign-in too, is tried again: that is ours to put right.
    """

    name = "email"
    repeats_when_unsure = True

    def __init__(self) -> None:
        self._kept = threading.local()

    def send(self, delivery: Delivery, user: User, content: Content) -> str:
        """Hand the mail to the mail server and return its Message-ID."""
        try:
            validate_email(user.email)
        except ValidationError as error:
            raise Rejected(f"{user.email!r} is no e-mail address") from error
        backend = self._backend()
        mail = compose(delivery, user, content)
        mail.connection = backend
        try:
            mail.send()
        except smtplib.SMTPRecipientsRefused as error:
            [(code, reason)] = error.recipients.values()
            raise _refusal(error, code, reason) from error
        except smtplib.SMTPDataError as error:
            raise _refusal(error, error.smtp_code, error.smtp_error) from error
        except Exception:
            self._kept.backend = None  # whatever state its connection is in: the next mail gets a new one
            raise
        return message_id(delivery)

    def hang_up(self) -> None:
        """Close this thread's connection, if it has one."""
        backend, self._kept.backend = getattr(self._kept, "backend", None), None
        if backend is not None:
            backend.close()

    def _backend(self) -> Any:
        """This thread's backend, connected; a server that hung up in the meantime is asked anew."""
        backend = getattr(self._kept, "backend", None)
        smtp = getattr(backend, "connection", None)
        if smtp is not None and not _listens(smtp):
            backend = None
        if backend is None:
            backend = self._kept.backend = get_connection()
        backend.open()
        return backend


class Mail(EmailMultiAlternatives):
    """One whose subject begins on the line of its name: Django folds a long one before its first word."""

    def message(self, *args: Any, **kwargs: Any) -> Any:
        message = super().message(*args, **kwargs)
        message.replace_header("Subject", Header(str(self.subject), header_name="Subject"))
        return message


def compose(delivery: Delivery, user: User, content: Content) -> EmailMultiAlternatives:
    """The mail of a delivery; the same delivery gives the same bytes but for the parts' boundary."""
    mail = Mail(
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
    """The same at every repeat, another for every other delivery: made of what makes a delivery unique."""
    parts = (delivery.tenant_id, delivery.event, delivery.recipient, delivery.channel, delivery.dedupe_key)
    digest = hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:24]
    return f"<delivery-{delivery.pk}.{digest}@{settings.BASE_HOST}>"


def _listens(smtp: smtplib.SMTP) -> bool:
    try:
        return smtp.noop()[0] == 250  # noqa: PLR2004 - RFC 5321's "OK"
    except (OSError, smtplib.SMTPException):
        return False


def _refusal(error: smtplib.SMTPException, code: int, reason: bytes | str) -> Exception:
    text = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
    return Rejected(f"{code} {text}") if code >= _PERMANENT else error

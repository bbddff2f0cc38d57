"""What can be said, in which form, and by which way: the registries that apps fill in `ready()`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from tenancy.models import Delivery, Endpoint, Tenant, User


class Rejected(Exception):
    """The receiver will never take this message: dead at once."""


class Moot(Exception):
    """There is nobody or nothing to tell any more: the delivery is needless, and says so."""


class Unsure(Exception):
    """The message may have arrived and may not: nobody answered. The channel's promise decides what is next."""


class Busy(Exception):
    """The receiver asks us to come back after `wait` (Retry-After)."""

    def __init__(self, text: str, wait: timedelta):
        super().__init__(text)
        self.wait = wait


class Form(StrEnum):
    """What a channel can carry."""

    MAIL = "mail"
    CHAT = "chat"
    PAGE = "page"
    DATA = "data"


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail in its reader's language; `text` and `html` say the same."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Card:
    """A few lines for a chat: a headline, a sentence, named facts, and where to go.

    `also` are further places to go, each by what it is called.
    """

    headline: str
    text: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    link: str = ""
    also: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Chat:
    """What is new about a subject, and how the subject stands now.

    A channel with threads keeps one thread a subject: `standing` is its first message, kept up to date, and `news`
    is posted below it. A channel without posts `news` alone.
    """

    news: Card
    standing: Card


class PageAction(StrEnum):
    TRIGGER = "trigger"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


@dataclass(frozen=True, slots=True)
class Page:
    """What wakes somebody up. One alert a subject: actions on the same subject find each other.

    `also` are further places to go, each by what it is called.
    """

    action: PageAction
    summary: str
    severity: str = "error"
    """critical, error, warning or info: PagerDuty's own words."""
    details: Mapping[str, str] = field(default_factory=dict)
    link: str = ""
    also: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Data:
    """An event for a program: its name, when it happened, and what JSON can carry of it."""

    type: str
    at: datetime
    data: Mapping[str, Any]


Content = Mail | Chat | Page | Data


@dataclass(frozen=True, slots=True)
class Audience:
    """Who reads a delivery: exactly one of a person and an endpoint, with their language and zone."""

    language: str
    time_zone: ZoneInfo
    user: User | None = None
    endpoint: Endpoint | None = None
    thread: str = ""
    """The provider's reference of the first message to this endpoint about the same subject, if there is one."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What a renderer is told: which message, about what, for whom, for which host its links are, and the time."""

    tenant: Tenant
    message: str
    subject: str
    event: UUID
    audience: Audience
    base_url: str
    now: datetime


class Channel(Protocol):
    """One way to reach somebody. `send` runs in a thread of its own and must not touch the database."""

    name: str
    form: Form
    repeats_when_unsure: bool
    """True: never lost, and so perhaps sent twice (with the same key). False: never twice, so perhaps a person's."""

    def send(self, delivery: Delivery, audience: Audience, content: Any, *, now: datetime) -> str:
        """Hand `content`, of this channel's form, over at `now` and return the provider's reference (200 characters).

        Raises Rejected when trying again is pointless, Unsure when it may have arrived, Busy when the receiver
        names a time to come back; anything else failed before it left and is tried again.
        """
        ...

    def hang_up(self) -> None:
        """Close what was kept open between sends; called when a run of the dispatcher ends."""
        ...


class Offered(StrEnum):
    """Whose endpoints may subscribe to a message."""

    TENANTS = "tenants"
    OPERATORS = "operators"
    NOBODY = "nobody"


Renderer = Callable[[Sequence[Outgoing]], Sequence[Content | Exception]]
"""Writes all that waits at once, so that what they share is read once. All are of one tenant, language, zone and
moment; their messages may differ where it writes several. Answers each in its place, with the content or with why
there is none: Moot when the audience may not see the subject or there is nothing to say."""

ANY = "*"
_channels: dict[str, Channel] = {}
_renderers: dict[tuple[str, Form], Renderer] = {}
_offered: dict[str, Offered] = {}


def register_channel(channel: Channel) -> None:
    """For AppConfig.ready(). Raises ValueError on a second channel of that name."""
    if channel.name in _channels:
        raise ValueError(f"channel {channel.name!r} is registered already")
    _channels[channel.name] = channel


def register_message(
    message: str, form: Form, renderer: Renderer, *, offered: Offered = Offered.TENANTS
) -> None:
    """Say who writes `message` in `form`; ANY writes every message that nobody else does. For AppConfig.ready().

    It runs inside the tenant, in the language and zone of its readers. Raises ValueError on a second renderer.
    """
    if (message, form) in _renderers:
        raise ValueError(f"message {message!r} has a renderer for {form} already")
    _renderers[message, form] = renderer
    _offered[message] = offered


def each(write: Callable[[Outgoing], Content]) -> Renderer:
    """The renderer that calls `write` for one after the other. What `write` raises is about that one alone."""

    def written(outgoing: Outgoing) -> Content | Exception:
        try:
            return write(outgoing)
        except Exception as error:  # the dispatcher decides what it means
            return error

    return lambda batch: [written(outgoing) for outgoing in batch]


def channel_named(name: str) -> Channel:
    """Raises LookupError."""
    if name not in _channels:
        raise LookupError(f"nothing sends on {name!r}")
    return _channels[name]


def renderer_of(message: str, form: Form) -> Renderer:
    """Raises LookupError."""
    renderer = _renderers.get((message, form)) or _renderers.get((ANY, form))
    if renderer is None:
        raise LookupError(f"nobody writes {message!r} as {form}")
    return renderer


def channels() -> dict[str, Channel]:
    return dict(_channels)


def writable(form: Form, to: Offered) -> list[str]:
    """The messages in `form` that `to` may subscribe to; ANY among them says that every event is one."""
    return sorted(
        message for message, its in _renderers if its == form and (message == ANY or _offered[message] == to)
    )

"""Slack: the Web API with a thread a subject, and the plainer incoming webhooks."""

import json
import math
import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.client import HTTPException
from typing import Any
from urllib.error import URLError

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from observability.channels.egress import Egress, Failed, judge, retry_after
from tenancy.deliveries import Audience, Busy, Card, Chat, Form, Rejected, Unsure
from tenancy.models import Delivery, Endpoint

# Slack's own limits, in characters.
_HEADER, _SECTION, _FIELD, _FIELDS, _BUTTON = (
    150,
    3000,
    2000,
    10,
    75,
)  # not tunable: Slack's bounds of a block
_EVENT = "hypercare_delivery"
_OK, _BROKEN = 200, 500  # not tunable: HTTP

_GONE = frozenset({"channel_not_found", "is_archived"})
_UNFIT = frozenset(
    {"invalid_blocks", "invalid_blocks_format", "msg_too_long", "msg_blocks_too_long", "no_text"}
)
_HALF_DONE = frozenset({"fatal_error", "internal_error"})  # "some aspect may have succeeded"
_NO_THREAD = frozenset({"thread_not_found", "message_not_found", "cannot_reply_to_message"})
_FIXED = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
_HOOK_GONE = frozenset({400, 404, 410})  # a payload or a webhook that it will never take


class Refused(Failed):
    """Slack's answer, by its name for what is wrong."""

    def __init__(self, code: str, text: str):
        super().__init__(text)
        self.code = code


class SlackChannel:
    """One thread a subject through the Web API: never lost, and not doubled either.

    The thread's first message says how the subject stands and is kept up to date, the others say what is new. Each
    carries the delivery's key as metadata; a repeat looks for it first and posts only what is not there. The
    endpoint's secret is a bot token (chat:write, channels:history and groups:history), its address a channel's id.
    A channel that is gone is Rejected; a token that is refused is tried again: that is for people to put right.
    """

    name = "slack"
    form = Form.CHAT
    repeats_when_unsure = True

    def send(self, delivery: Delivery, audience: Audience, content: Chat, *, now: datetime) -> str:
        """Post the news, bring the thread's first message up to date, and return `CHANNEL/TS` of that message."""
        assert audience.endpoint is not None
        slack = _Slack(audience.endpoint, now=now)
        root = slack.root_of(audience.thread)
        found = ""
        if _repeated(delivery):
            # Its sender may have died before it said where the thread is that it had begun or answered in.
            root = root or slack.find_root(delivery.subject, since=delivery.created_at)
            found = slack.find(delivery.key, since=delivery.created_at, root=root)
        with translation.override(audience.language):
            if not found and root:
                found = slack.reply(content.news, root=root, delivery=delivery)
            if not found:
                return slack.reference(slack.begin(content, delivery=delivery))
            if root and found != root:
                slack.update(content.standing, root=root)
        return slack.reference(root or found)

    def hang_up(self) -> None:
        """Nothing is kept open: slack_sdk connects for each call."""


class SlackWebhookChannel:
    """The news alone, through an incoming webhook: never twice, and so perhaps a person has to look.

    Slack's webhooks know no key and answer nothing that a message could be found by. So a message that may have
    arrived is not sent again. The endpoint's secret is the webhook's whole URL.
    """

    name = "slack_webhook"
    form = Form.CHAT
    repeats_when_unsure = False

    def send(self, delivery: Delivery, audience: Audience, content: Chat, *, now: datetime) -> str:
        """Post the news. Returns nothing, for Slack gives no reference."""
        assert audience.endpoint is not None
        url = audience.endpoint.secret
        if not url.startswith(settings.SLACK_HOOKS_URL.rstrip("/") + "/"):
            raise Rejected(f"the webhook's URL has to begin with {settings.SLACK_HOOKS_URL}")
        with translation.override(audience.language):
            message = _message(content.news)
        # Not over a connection that is kept: it may end just when it is used again, and who knows what arrived.
        egress = Egress()
        try:
            answer = egress.post(url, json.dumps(message).encode(), {"Content-Type": "application/json"})
        finally:
            egress.hang_up()
        judge(answer, final=_HOOK_GONE, now=now)
        return ""

    def hang_up(self) -> None:
        """Nothing is kept open."""


class _Slack:
    """The calls of one send, all within delivery.SEND_TIMEOUT_SECONDS."""

    def __init__(self, endpoint: Endpoint, *, now: datetime):
        self._now = now
        self._channel = endpoint.address
        self._ends = time.monotonic() + settings.THRESHOLDS.delivery.SEND_TIMEOUT_SECONDS
        # slack_sdk tries again by itself when a connection breaks, and so would post twice.
        self._web = WebClient(token=endpoint.secret, base_url=settings.SLACK_BASE_URL, retry_handlers=[])

    def reference(self, ts: str) -> str:
        return f"{self._channel}/{ts}"

    def root_of(self, thread: str) -> str:
        """The `ts` in a reference; none if the endpoint has moved to another channel since."""
        channel, _sep, ts = thread.partition("/")
        return ts if channel == self._channel else ""

    def find(self, key: str, *, since: datetime, root: str) -> str:
        """The `ts` of the message that carries `key`, or nothing. It may be in the thread or have begun one."""
        oldest = f"{since.timestamp() - settings.THRESHOLDS.delivery.SLACK_SKEW_SECONDS:.6f}"
        for message in self._replies(root, oldest) if root else ():
            if _payload(message).get("key") == key:
                return str(message["ts"])
        for message in self._all(self._web.conversations_history, oldest=oldest):
            if _payload(message).get("key") == key:
                return str(message["ts"])
        return ""

    def find_root(self, subject: str, *, since: datetime) -> str:
        """The `ts` of the first message about `subject` of the last days, or nothing."""
        lasts = timedelta(days=settings.THRESHOLDS.delivery.SLACK_THREAD_DAYS)
        oldest = f"{(since - lasts).timestamp():.6f}"
        about = [
            str(message["ts"])
            for message in self._all(self._web.conversations_history, oldest=oldest)
            if _payload(message).get("subject") == subject
        ]
        return min(about, default="")

    def begin(self, content: Chat, *, delivery: Delivery) -> str:
        """Post a thread's first message, with the news as a line of context. Returns its `ts`."""
        return self._post(_message(content.standing, aside=content.news), delivery)

    def reply(self, news: Card, *, root: str, delivery: Delivery) -> str:
        """Post into the thread and return the `ts`; nothing if somebody has deleted the thread."""
        try:
            return self._post(_message(news), delivery, thread_ts=root)
        except Refused as refused:
            if refused.code in _NO_THREAD:
                return ""
            raise

    def update(self, standing: Card, *, root: str) -> None:
        """Bring a thread's first message up to date, unless Slack lets nobody change it any more."""
        try:
            self._ask(self._web.chat_update, channel=self._channel, ts=root, **_message(standing))
        except Refused as refused:
            if refused.code not in _FIXED:
                raise

    def _post(self, message: dict[str, Any], delivery: Delivery, *, thread_ts: str | None = None) -> str:
        payload = {"key": delivery.key, "subject": delivery.subject}
        metadata = {"event_type": _EVENT, "event_payload": payload}
        posted = self._ask(
            self._web.chat_postMessage,
            channel=self._channel,
            thread_ts=thread_ts,
            metadata=metadata,
            unfurl_links=False,
            unfurl_media=False,
            **message,
        )
        return str(posted["ts"])

    def _replies(self, root: str, oldest: str) -> Iterator[dict[str, Any]]:
        try:
            yield from self._all(self._web.conversations_replies, ts=root, oldest=oldest)
        except Refused as refused:
            if refused.code not in _NO_THREAD:
                raise

    def _all(self, verb: Callable[..., SlackResponse], **arguments: str) -> Iterator[dict[str, Any]]:
        cursor: str | None = None
        while cursor != "":
            page = self._ask(
                verb,
                channel=self._channel,
                include_all_metadata=True,
                limit=settings.THRESHOLDS.delivery.SLACK_PAGE,
                cursor=cursor,
                **arguments,
            )
            yield from page.get("messages") or ()
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""

    def _ask(self, verb: Callable[..., SlackResponse], **arguments: Any) -> SlackResponse:
        """Raises Rejected, Busy, Unsure, or Refused for what is tried again."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise Failed("Slack was too slow; what it has taken is found when this is tried again")
        self._web.timeout = math.ceil(left)
        try:
            return verb(**arguments)
        except SlackApiError as error:
            raise _meaning(error.response, now=self._now) from error
        except URLError as error:  # before an answer was waited for
            raise Failed(f"Slack cannot be reached: {error.reason}") from error
        except (OSError, HTTPException) as error:
            raise Unsure(f"Slack broke off without an answer: {type(error).__name__}") from error


def _repeated(delivery: Delivery) -> bool:
    """Whether it was tried before. A replay counts its attempts anew, but says why it had failed."""
    return delivery.attempts > 1 or bool(delivery.last_error)


def _payload(message: dict[str, Any]) -> dict[str, Any]:
    """What a message of ours carries; nothing for others'."""
    metadata = message.get("metadata") or {}
    ours: bool = metadata.get("event_type") == _EVENT
    return metadata.get("event_payload") or {} if ours else {}


def _meaning(answer: SlackResponse, *, now: datetime) -> Exception:
    code = str(answer.get("error") or f"status {answer.status_code}")[:200]
    text = f"Slack refused: {code}"
    if needed := answer.get("needed"):
        text += f", the token needs {needed}"
    wait = retry_after({name.title(): value for name, value in answer.headers.items()}, now=now)
    if wait is not None and answer.status_code != _OK:
        return Busy(text, wait)
    if code in _GONE or code in _UNFIT:
        return Rejected(text)
    if code in _HALF_DONE or answer.status_code >= _BROKEN:
        return Unsure(text)
    return Refused(code, text)


# ---- Block Kit ----------------------------------------------------------------------------------------------------


def _message(card: Card, *, aside: Card | None = None) -> dict[str, Any]:
    """A card as blocks, and as the one line that a notification shows; `aside` follows in small print."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": _text(card.headline, _HEADER)}}
    ]
    if card.text:
        blocks.append({"type": "section", "text": _mrkdwn(_text(card.text, _SECTION))})
    fields = [_mrkdwn(_text(f"*{name}*\n{value}", _FIELD)) for name, value in card.facts]
    blocks += [
        {"type": "section", "fields": fields[first : first + _FIELDS]}
        for first in range(0, len(fields), _FIELDS)
    ]
    if aside and (aside.headline, aside.text) != (card.headline, card.text):
        line = " · ".join(part for part in (aside.headline, aside.text) if part)
        blocks.append({"type": "context", "elements": [_mrkdwn(_text(line, _SECTION))]})
    places = ((_("Open in Hypercare"), card.link), *card.also) if card.link else card.also
    if places:
        blocks.append({"type": "actions", "elements": [_button(name, url) for name, url in places]})
    return {"text": _text(card.headline, _SECTION), "blocks": blocks}


def _button(name: str, url: str) -> dict[str, Any]:
    return {"type": "button", "text": {"type": "plain_text", "text": _text(name, _BUTTON)}, "url": url}


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _text(text: str, longest: int) -> str:
    """Escaped as Slack asks, so that nobody's text is a mention or a link, and cut to what Slack takes."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if len(escaped) <= longest:
        return escaped
    return re.sub(r"&[a-z]*$", "", escaped[: longest - 1]) + "…"

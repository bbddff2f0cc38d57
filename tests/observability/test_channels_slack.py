"""Slack against a local one: threads, updates, repeats, and incoming webhooks."""

import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone
from django.utils.translation import get_language

from observability.channels import SlackChannel, SlackWebhookChannel
from observability.channels.egress import Failed
from tenancy.deliveries import Audience, Busy, Card, Chat, Form, Rejected, Unsure
from tenancy.models import Delivery
from tests.observability import channels
from tests.observability.channels import NOW, give_up_after, to_endpoint
from tests.servers import SlackServer
from tests.servers.base import Reply
from tests.servers.slack import CHANNEL, EVENT, TOKEN

LINK = "https://acme.example.test/incidents/12"
OPENED = Card("◆ P1 INC-12: opened", "Ayşe Koç reported it")
OPEN = Card("◆ P1 INC-12 Mal girişi durdu", "open", (("Severity", "P1"), ("Assigned to", "nobody")), LINK)
RESOLVED = Card("◆ P1 INC-12: resolved", "after 2 h 5 min", (), LINK)
CLOSED = Card("◆ P1 INC-12 Mal girişi durdu", "resolved", (("Severity", "P1"),), LINK)
FIRST, SECOND = Chat(news=OPENED, standing=OPEN), Chat(news=RESOLVED, standing=CLOSED)


@pytest.fixture
def slack(settings: LazySettings) -> Iterator[SlackServer]:
    with SlackServer() as server:
        settings.EGRESS_ALLOW_LOOPBACK = True
        settings.SLACK_BASE_URL, settings.SLACK_HOOKS_URL = server.api_url, server.hooks_url
        yield server


@pytest.fixture
def channel() -> SlackChannel:
    return SlackChannel()


@pytest.fixture
def hook() -> SlackWebhookChannel:
    return SlackWebhookChannel()


def delivery(**given: Any) -> Delivery:
    return channels.delivery(**{"channel": "slack", "created_at": timezone.now()} | given)


def ops(thread: str = "", *, language: str = "en", secret: str = TOKEN, address: str = CHANNEL) -> Audience:
    return to_endpoint(channel="slack", thread=thread, language=language, secret=secret, address=address)


def payload(row: Delivery) -> dict[str, str]:
    return {"key": row.key, "subject": row.subject}


def texts(message: dict[str, Any]) -> list[str]:
    """Everything that a message shows, top to bottom."""
    shown: list[str] = []
    for block in message["blocks"]:
        parts = [block["text"]] if "text" in block else []
        for part in parts + block.get("fields", []) + block.get("elements", []):
            shown.append(part["text"] if isinstance(part["text"], str) else part["text"]["text"])
    return shown


def methods(slack: SlackServer) -> list[str]:
    return [path.removeprefix("/api/") for path, _headers, _body in slack.requests]


def test_what_they_carry_and_promise(channel: SlackChannel, hook: SlackWebhookChannel) -> None:
    assert (channel.name, channel.form, channel.repeats_when_unsure) == ("slack", Form.CHAT, True)
    assert (hook.name, hook.form, hook.repeats_when_unsure) == ("slack_webhook", Form.CHAT, False)


# ---- threads ----


def test_the_first_message_about_a_subject_says_how_it_stands_and_what_is_new(
    slack: SlackServer, channel: SlackChannel
) -> None:
    reference = channel.send(delivery(), ops(), FIRST, now=NOW)
    [root] = slack.roots()
    assert reference == f"{CHANNEL}/{root['ts']}"
    assert root["metadata"] == {"event_type": EVENT, "event_payload": payload(delivery())}
    assert root["text"] == OPEN.headline
    assert texts(root) == [
        OPEN.headline,
        "open",
        "*Severity*\nP1",
        "*Assigned to*\nnobody",
        "◆ P1 INC-12: opened · Ayşe Koç reported it",
        "Open in Hypercare",
    ]
    assert root["blocks"][-1]["elements"][0]["url"] == LINK
    assert methods(slack) == ["chat.postMessage"]


def test_news_that_say_how_it_stands_are_not_said_twice(slack: SlackServer, channel: SlackChannel) -> None:
    channel.send(delivery(), ops(), Chat(news=OPEN, standing=OPEN), now=NOW)
    assert [block["type"] for block in slack.roots()[0]["blocks"]] == [
        *("header", "section", "section", "actions")
    ]


def test_what_follows_goes_into_the_thread_and_the_first_message_is_brought_up_to_date(
    slack: SlackServer, channel: SlackChannel
) -> None:
    thread = channel.send(delivery(), ops(), FIRST, now=NOW)
    second = delivery(event=2)
    assert channel.send(second, ops(thread), SECOND, now=NOW) == thread
    [root] = slack.roots()
    _root, reply = slack.thread(root["ts"])
    assert texts(root) == [CLOSED.headline, "resolved", "*Severity*\nP1", "Open in Hypercare"]
    assert texts(reply) == [RESOLVED.headline, "after 2 h 5 min", "Open in Hypercare"]
    assert reply["metadata"]["event_payload"] == payload(second)
    assert root["metadata"]["event_payload"] == payload(delivery())
    assert slack.keys == [delivery().key, second.key]


@pytest.mark.parametrize("language", ["en", "tr"])
def test_it_speaks_the_endpoints_language(
    slack: SlackServer, channel: SlackChannel, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setattr("observability.channels.slack._", lambda text: f"{text} ({get_language()})")
    channel.send(delivery(), ops(language=language), FIRST, now=NOW)
    assert texts(slack.roots()[0])[-1] == f"Open in Hypercare ({language})"


def test_a_thread_of_another_channel_is_not_ours(slack: SlackServer, channel: SlackChannel) -> None:
    reference = channel.send(delivery(), ops("C0OTHER/1700000000.000001"), FIRST, now=NOW)
    assert reference == f"{CHANNEL}/{slack.roots()[0]['ts']}"


def test_a_thread_that_somebody_deleted_begins_anew(slack: SlackServer, channel: SlackChannel) -> None:
    thread = channel.send(delivery(), ops(), FIRST, now=NOW)
    slack.rooms[CHANNEL].messages.clear()
    second = channel.send(delivery(event=2), ops(thread), SECOND, now=NOW)
    assert second == f"{CHANNEL}/{slack.roots()[0]['ts']}" != thread


@pytest.mark.parametrize("code", ["message_not_found", "cant_update_message", "edit_window_closed"])
def test_a_first_message_that_cannot_be_changed_keeps_no_news_back(
    slack: SlackServer, channel: SlackChannel, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    thread = channel.send(delivery(), ops(), FIRST, now=NOW)
    monkeypatch.setattr(SlackServer, "_update", lambda *_: refusal(code))
    assert channel.send(delivery(event=2), ops(thread), SECOND, now=NOW) == thread
    assert len(slack.thread(thread.partition("/")[2])) == 2


def refusal(code: str) -> Reply:
    return Reply.json({"ok": False, "error": code})


# ---- repeats ----


def test_a_first_message_whose_answer_got_lost_is_found_and_not_repeated(
    slack: SlackServer, channel: SlackChannel
) -> None:
    slack.drop_every = 1
    with pytest.raises(Unsure, match="without an answer"):
        channel.send(delivery(), ops(), FIRST, now=NOW)
    slack.drop_every = 0
    reference = channel.send(delivery(attempts=2), ops(), FIRST, now=NOW)
    [root] = slack.roots()
    assert reference == f"{CHANNEL}/{root['ts']}"
    assert slack.keys == [delivery().key]


@pytest.mark.parametrize("lost", ["the news", "the update"])
def test_news_whose_answer_got_lost_are_found_and_the_first_message_follows(
    slack: SlackServer, channel: SlackChannel, lost: str
) -> None:
    thread = channel.send(delivery(), ops(), FIRST, now=NOW)
    slack.drop_every = 2 if lost == "the news" else 3
    with pytest.raises(Unsure):
        channel.send(delivery(event=2), ops(thread), SECOND, now=NOW)
    slack.drop_every = 0
    assert channel.send(delivery(event=2, attempts=2), ops(thread), SECOND, now=NOW) == thread
    root, reply = slack.thread(thread.partition("/")[2])
    assert (texts(root)[1], texts(reply)[1]) == ("resolved", "after 2 h 5 min")
    assert slack.keys == [delivery().key, delivery(event=2).key]


def test_a_first_message_is_found_when_the_thread_began_elsewhere_meanwhile(
    slack: SlackServer, channel: SlackChannel
) -> None:
    slack.drop_every = 1
    with pytest.raises(Unsure):
        channel.send(delivery(event=2), ops(), FIRST, now=NOW)
    slack.drop_every = 0
    thread = channel.send(delivery(), ops(), FIRST, now=NOW)
    assert channel.send(delivery(event=2, attempts=2), ops(thread), SECOND, now=NOW) == thread
    assert slack.keys == [delivery(event=2).key, delivery().key]


def test_a_replay_looks_too_though_it_counts_its_attempts_anew(
    slack: SlackServer, channel: SlackChannel
) -> None:
    slack.drop_every = 1
    with pytest.raises(Unsure):
        channel.send(delivery(), ops(), FIRST, now=NOW)
    slack.drop_every = 0
    channel.send(delivery(attempts=1, last_error="Unsure: nobody answered"), ops(), FIRST, now=NOW)
    assert len(slack.roots()) == 1


def test_a_repeat_of_what_never_arrived_is_posted(slack: SlackServer, channel: SlackChannel) -> None:
    channel.send(delivery(event=9, subject="incident:other"), ops(), FIRST, now=NOW)
    reference = channel.send(delivery(attempts=2), ops(), FIRST, now=NOW)
    assert len(slack.roots()) == 2
    assert reference == f"{CHANNEL}/{slack.roots()[1]['ts']}"
    thread = channel.send(delivery(event=2, attempts=3), ops(reference), SECOND, now=NOW)
    assert thread == reference
    assert len(slack.thread(reference.partition("/")[2])) == 2


def test_it_looks_through_all_pages_but_not_before_the_delivery(
    slack: SlackServer, channel: SlackChannel
) -> None:
    for number in range(5):
        channel.send(delivery(event=number), ops(), FIRST, now=NOW)
    slack.page = 2
    slack.requests.clear()
    channel.send(delivery(event=0, attempts=2), ops(), FIRST, now=NOW)
    assert methods(slack) == [*["conversations.history"] * 3, "conversations.replies"]
    slack.requests.clear()
    at = timezone.now() + timedelta(hours=1)
    channel.send(delivery(event=0, attempts=2, subject="incident:new", created_at=at), ops(), FIRST, now=NOW)
    assert methods(slack) == [*["conversations.history"] * 4, "chat.postMessage"]


def test_a_repeat_finds_the_thread_whose_beginning_was_never_marked(
    slack: SlackServer, channel: SlackChannel
) -> None:
    thread = channel.send(delivery(), ops(), FIRST, now=NOW)
    channel.send(delivery(event=2), ops(thread), SECOND, now=NOW)
    # the sender died before it marked either: both come again without knowing of a thread
    assert channel.send(delivery(event=2, attempts=2), ops(), SECOND, now=NOW) == thread
    assert channel.send(delivery(attempts=2), ops(), FIRST, now=NOW) == thread
    assert slack.keys == [delivery().key, delivery(event=2).key]
    assert len(slack.roots()) == 1


def test_one_answer_in_three_lost_and_nothing_lost_or_doubled(
    slack: SlackServer, channel: SlackChannel
) -> None:
    slack.drop_every = 3
    thread = ""
    for number in range(20):
        for attempt in range(1, 5):
            try:
                thread = channel.send(
                    delivery(event=number, attempts=attempt),
                    ops(thread),
                    FIRST if number == 0 else SECOND,
                    now=NOW,
                )
                break
            except Unsure:
                continue
    assert slack.keys == [delivery(event=number).key for number in range(20)]
    assert len(slack.thread(thread.partition("/")[2])) == 20


# ---- refusals ----


@pytest.mark.parametrize("what", ["gone", "archived"])
def test_a_channel_that_is_gone_is_rejected(slack: SlackServer, channel: SlackChannel, what: str) -> None:
    if what == "archived":
        slack.rooms[CHANNEL].is_archived = True
    else:
        del slack.rooms[CHANNEL]
    with pytest.raises(Rejected, match=r"Slack refused: (is_archived|channel_not_found)"):
        channel.send(delivery(), ops(), FIRST, now=NOW)


@pytest.mark.parametrize("code", ["invalid_auth", "token_revoked", "account_inactive", "missing_scope"])
def test_a_token_that_is_refused_is_tried_again(slack: SlackServer, channel: SlackChannel, code: str) -> None:
    slack.tokens[TOKEN] = code
    with pytest.raises(Failed, match=f"Slack refused: {code}"):
        channel.send(delivery(), ops(), FIRST, now=NOW)
    slack.tokens[TOKEN] = ""
    channel.send(delivery(), ops(), FIRST, now=NOW)


def test_a_channel_that_we_have_not_been_invited_to_is_tried_again(
    slack: SlackServer, channel: SlackChannel
) -> None:
    slack.rooms[CHANNEL].has_us = False
    with pytest.raises(Failed, match="not_in_channel"):
        channel.send(delivery(), ops(), FIRST, now=NOW)


def test_an_unknown_token_is_tried_again(slack: SlackServer, channel: SlackChannel) -> None:
    with pytest.raises(Failed, match="invalid_auth") as failed:
        channel.send(delivery(), ops(secret="xoxb-wrong"), FIRST, now=NOW)
    assert "xoxb" not in str(failed.value)


def test_slack_may_name_when_to_come_back(slack: SlackServer, channel: SlackChannel) -> None:
    slack.limit(seconds=42)
    with pytest.raises(Busy, match="ratelimited") as busy:
        channel.send(delivery(), ops(), FIRST, now=NOW)
    assert busy.value.wait == timedelta(seconds=42)
    assert slack.records == []


def test_a_limit_between_news_and_update_repeats_the_update_alone(
    slack: SlackServer, channel: SlackChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = channel.send(delivery(), ops(), FIRST, now=NOW)
    update = SlackServer._update
    monkeypatch.setattr(SlackServer, "_update", lambda *_: limited())
    with pytest.raises(Busy):
        channel.send(delivery(event=2), ops(thread), SECOND, now=NOW)
    monkeypatch.setattr(SlackServer, "_update", update)
    channel.send(delivery(event=2, attempts=2), ops(thread), SECOND, now=NOW)
    assert slack.keys == [delivery().key, delivery(event=2).key]
    assert texts(slack.roots()[0])[1] == "resolved"


def limited() -> Reply:
    body = {"ok": False, "error": "ratelimited"}
    return Reply.json(body, status=429, **{"Retry-After": "3"})


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b'{"ok": false, "error": "internal_error"}'),
        (503, b"<html>"),
        (200, b'{"ok": false, "error": "fatal_error"}'),
    ],
)
def test_a_slack_that_is_ill_leaves_it_unsure(
    slack: SlackServer, channel: SlackChannel, status: int, body: bytes
) -> None:
    slack.fail(status, body=body, headers={"Content-Type": "application/json"})
    with pytest.raises(Unsure):
        channel.send(delivery(), ops(), FIRST, now=NOW)


def test_a_slack_that_is_away_is_tried_again(
    slack: SlackServer, channel: SlackChannel, settings: LazySettings
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        settings.SLACK_BASE_URL = f"http://127.0.0.1:{free.getsockname()[1]}/api/"
    with pytest.raises(Failed, match=r"cannot be reached: .*refused"):
        channel.send(delivery(), ops(), FIRST, now=NOW)


def test_a_slack_that_is_silent_is_given_up_within_the_time_for_all_calls(
    slack: SlackServer, channel: SlackChannel, settings: LazySettings
) -> None:
    give_up_after(settings, 1)
    slack.delay = 5
    with pytest.raises(Unsure, match="TimeoutError"):
        channel.send(delivery(), ops(), FIRST, now=NOW)


def test_calls_that_take_too_long_together_end(
    slack: SlackServer, channel: SlackChannel, settings: LazySettings
) -> None:
    thread = channel.send(delivery(), ops(), FIRST, now=NOW)
    give_up_after(settings, 1)
    slack.delay = 0.6
    with pytest.raises(Failed, match="too slow"):
        channel.send(delivery(event=2, attempts=2), ops(thread), SECOND, now=NOW)


# ---- blocks ----


def test_what_people_wrote_is_text(slack: SlackServer, channel: SlackChannel) -> None:
    nasty = "<!channel> & <https://evil.test|click> <@U1>"
    card = Card(nasty, nasty, ((nasty, nasty),))
    channel.send(delivery(), ops(), Chat(news=OPENED, standing=card), now=NOW)
    shown = slack.roots()[0]
    safe = "&lt;!channel&gt; &amp; &lt;https://evil.test|click&gt; &lt;@U1&gt;"
    assert [shown["text"], *texts(shown)[:3]] == [safe, safe, safe, f"*{safe}*\n{safe}"]
    assert shown["blocks"][1]["text"] == {"type": "mrkdwn", "text": safe, "verbatim": True}


@pytest.mark.parametrize("sign", ["x", "&", "<", "ş"])
def test_what_is_too_long_is_cut_to_slacks_limits(
    slack: SlackServer, channel: SlackChannel, sign: str
) -> None:
    long = sign * 5000
    card = Card(long, long, tuple((f"{number} {long}", long) for number in range(23)), LINK)
    channel.send(delivery(), ops(), Chat(news=Card(long, "news"), standing=card), now=NOW)
    blocks = slack.roots()[0]["blocks"]
    assert [len(block.get("fields", [])) for block in blocks] == [0, 0, 10, 10, 3, 0, 0]
    assert all(text.endswith(("…", "e")) for text in texts(slack.roots()[0]))
    whole = {"&": "&amp;", "<": "&lt;"}.get(sign, sign)
    assert set(blocks[1]["text"]["text"].removesuffix("…").split(whole)) == {""}


def test_a_card_needs_no_more_than_a_headline(slack: SlackServer, channel: SlackChannel) -> None:
    card = Card("Test")
    channel.send(delivery(), ops(), Chat(news=card, standing=card), now=NOW)
    assert texts(slack.roots()[0]) == ["Test"]


# ---- incoming webhooks ----


def to_hook(slack: SlackServer, url: str = "") -> Audience:
    return to_endpoint(channel="slack_webhook", secret=url or slack.hook_url)


def test_a_webhook_gets_the_news_alone(slack: SlackServer, hook: SlackWebhookChannel) -> None:
    assert hook.send(delivery(), to_hook(slack), SECOND, now=NOW) == ""
    [record] = slack.records
    assert (record["text"], texts(record["message"])) == (
        RESOLVED.headline,
        [RESOLVED.headline, "after 2 h 5 min", "Open in Hypercare"],
    )


def test_a_card_may_lead_to_more_than_one_page(slack: SlackServer, channel: SlackChannel) -> None:
    runbook = f"{LINK}runbook/"
    card = Card("Down", "now", (), LINK, (("Runbook", runbook),))
    channel.send(delivery(), ops(), Chat(news=card, standing=card), now=NOW)
    [root] = slack.roots()
    buttons = [(each["text"]["text"], each["url"]) for each in root["blocks"][-1]["elements"]]
    assert buttons == [("Open in Hypercare", LINK), ("Runbook", runbook)]


def test_a_webhooks_connection_is_not_used_again(slack: SlackServer, hook: SlackWebhookChannel) -> None:
    for _ in range(3):
        hook.send(delivery(), to_hook(slack), SECOND, now=NOW)
    assert slack.callers == 3


@pytest.mark.parametrize(
    "said", ["no_service", "channel_not_found", "channel_is_archived", "invalid_payload"]
)
def test_a_webhook_that_is_gone_is_rejected(slack: SlackServer, hook: SlackWebhookChannel, said: str) -> None:
    if said == "invalid_payload":
        slack.fail(400, body=b"invalid_payload")
    slack.hooks[slack.hook] = said
    with pytest.raises(Rejected, match=said) as rejected:
        hook.send(delivery(), to_hook(slack), SECOND, now=NOW)
    assert slack.hook not in str(rejected.value)


def test_a_webhook_that_somebody_forbade_is_tried_again(
    slack: SlackServer, hook: SlackWebhookChannel
) -> None:
    slack.hooks[slack.hook] = "action_prohibited"
    with pytest.raises(Failed, match="403: action_prohibited"):
        hook.send(delivery(), to_hook(slack), SECOND, now=NOW)


def test_a_webhook_that_is_asked_too_often_names_when_to_come_back(
    slack: SlackServer, hook: SlackWebhookChannel
) -> None:
    slack.limit(seconds=30)
    with pytest.raises(Busy) as busy:
        hook.send(delivery(), to_hook(slack), SECOND, now=NOW)
    assert busy.value.wait == timedelta(seconds=30)


def test_a_webhooks_lost_answer_leaves_it_unsure(slack: SlackServer, hook: SlackWebhookChannel) -> None:
    slack.drop_every = 1
    with pytest.raises(Unsure) as unsure:
        hook.send(delivery(), to_hook(slack), SECOND, now=NOW)
    assert slack.hook not in str(unsure.value)


def test_a_webhook_that_is_away_is_tried_again_and_its_url_stays_secret(
    slack: SlackServer, hook: SlackWebhookChannel, settings: LazySettings
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        settings.SLACK_HOOKS_URL = f"http://127.0.0.1:{free.getsockname()[1]}/services/"
    with pytest.raises(Failed, match="refused") as failed:
        hook.send(delivery(), to_hook(slack, settings.SLACK_HOOKS_URL + "T0/B0/secret"), SECOND, now=NOW)
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com.evil.test/services/T0/B0/x",
        "http://hooks.slack.com/services/T0/B0/x",
        "https://evil.test/?https://hooks.slack.com/",
        "https://hooks.slack.com@evil.test/",
        "",
    ],
)
def test_a_webhook_elsewhere_is_rejected(hook: SlackWebhookChannel, settings: LazySettings, url: str) -> None:
    settings.SLACK_HOOKS_URL = "https://hooks.slack.com"
    with pytest.raises(Rejected, match=r"has to begin with https://hooks\.slack\.com"):
        hook.send(delivery(), to_endpoint(channel="slack_webhook", secret=url), SECOND, now=NOW)

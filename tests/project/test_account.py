"""The demo's account: what was to be told, beside what the mailbox got."""

import json
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from observability.channels import message_id
from project.demo.account import account
from project.management.commands import demo
from tenancy.models import Delivery, Tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(acme, now):
    def tell(state="sent", channel="email"):
        given = {
            "message": "m",
            "subject": "x:1",
            "recipient": "user:1",
            "next_try_at": now,
            "created_at": now,
        }
        times = {f"{state}_at": now} if state in ("sent", "dead", "moot") else {}
        return Delivery.objects.create(
            tenant=acme, event=uuid4(), channel=channel, state=state, **given, **times
        )

    return tell


def arrive(folder, row, name="1"):
    if row.channel == "pagerduty":
        event = {"payload": {"custom_details": {"delivery": row.key}}}
        kept = {"path": "/v2/enqueue", "headers": {}, "body": json.dumps(event)}
        (folder / f"{name}-pagerduty.json").write_text(json.dumps(kept))
    elif row.channel == "webhook":
        (folder / f"{name}-{row.pk}.json").write_text(json.dumps({"headers": {"Webhook-Id": row.key}}))
    else:
        (folder / f"{name}-{row.pk}.eml").write_text(f"Message-ID: {message_id(row)}\n\ntext\n")


def test_everything_that_was_sent_is_there_and_repeats_count_once(told, tmp_path):
    mail, hook = told(), told(channel="webhook")
    for name in ("1", "2"):
        arrive(tmp_path, mail, name)
    arrive(tmp_path, hook)
    arrive(tmp_path, told(channel="pagerduty"))
    told(channel="slack_webhook")
    chat = {"path": "/services/T/B/alerts", "headers": {}, "body": "{}"}
    (tmp_path / "1-slack-alerts.json").write_text(json.dumps(chat))
    found = account(tmp_path)
    assert found.balanced
    assert (found.states, found.arrived, found.repeated) == ({"sent": 3}, 3, 1)


def test_what_is_missing_is_named(told, tmp_path):
    lost = told()
    found = account(tmp_path)
    assert not found.balanced
    assert found.missing == (message_id(lost),)


@pytest.mark.parametrize("state", ["pending", "dead", "ambiguous"])
def test_what_is_not_sent_does_not_add_up(told, tmp_path, state):
    told(state)
    assert not account(tmp_path).balanced


def test_what_there_was_nobody_to_tell_adds_up(told, tmp_path):
    told("moot")
    assert account(tmp_path).balanced


def test_a_mail_that_nobody_sent_is_strange(told, tmp_path):
    row = told()
    arrive(tmp_path, row)
    Delivery.objects.all().delete()
    assert account(tmp_path).strange == 1


def test_the_command_says_whether_it_adds_up(told, tmp_path, monkeypatch, capsys, settings):
    monkeypatch.setattr(demo, "FOLDER", tmp_path)
    (tmp_path / "mail").mkdir()
    row = told()
    with pytest.raises(CommandError, match="does not add up"):
        call_command("demo", "--account")
    arrive(tmp_path / "mail", row)
    call_command("demo", "--account")
    assert "Every message is accounted for." in capsys.readouterr().out


def test_the_demos_endpoint_follows_the_receiver(acme, now, settings):
    from project.demo import seed
    from tenancy.models import Endpoint

    settings.EGRESS_ALLOW_LOOPBACK = True
    for port in (1080, 1081):
        seed.connect(f"http://127.0.0.1:{port}/", now=now, slug="acme")
    assert Endpoint.objects.get(tenant=acme).address == "http://127.0.0.1:1081/"
    seed.connect("http://127.0.0.1:1/", now=now, slug="nobody")
    assert Tenant.objects.filter(slug="nobody").count() == 0

"""Endpoints: who may have one where, what they may be, and that no secret is written anywhere else."""

import base64
import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings

from hypercare import services as hypercare
from tenancy import services
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.errors import Conflict, Invalid, NotAllowed, NotFound
from tenancy.journal.models import Event
from tenancy.models import Delivery, Endpoint, OperatorEvent
from tenancy.states import Role, StaffRole
from tests import factories

pytestmark = pytest.mark.django_db

TOKEN, HOOK, KEY = "xoxb-1-2-abc", "https://hooks.slack.com/services/T0/B0/x", "k" * 32
COMMON = {"language": "en", "time_zone": "UTC"}
KINDS = {
    "webhook": {"address": "https://hooks.example.com/in?key=s3cr3t", "verbs": ["*"]},
    "slack": {"address": "C0123456789", "secret": TOKEN, "verbs": ["incident.breached"]},
    "slack_webhook": {"secret": HOOK, "verbs": ["incident.breached"]},
    "pagerduty": {"secret": KEY, "verbs": ["incident.breached"]},
}


@pytest.fixture
def admin(in_acme):
    return Actor.member(factories.member(in_acme, "admin").pk, Role.ADMIN)


@pytest.fixture
def platform(db):
    return Actor.staff(factories.UserFactory(staff_role="platform").pk, StaffRole.PLATFORM)


@pytest.fixture
def make(in_acme, admin, now):
    """`make(channel, **fields)` makes an endpoint of acme and returns it with its secret."""

    def made(channel="webhook", **fields):
        given = {"tenant": in_acme, "name": channel, "by": admin, "now": now} | COMMON | KINDS[channel]
        return services.create_endpoint(channel=channel, **given | fields)

    return made


def journaled():
    return [
        (event.verb, event.data)
        for event in Event.objects.filter(verb__startswith="endpoint.").order_by("seq")
    ]


def refused(verb, **fields):
    with pytest.raises(Invalid) as error:
        verb(**fields)
    return list(error.value.fields)


# ---- made -----------------------------------------------------------------------------------------------------


def test_a_webhooks_secret_is_ours_and_returned_once(make):
    endpoint, secret = make()
    kept = Endpoint.objects.get(pk=endpoint.pk)
    assert kept.secret == secret
    assert 24 <= len(base64.b64decode(secret.removeprefix("whsec_"))) <= 64
    assert secret.startswith("whsec_")
    assert kept.verbs == ["*"]


@pytest.mark.parametrize("channel", ["slack", "slack_webhook", "pagerduty"])
def test_others_bring_their_secret_and_get_none_back(make, channel):
    endpoint, secret = make(channel)
    kept = Endpoint.objects.get(pk=endpoint.pk)
    assert (secret, kept.secret) == ("", KINDS[channel]["secret"])
    assert kept.address == KINDS[channel].get("address", "")


def test_the_journal_names_the_host_and_no_secret(make, admin, now):
    endpoint, secret = make()
    for channel in ("slack", "slack_webhook", "pagerduty"):
        make(channel)
    later = {"name": "renamed", "verbs": ["*"], "scope": None, "by": admin, "now": now} | COMMON
    services.change_endpoint(endpoint=endpoint, address="https://other.example.com/?key=s3cr3t", **later)
    newer = services.rotate_secret(endpoint=endpoint, by=admin, now=now)
    services.send_test(endpoint=endpoint, by=admin, now=now)
    services.disable_endpoint(endpoint=endpoint, reason="Moved", by=admin, now=now)
    services.enable_endpoint(endpoint=endpoint, by=admin, now=now)
    services.remove_endpoint(endpoint=endpoint, by=admin, now=now)
    lines = journaled()
    assert [verb for verb, _data in lines][4:] == [
        f"endpoint.{done}"
        for done in ("changed", "secret_rotated", "tested", "disabled", "enabled", "removed")
    ]
    assert lines[0][1]["where"] == "hooks.example.com"
    assert lines[4][1] == {"name": "renamed", "where": "other.example.com"}
    for word in (secret, newer, TOKEN, HOOK, KEY, "s3cr3t"):
        assert word not in json.dumps(lines)


@pytest.mark.parametrize(
    ("channel", "fields", "at_fault"),
    [
        ("webhook", {"name": " "}, "name"),
        ("webhook", {"language": "de"}, "language"),
        ("webhook", {"time_zone": "Mars/Base"}, "time_zone"),
        ("webhook", {"secret": "whsec_mine"}, "secret"),
        ("webhook", {"verbs": []}, "verbs"),
        ("webhook", {"verbs": ["Nonsense"]}, "verbs"),
        ("webhook", {"verbs": ["a." + "b" * 60]}, "verbs"),
        ("webhook", {"scope": uuid4()}, "scope"),
        ("slack", {"address": "#general"}, "address"),
        ("slack", {"secret": "xoxp-1-2-abc"}, "secret"),
        ("slack", {"verbs": ["*"]}, "verbs"),
        ("slack", {"verbs": ["project.created"]}, "verbs"),
        ("slack_webhook", {"secret": "http://hooks.slack.com/services/T0/B0/x"}, "secret"),
        ("slack_webhook", {"address": "C0123456789"}, "address"),
        ("pagerduty", {"secret": "short"}, "secret"),
        ("pagerduty", {"address": "https://events.pagerduty.com"}, "address"),
    ],
)
def test_what_cannot_be_is_named(make, channel, fields, at_fault):
    assert refused(make, channel=channel, **fields) == [at_fault]
    assert not Endpoint.objects.exists()


@pytest.mark.parametrize(
    "address",
    [
        "", "hooks.example.com", "ftp://hooks.example.com", "http://hooks.example.com", "https://", "https:///x",
        "https://user:pass@hooks.example.com/", "https://user@hooks.example.com/", "https://hooks.example.com/#a",
        "https://hooks.example.com:99999/", "https://hooks.example.com/" + "a" * 500, "https://hooks exa.com/",
        "https://127.0.0.1/", "https://10.0.0.8/", "https://169.254.169.254/latest/", "https://[::1]/",
        "https://[fd00::1]/", "https://192.168.1.1:8443/x", "https://2130706433/", "https://a\0b.example.com/",
    ],
)  # fmt: skip
def test_an_address_is_on_the_internet_and_open(make, address):
    assert refused(make, address=address) == ["address"]


def test_loopback_is_for_development_alone(make, settings):
    settings.EGRESS_ALLOW_LOOPBACK = True
    assert make(address="http://127.0.0.1:9000/in")[0].address == "http://127.0.0.1:9000/in"
    assert refused(make, name="other", address="http://10.0.0.8/") == ["address"]


def test_email_and_what_nobody_sends_on_are_no_channels(in_acme, admin, now):
    for channel in ("email", "pigeon"):
        given = {"tenant": in_acme, "channel": channel, "name": "x", "verbs": ["*"], "by": admin, "now": now}
        assert refused(services.create_endpoint, **given, **COMMON) == ["channel"]


def test_a_name_is_one_endpoints_of_a_tenant(make, globex, admin, system, now):
    endpoint, _secret = make()
    with pytest.raises(Conflict):
        make()
    other, _secret = make("pagerduty")
    with pytest.raises(Conflict):
        services.change_endpoint(
            endpoint=other, name=endpoint.name, verbs=other.verbs, scope=None, **COMMON, by=admin, now=now
        )
    with entering(globex):
        make(tenant=globex, by=system)
    assert Endpoint.objects.count() == 3


def test_a_webhook_takes_events_by_any_name_and_all_swallows_the_rest(make):
    assert make(verbs=["b.two", "a.one", "b.two"])[0].verbs == ["a.one", "b.two"]
    assert make(name="all", verbs=["a.one", "*"])[0].verbs == ["*"]


def test_an_endpoint_can_follow_one_project(make, in_acme, admin, system, now):
    program = hypercare.create_program(code="ERP", name="ERP", by=system, now=now)
    seen, unseen = (
        hypercare.create_project(program=program, code=code, name=code, by=system, now=now)
        for code in ("SEEN", "UNSEEN")
    )
    hypercare.add_member(project=seen, user_id=admin.user_id, by=system, now=now)
    endpoint, _secret = make(scope=seen.pk)
    assert endpoint.scope == seen.pk
    assert refused(make, name="other", scope=unseen.pk) == ["scope"]
    # What somebody else has set stays, whoever changes the rest.
    Endpoint.objects.filter(pk=endpoint.pk).update(scope=unseen.pk)
    same = {"address": endpoint.address, "verbs": ["*"], "by": admin, "now": now} | COMMON
    changed = services.change_endpoint(endpoint=endpoint, name="renamed", scope=unseen.pk, **same)
    assert changed.scope == unseen.pk


# ---- changed ----------------------------------------------------------------------------------------------------


def test_nothing_new_is_nothing_journaled(make, admin, now):
    endpoint, _secret = make()
    same = {"name": endpoint.name, "address": endpoint.address, "verbs": endpoint.verbs, "scope": None}
    services.change_endpoint(endpoint=endpoint, **same, **COMMON, by=admin, now=now)
    assert [verb for verb, _data in journaled()] == ["endpoint.created"]


def test_a_webhooks_old_secret_signs_for_a_while(make, admin, now):
    endpoint, old = make()
    new = services.rotate_secret(endpoint=endpoint, by=admin, now=now)
    kept = Endpoint.objects.get(pk=endpoint.pk)
    assert (kept.secret, kept.previous_secret) == (new, old)
    hours = settings.THRESHOLDS.delivery.SECRET_OVERLAP_HOURS
    assert kept.previous_until == now + timedelta(hours=hours)
    assert new != old
    assert refused(services.rotate_secret, endpoint=endpoint, secret="mine", by=admin, now=now) == ["secret"]


def test_other_secrets_are_replaced_at_once(make, admin, now):
    endpoint, _secret = make("pagerduty")
    assert services.rotate_secret(endpoint=endpoint, secret="n" * 32, by=admin, now=now) == ""
    kept = Endpoint.objects.get(pk=endpoint.pk)
    assert (kept.secret, kept.previous_secret, kept.previous_until) == ("n" * 32, "", None)
    assert refused(services.rotate_secret, endpoint=endpoint, by=admin, now=now) == ["secret"]


def test_disabled_and_enabled_once_each(make, admin, now):
    endpoint, _secret = make()
    Endpoint.objects.filter(pk=endpoint.pk).update(failing_since=now)
    with pytest.raises(Conflict):
        services.enable_endpoint(endpoint=endpoint, by=admin, now=now)
    services.disable_endpoint(endpoint=endpoint, reason="Moved", by=admin, now=now)
    kept = Endpoint.objects.get(pk=endpoint.pk)
    assert (kept.disabled_at, kept.disabled_because) == (now, "Moved")
    with pytest.raises(Conflict):
        services.disable_endpoint(endpoint=endpoint, reason="Again", by=admin, now=now)
    with pytest.raises(Conflict):
        services.send_test(endpoint=endpoint, by=admin, now=now)
    services.enable_endpoint(endpoint=endpoint, by=admin, now=now)
    kept.refresh_from_db()
    assert (kept.disabled_at, kept.disabled_because, kept.failing_since) == (None, "", None)


def test_disabling_wants_a_reason(make, admin, now):
    endpoint, _secret = make()
    assert refused(services.disable_endpoint, endpoint=endpoint, reason=" ", by=admin, now=now) == ["reason"]


def test_removed_is_gone(make, admin, now):
    endpoint, _secret = make()
    services.remove_endpoint(endpoint=endpoint, by=admin, now=now)
    assert not Endpoint.objects.exists()
    for verb in (services.remove_endpoint, services.rotate_secret, services.send_test):
        with pytest.raises(NotFound):
            verb(endpoint=endpoint, by=admin, now=now)


@pytest.mark.parametrize("channel", KINDS)
def test_a_test_goes_to_one_endpoint_whatever_it_subscribes_to(make, admin, now, channel):
    endpoint, _secret = make(channel)
    make("pagerduty", name="another")
    services.send_test(endpoint=endpoint, by=admin, now=now)
    (row,) = Delivery.objects.filter(message="endpoint.tested")
    assert (row.recipient, row.channel, row.subject) == (
        f"endpoint:{endpoint.pk}",
        channel,
        f"endpoint:{endpoint.pk}",
    )
    assert row.event == Event.objects.get(verb="endpoint.tested").pk


# ---- who --------------------------------------------------------------------------------------------------------


def test_only_admins_and_no_grant(make, in_acme, now):
    endpoint, _secret = make()
    user = factories.member(in_acme, "manager")
    for by in (
        Actor.member(user.pk, Role.AGENT),
        Actor.member(user.pk, Role.MANAGER),
        Actor.support(user.pk, grant_id=1, writes=True),
        Actor.staff(user.pk, StaffRole.SUPPORT),
    ):
        for refused_verb in (
            lambda by=by: make(name="mine", by=by),
            lambda by=by: services.rotate_secret(endpoint=endpoint, by=by, now=now),
            lambda by=by: services.disable_endpoint(endpoint=endpoint, reason="r", by=by, now=now),
            lambda by=by: services.enable_endpoint(endpoint=endpoint, by=by, now=now),
            lambda by=by: services.remove_endpoint(endpoint=endpoint, by=by, now=now),
            lambda by=by: services.send_test(endpoint=endpoint, by=by, now=now),
            lambda by=by: services.change_endpoint(
                endpoint=endpoint, name="x", verbs=["*"], scope=None, **COMMON, by=by, now=now
            ),
        ):
            with pytest.raises(NotAllowed):
                refused_verb()


def test_another_tenants_endpoint_is_not_there(make, globex, admin, system, now):
    with entering(globex):
        theirs, _secret = make(tenant=globex, by=system)
    for verb in (
        services.rotate_secret,
        services.enable_endpoint,
        services.remove_endpoint,
        services.send_test,
    ):
        with pytest.raises(NotFound):
            verb(endpoint=theirs, by=admin, now=now)
    with pytest.raises(NotFound):
        make(tenant=globex, name="mine")


def test_the_platform_has_the_operators_endpoints_and_no_customers(public, acme, platform, now):
    fields = {"channel": "webhook", "name": "ops", "by": platform, "now": now} | COMMON | KINDS["webhook"]
    endpoint, _secret = services.create_endpoint(tenant=public, **fields)
    assert OperatorEvent.objects.get(verb="endpoint.created").subject == f"endpoint:{endpoint.pk}"
    services.send_test(endpoint=endpoint, by=platform, now=now)
    assert Delivery.objects.get(message="endpoint.tested").tenant == public
    # It would hear what happens in a tenant without a grant.
    with pytest.raises(NotFound):
        services.create_endpoint(tenant=acme, **fields)

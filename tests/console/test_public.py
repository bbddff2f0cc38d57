"""The public host: every verb once done, once refused, and in the journal."""

from datetime import timedelta

import pytest
from django.db import connection

from tenancy.context import PUBLIC
from tenancy.models import (
    Deadline,
    Delivery,
    Flag,
    Membership,
    OperatorEvent,
    OperatorIdempotencyRecord,
    Segment,
    SupportGrant,
    Tenant,
    TenantFlag,
    User,
)
from tenancy.rules import schema_of

pytestmark = pytest.mark.django_db
BASE = "/admin/tenancy/"


@pytest.fixture
def platform(public, users, browser):
    return browser(public, users["platform"])


def said(response, client):
    """What the next page says."""
    assert response.status_code == 302, response.context["form"].errors
    return " ".join(str(message) for message in client.get(response.url).context["messages"])


def refused(response):
    """Everything that the form says is wrong."""
    assert response.status_code == 422
    return " ".join(error for errors in response.context["form"].errors.values() for error in errors)


def journaled(verb):
    event = OperatorEvent.objects.filter(verb=verb).order_by("-seq").first()
    return event and (event.actor_kind, event.actor_id, event.data)


def test_tenant_is_created_with_its_host(platform, users):
    form = {
        "name": "Initech",
        "slug": "initech",
        "time_zone": "Europe/Istanbul",
        "language": "tr",
        "segment": "",
    }
    response = platform.post(f"{BASE}tenant/do/create/", form)
    assert "Initech is ready at http://initech.localhost" in said(response, platform)
    assert Tenant.objects.get(slug="initech").domains.get().domain == "initech.localhost"
    assert journaled("tenant.created")[:2] == ("staff", users["platform"].pk)


@pytest.mark.parametrize(
    ("slug", "why"),
    [("acme", "already"), ("Not A Slug", "small letters"), ("admin", "reserved"), ("", "required")],
)
def test_tenant_with_a_slug_that_cannot_be_is_refused(platform, acme, slug, why):
    form = {"name": "X", "slug": slug, "time_zone": "Europe/Istanbul", "language": "tr"}
    assert why in refused(platform.post(f"{BASE}tenant/do/create/", form))


def test_tenant_is_suspended_resumed_and_suspended_only_once(platform, acme):
    suspend, resume = (f"{BASE}tenant/{acme.pk}/do/{name}/" for name in ("suspend", "resume"))
    assert "is suspended" in said(platform.post(suspend, {"reason": "Unpaid"}), platform)
    assert "suspended" in refused(platform.post(suspend, {"reason": "Again"}))
    assert "open again" in said(platform.post(resume, {"reason": "Paid"}), platform)
    assert journaled("tenant.suspended")[2]["reason"] == "Unpaid"
    assert journaled("tenant.resumed")[2]["reason"] == "Paid"


def test_reason_is_not_optional(platform, acme):
    assert "required" in refused(platform.post(f"{BASE}tenant/{acme.pk}/do/suspend/", {"reason": "  "}))
    assert Tenant.objects.get(pk=acme.pk).state == "active"


def test_purge_takes_suspension_and_the_typed_slug(platform, globex):
    purge = f"{BASE}tenant/{globex.pk}/do/purge/"
    assert "active" in refused(platform.post(purge, {"typed_slug": "globex"}))
    platform.post(f"{BASE}tenant/{globex.pk}/do/suspend/", {"reason": "Left"})
    assert "Type the slug" in refused(platform.post(purge, {"typed_slug": "globe"}))
    assert "purged" in said(platform.post(purge, {"typed_slug": "globex"}), platform)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname = %s", [schema_of("globex")])
        assert cursor.fetchone() == (0,)
    assert journaled("tenant.purged")[2]["slug"] == "globex"


def test_page_offers_only_what_the_state_allows(platform, acme):
    page = platform.get(f"{BASE}tenant/{acme.pk}/change/").content.decode()
    assert "/do/suspend/" in page
    assert "/do/resume/" not in page
    assert "/do/purge/" not in page


def test_support_may_read_tenants_and_change_none(public, users, browser, acme):
    client = browser(public, users["support"])
    assert client.get(f"{BASE}tenant/").status_code == 200
    assert client.get(f"{BASE}tenant/do/create/").status_code == 403
    assert client.post(f"{BASE}tenant/{acme.pk}/do/suspend/", {"reason": "x"}).status_code == 403
    assert Tenant.objects.get(pk=acme.pk).state == "active"


PERSON = {
    "email": "ayse@example.com",
    "name": "Ayşe Işık",
    "password": "a long enough phrase",
    "language": "tr",
    "time_zone": "Europe/Istanbul",
    "staff_role": "",
}


def test_user_is_created_and_brought_into_a_tenant(platform, acme):
    assert "Ayşe Işık" in said(platform.post(f"{BASE}user/do/create/", PERSON), platform)
    user = User.objects.get(email="ayse@example.com")
    join = f"{BASE}user/{user.pk}/do/add-member/"
    form = {"tenant": acme.pk, "role": "agent"}
    assert "agent" in said(platform.post(join, form), platform)
    assert Membership.objects.get(user=user).tenant == acme
    assert "member already" in refused(platform.post(join, form))
    assert journaled("user.created")[2] == {"language": "tr", "staff_role": ""}


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("email", "nonsense", "valid email"),
        ("password", "short", "too short"),
        ("staff_role", "god", "valid choice"),
    ],
)
def test_user_who_cannot_be_is_refused(platform, field, value, why):
    assert why in refused(platform.post(f"{BASE}user/do/create/", PERSON | {field: value}))
    assert not User.objects.filter(name=PERSON["name"]).exists()


def test_email_in_use_is_refused_kindly(platform, users):
    form = PERSON | {"email": users["agent"].email.upper()}
    assert "email already" in refused(platform.post(f"{BASE}user/do/create/", form))


def test_user_is_deactivated_once(platform, users):
    url = f"{BASE}user/{users['agent'].pk}/do/deactivate/"
    assert "cannot sign in" in said(platform.post(url, {"reason": "Left"}), platform)
    assert "not active" in refused(platform.post(url, {"reason": "Left"}))
    assert journaled("user.deactivated")[2]["reason"] == "Left"


def test_grant_is_opened_and_ended_once(public, users, browser, acme):
    client = browser(public, users["support"])
    form = {
        "user": users["support"].pk,
        "tenant": acme.pk,
        "reason": "Login",
        "ticket": "OPS-7",
        "minutes": 15,
    }
    assert "15 minutes" in said(client.post(f"{BASE}supportgrant/do/open/", form), client)
    grant = SupportGrant.objects.get()
    assert (grant.writes, grant.expires_at - grant.opened_at) == (False, timedelta(minutes=15))
    end = f"{BASE}supportgrant/{grant.pk}/do/end/"
    assert "ended" in said(client.post(end), client)
    assert "has ended" in refused(client.post(end))
    assert journaled("grant.opened")[2]["ticket"] == "OPS-7"
    assert journaled("grant.ended")[:2] == ("staff", users["support"].pk)


GRANT = f"{BASE}supportgrant/do/open/"


def test_a_form_sent_twice_opens_one_grant(public, users, browser, acme):
    client = browser(public, users["support"])
    typed = {"user": users["support"].pk, "tenant": acme.pk, "reason": "r", "ticket": "OPS-7", "minutes": 15}
    typed |= client.get(GRANT).context["carries"]
    first, second = client.post(GRANT, typed), client.post(GRANT, typed)
    assert (first.status_code, second.status_code, second.url) == (302, 302, first.url)
    assert SupportGrant.objects.count() == 1
    assert OperatorEvent.objects.filter(verb="grant.opened").count() == 1
    other = client.post(GRANT, typed | {"ticket": "OPS-8"})
    assert "sent before" in refused(other)
    assert client.post(GRANT, typed | {"ticket": "OPS-8"} | other.context["carries"]).status_code == 302
    assert SupportGrant.objects.count() == 2


def test_a_refused_grant_may_be_asked_for_again_with_its_key(public, users, browser, acme):
    client = browser(public, users["support"])
    typed = {"user": users["support"].pk, "tenant": acme.pk, "reason": "r", "ticket": "t", "minutes": 61}
    typed |= client.get(GRANT).context["carries"]
    assert client.post(GRANT, typed).status_code == 422
    assert not OperatorIdempotencyRecord.objects.exists()
    assert client.post(GRANT, typed | {"minutes": 15}).status_code == 302


def test_a_key_is_one_persons(public, users, browser, acme):
    for role in ("support", "platform"):
        typed = {"user": users[role].pk, "tenant": acme.pk, "reason": "r", "ticket": "t", "minutes": 15}
        assert browser(public, users[role]).post(GRANT, typed | {"_once": "0" * 32}).status_code == 302
    assert SupportGrant.objects.count() == 2


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [("minutes", 61, "60 minutes at most"), ("reason", "", "required"), ("ticket", "", "required")],
)
def test_grant_without_end_or_reason_is_refused(public, users, browser, acme, field, value, why):
    form = {"user": users["support"].pk, "tenant": acme.pk, "reason": "r", "ticket": "t", "minutes": 15}
    response = browser(public, users["support"]).post(f"{BASE}supportgrant/do/open/", form | {field: value})
    assert why in refused(response)
    assert not SupportGrant.objects.exists()


def test_grant_is_for_staff_and_customers_tenants(public, users, browser, acme):
    page = browser(public, users["support"]).get(f"{BASE}supportgrant/do/open/")
    fields = page.context["form"].fields
    assert set(fields["user"].queryset) == {users[role] for role in ("support", "release", "platform")}
    assert PUBLIC not in fields["tenant"].queryset.values_list("schema_name", flat=True)


@pytest.fixture
def flag(db):
    return Flag.objects.get_or_create(
        key="project_scope_enabled", defaults={"description": "Scope", "default": True}
    )[0]


def test_flag_is_set_for_a_tenant_with_a_reason(public, users, browser, acme, flag):
    client = browser(public, users["release"])
    url = f"{BASE}flag/{flag.pk}/do/set-tenant/"
    form = {"tenant": acme.pk, "enabled": "off", "reason": "Trial"}
    assert "off for Acme" in said(client.post(url, form), client)
    assert TenantFlag.objects.get().enabled is False
    assert journaled("flag.set")[2]["reason"] == "Trial"
    assert "required" in refused(client.post(url, form | {"enabled": ""}))


def test_flag_is_set_for_a_segment(public, users, browser, acme, globex, flag):
    segment = Segment.objects.create(key="early", name="Early")
    Tenant.objects.filter(pk__in=[acme.pk, globex.pk]).update(segment=segment)
    client = browser(public, users["release"])
    form = {"segment": segment.pk, "enabled": "on", "reason": "Roll out"}
    assert "2 tenants" in said(client.post(f"{BASE}flag/{flag.pk}/do/set-segment/", form), client)
    assert TenantFlag.objects.filter(enabled=True).count() == 2


def deadline(tenant, now, **fields):
    due_at = fields.pop("due_at", now - timedelta(minutes=5))
    made = {"kind": "incident.response_due", "subject": f"incident:{Deadline.objects.count()}"} | fields
    return Deadline.objects.create(tenant=tenant, due_at=due_at, wake_at=due_at, **made)


def test_deadlines_are_filtered_by_how_they_stand(platform, acme, globex, now):
    Tenant.objects.filter(pk=globex.pk).update(state="suspended", suspended_at=now)
    rows = {
        "waiting": {deadline(acme, now, due_at=now + timedelta(hours=1)), deadline(globex, now)},
        "overdue": {deadline(acme, now)},
        "dead": {deadline(acme, now, dead_at=now, attempts=8, last_error="boom")},
    }
    for standing, expected in rows.items():
        page = platform.get(f"{BASE}deadline/?standing={standing}")
        assert set(page.context["cl"].result_list) == expected, standing


def test_dead_deadline_is_replayed_with_a_reason(platform, acme, now):
    row = deadline(acme, now, dead_at=now, attempts=8)
    url = f"{BASE}deadline/{row.pk}/do/replay/"
    assert "required" in refused(platform.post(url, {"reason": ""}))
    assert "due now" in said(platform.post(url, {"reason": "Fixed the handler"}), platform)
    row.refresh_from_db()
    assert (row.dead_at, row.attempts) == (None, 0)
    assert "nothing to replay" in refused(platform.post(url, {"reason": "Again"}))
    assert journaled("deadline.replayed")[2]["reason"] == "Fixed the handler"


def test_selection_of_deadlines_is_replayed_and_each_refusal_told(platform, acme, now):
    dead = [deadline(acme, now, dead_at=now, attempts=8) for _ in range(2)]
    live = deadline(acme, now)
    form = {"action": "replay", "_selected_action": [row.pk for row in (*dead, live)]}
    page = platform.post(f"{BASE}deadline/", form)
    assert page.status_code == 200
    assert "3 selected" in page.content.decode()
    response = platform.post(f"{BASE}deadline/", form | {"apply": "1", "reason": "All of them"})
    told = said(response, platform)
    assert "nothing to replay" in told
    assert not Deadline.objects.filter(dead_at__isnull=False).exists()


def delivery(tenant, now, **fields):
    made = {
        "event": "01930000-0000-7000-8000-000000000000",
        "message": "incident.breached",
        "subject": "incident:1",
        "recipient": f"user:{Delivery.objects.count()}",
        "channel": "email",
        "dedupe_key": "incident.breached",
        "next_try_at": now,
        "created_at": now,
    }
    return Delivery.objects.create(tenant=tenant, **made | fields)


def test_stuck_delivery_is_replayed_and_a_sent_one_is_not(platform, acme, now):
    dead = delivery(acme, now, state="dead", dead_at=now, last_error="550")
    sent = delivery(acme, now, state="sent", sent_at=now)
    assert "goes out" in said(
        platform.post(f"{BASE}delivery/{dead.pk}/do/replay/", {"reason": "Mailbox back"}), platform
    )
    dead.refresh_from_db()
    assert (dead.state, dead.attempts) == ("pending", 0)
    response = platform.post(f"{BASE}delivery/{sent.pk}/do/replay/", {"reason": "x"})
    assert "nothing to replay" in refused(response)
    assert journaled("delivery.replayed")[2]["reason"] == "Mailbox back"


def test_a_needless_delivery_is_neither_replayed_nor_tried(platform, acme, now):
    moot = delivery(acme, now, state="moot", moot_at=now, last_error="incident:1 is not there for its reader")
    page = platform.get(f"{BASE}delivery/{moot.pk}/change/").content.decode()
    for words in ("needless", "is not there for its reader"):
        assert words in page
    assert "do/replay/" not in page
    assert "nothing to replay" in refused(
        platform.post(f"{BASE}delivery/{moot.pk}/do/replay/", {"reason": "x"})
    )
    assert "does not wait" in refused(platform.post(f"{BASE}delivery/{moot.pk}/do/retry/", {"reason": "x"}))
    moot.refresh_from_db()
    assert moot.state == "moot"
    page = platform.get(f"{BASE}delivery/?state__exact=moot")
    assert list(page.context["cl"].result_list) == [moot]
    assert "all sent" in platform.get(f"{BASE}tenant/{acme.pk}/change/").content.decode()


def test_deliveries_are_filtered_by_state_channel_and_tenant(platform, acme, globex, now):
    dead = delivery(acme, now, state="dead", dead_at=now)
    delivery(globex, now)
    for query in ("state__exact=dead", f"tenant__id__exact={acme.pk}"):
        page = platform.get(f"{BASE}delivery/?{query}")
        assert list(page.context["cl"].result_list) == [dead], query


def test_operators_journal_names_people_and_is_read_only(platform, users, acme):
    platform.post(f"{BASE}tenant/{acme.pk}/do/suspend/", {"reason": "Unpaid"})
    page = platform.get(f"{BASE}operatorevent/").content.decode()
    assert users["platform"].name in page
    assert "tenant.suspended" in page
    assert "reason: Unpaid" in page


def test_periodic_tasks_are_shown(platform):
    assert platform.get("/admin/django_celery_beat/periodictask/").status_code == 200


def test_platform_makes_a_segment_and_moves_a_tenant_into_it(platform, acme):
    made = platform.post(f"{BASE}segment/do/create/", {"key": "early", "name": "Early adopters"})
    assert "Early adopters" in said(made, platform)
    segment = Segment.objects.get(key="early")
    moved = platform.post(f"{BASE}tenant/{acme.pk}/do/move/", {"segment": segment.pk})
    assert "Early adopters" in said(moved, platform)
    again = platform.post(f"{BASE}tenant/{acme.pk}/do/move/", {"segment": segment.pk})
    assert again.status_code == 422
    assert OperatorEvent.objects.filter(verb="tenant.moved").count() == 1

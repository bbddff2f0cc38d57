"""The public host at night: what the board says, what each page can do, and what it refuses."""

import html
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from hypercare import services as hypercare
from hypercare.services.landscape import landscape
from observability.models import Alert, Silence
from tenancy import deadlines, hosts, provisioning, services
from tenancy.actors import Actor
from tenancy.admin.thresholds import groups
from tenancy.context import PUBLIC, entering
from tenancy.deliveries import base_url
from tenancy.errors import Conflict
from tenancy.journal.models import Event
from tenancy.models import (
    ApiToken,
    Deadline,
    Delivery,
    Endpoint,
    Flag,
    Membership,
    OperatorEvent,
    Segment,
    Session,
    SpareSchema,
    SupportGrant,
    Tenant,
    TenantFlag,
    User,
)
from tenancy.states import Role
from tenancy.web.admin import public_site
from tests import factories
from tests.console.test_public import BASE, deadline, delivery, journaled, refused, said
from tests.observability.alarms import judged, run_summary, staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("routed")]


@pytest.fixture
def platform(public, users, browser):
    return browser(public, users["platform"])


@pytest.fixture
def admin(acme, users, browser):
    """The admin of acme, on acme's own host."""
    return browser(acme, users["admin"])


@pytest.fixture
def flag(db):
    return Flag.objects.get(key="project_scope_enabled")


def asked_in(captured):
    """How many queries: the search path is sent when a test's savepoint forgot it."""
    return sum(not query["sql"].startswith("SET search_path") for query in captured)


def membership(user):
    return Membership.objects.get(user=user)


# ---- the board ----------------------------------------------------------------------------------------------------


def tiles(client):
    """What is watched, by label."""
    found = [part for _template, part in client.get("/admin/").context["parts"] if "watched" in part]
    return {str(tile.label): tile for tile in found[0]["watched"]}


def needs(client):
    found = [part for _template, part in client.get("/admin/").context["parts"] if "needs" in part]
    return [str(tile.label) for tile in found[0]["needs"]]


def periodic(name="sweep", every=1, **fields):
    interval = IntervalSchedule.objects.get_or_create(every=every, period="seconds")[0]
    return PeriodicTask.objects.create(name=name, task="tenancy.tasks.sweep", interval=interval, **fields)


def ran(task, at):
    PeriodicTask.objects.filter(pk=task.pk).update(last_run_at=at, date_changed=at)


def failed_endpoint(tenant, now, **fields):
    made = {
        "name": f"Desk {Endpoint.objects.count()}",
        "channel": "webhook",
        "address": "https://x.example.com/",
    }
    gone = {"failing_since": now, "disabled_at": now, "disabled_because": "failed for 3 days"}
    return Endpoint.objects.create(
        tenant=tenant, **made | {"secret": "s", "verbs": ["*"], "created_at": now} | gone | fields
    )


def test_quiet_night_looks_quiet(platform, acme):
    page = platform.get("/admin/").content.decode()
    assert "All is well" in page
    assert "Nowhere is anything breached." in page
    assert "hc-breach" not in page
    assert needs(platform) == []


def test_what_there_was_nobody_to_tell_needs_nobody(platform, acme, now):
    delivery(acme, now, state="moot", moot_at=now)
    assert needs(platform) == []


STUCK = {
    "Dead deadlines": lambda acme, now: deadline(acme, now, dead_at=now),
    "Overdue deadlines": deadline,
    "Dead deliveries": lambda acme, now: delivery(acme, now, state="dead", dead_at=now),
    "Ambiguous deliveries": lambda acme, now: delivery(acme, now, state="ambiguous"),
    "Leases that ended": lambda acme, now: delivery(
        acme, now, state="leased", leased_until=now - timedelta(minutes=1)
    ),
    "Late periodic tasks": lambda acme, now: ran(periodic(), now - timedelta(minutes=10)),
    "Tenants behind the code": lambda acme, now: Tenant.objects.filter(pk=acme.pk).update(leaf_hash="old"),
    "Tenants with disabled endpoints": failed_endpoint,
    "Disabled endpoints of ours": lambda acme, now: failed_endpoint(
        Tenant.objects.get(schema_name=PUBLIC), now
    ),
}


@pytest.mark.parametrize("label", STUCK)
def test_what_is_stuck_is_counted_said_first_and_leads_to_its_rows(platform, acme, now, label):
    STUCK[label](acme, now)
    assert needs(platform) == [label]
    tile = tiles(platform)[label]
    assert tile.count == 1
    assert platform.get(tile.url).context["cl"].result_count == 1
    assert str(tile.hint) in html.unescape(platform.get("/admin/").content.decode())


def test_missing_spares_are_said_once_nobody_can_be_refilling_them(platform, acme, now, at_now):
    SpareSchema.objects.all().delete()
    assert tiles(platform)["Missing spare schemas"].count == 0, "a tenant was made this very moment"
    at_now.move_to(now + timedelta(minutes=6))
    wanted = settings.THRESHOLDS.provisioning.SPARE_SCHEMAS
    assert tiles(platform)["Missing spare schemas"].count == wanted
    current = provisioning.leaf_hash(shared=False)
    SpareSchema.objects.create(name="spare_1", leaf_hash=current, created_at=now)
    SpareSchema.objects.create(name="spare_2", leaf_hash="old", created_at=now)
    assert tiles(platform)["Missing spare schemas"].count == wanted - 1
    page = platform.get(f"{BASE}spareschema/").content.decode()
    assert "ready" in page
    assert "of other migrations" in page


def test_what_is_right_is_not_counted(platform, acme, globex, now):
    Tenant.objects.filter(pk=globex.pk).update(state="suspended", suspended_at=now)
    deadline(globex, now)  # asleep
    delivery(
        acme, now, state="leased", leased_until=now - timedelta(seconds=1)
    )  # the next dispatch takes it up
    failed_endpoint(acme, now, failing_since=None, disabled_because="moved")  # people did that
    failed_endpoint(globex, now)  # sends nothing anyway
    periodic("off", enabled=False)
    ran(periodic("on"), now - timedelta(minutes=4))  # beat writes every three minutes
    assert needs(platform) == []


def test_dead_comes_before_doubtful(platform, acme, now):
    delivery(acme, now, state="ambiguous")
    delivery(acme, now, state="dead", dead_at=now)
    assert needs(platform) == ["Dead deliveries", "Ambiguous deliveries"]


def test_board_asks_as_often_whatever_there_is(platform, acme, globex, now, report):
    def asked():
        hosts.clear()
        with CaptureQueriesContext(connection) as captured:
            platform.get("/admin/")
        return asked_in(captured)

    asked()
    quiet = asked()
    for tenant in (acme, globex):
        for _row in range(5):
            deadline(tenant, now, dead_at=now)
            delivery(tenant, now, state="dead", dead_at=now)
            failed_endpoint(tenant, now)
    report(at=now - timedelta(days=2))
    assert asked() == quiet


@pytest.mark.parametrize("role", ["support", "release", "platform"])
def test_board_leads_nobody_where_they_may_not_go(public, users, browser, acme, now, role):
    for make in STUCK.values():
        make(acme, now)
    client = browser(public, users[role])
    parts = [part for _template, part in client.get("/admin/").context["parts"] if "watched" in part]
    for tile in (*parts[0]["watched"], *parts[0]["tenants"]):
        assert client.get(tile.url.partition("#")[0]).status_code == 200, tile.label


# ---- breached now, across tenants ---------------------------------------------------------------------------------


def reported(tenant, at, *severities, system):
    with entering(tenant):
        program = hypercare.create_program(code="ERP", name="ERP", by=system, now=at)
        project = hypercare.create_project(program=program, code="W1", name="Wave 1", by=system, now=at)
        return [
            hypercare.report_incident(
                project=project, title="Secret canary", severity=severity, by=system, now=at
            )
            for severity in severities
        ]


def test_breaches_are_computed_and_not_read_from_what_sweeps_recorded(platform, acme, globex, now, system):
    at = now - timedelta(days=1)
    reported(acme, at, "P3", "P3", "P4", system=system)
    first, *_rest = reported(globex, at, "P1", "P2", system=system)
    assert not first.sla_response_breached
    seen = landscape(now=now)
    assert [(each.tenant, each.counts) for each in seen.breached] == [
        (globex, {"P1": 1, "P2": 1, "P3": 0, "P4": 0}),
        (acme, {"P1": 0, "P2": 0, "P3": 2, "P4": 1}),
    ]
    assert (seen.total, seen.counts) == (5, {"P1": 1, "P2": 1, "P3": 2, "P4": 1})
    assert landscape(now=at + timedelta(minutes=30)).breached == [], "nothing is breached yet then"


def test_board_names_the_tenants_worst_first_and_nothing_of_theirs(platform, acme, globex, now, system):
    at = now - timedelta(days=1)
    reported(acme, at, "P3", system=system)
    reported(globex, at, "P1", system=system)
    page = platform.get("/admin/").content.decode()
    rows = page[page.index('id="hc-landscape"') :]
    assert rows.index("Globex") < rows.index("Acme")
    assert "http://globex.localhost:8000/admin/hypercare/incident/?breached=now" in rows
    assert f"/admin/tenancy/supportgrant/do/open/?tenant={globex.pk}" in rows
    assert "canary" not in page
    assert needs(platform)[0] == "Breached now"
    assert tiles(platform)["Breached now"].count == 2


def test_what_is_resolved_or_suspended_is_not_breached_now(acme, globex, users, now, system):
    at = now - timedelta(days=1)
    by = Actor.member(users["manager"].pk, Role.MANAGER)
    (resolved,) = reported(acme, at, "P4", system=system)
    with entering(acme):
        hypercare.resolve(incident=resolved, root_cause="x", resolution_notes="x", by=by, now=now)
    reported(globex, at, "P1", system=system)
    Tenant.objects.filter(pk=globex.pk).update(state="suspended", suspended_at=now)
    assert landscape(now=now).breached == []


def test_a_tenant_that_cannot_be_read_is_named_and_hides_no_other(platform, acme, globex, now, system):
    reported(acme, now - timedelta(days=1), "P1", system=system)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE t_globex.hypercare_incident RENAME TO away")
    seen = landscape(now=now)
    assert seen.unread == [globex]
    assert [each.tenant for each in seen.breached] == [acme]
    assert "Tenants that could not be asked" in needs(platform)
    assert "Could not be asked just now: Globex." in " ".join(
        platform.get("/admin/").content.decode().split()
    )


def test_tenants_are_asked_many_at_once(tenants, now):
    assert len(tenants) < settings.THRESHOLDS.console.LANDSCAPE_TENANTS
    with CaptureQueriesContext(connection) as captured:
        landscape(now=now)
    assert sum("UNION ALL" in query["sql"] for query in captured) == 1


def test_a_schema_with_a_wild_name_is_quoted(acme, now, system):
    reported(acme, now - timedelta(days=1), "P1", system=system)
    with connection.cursor() as cursor:
        cursor.execute('ALTER SCHEMA t_acme RENAME TO "t_a""; DROP"')
    Tenant.objects.filter(pk=acme.pk).update(schema_name='t_a"; DROP')
    assert landscape(now=now).total == 1


# ---- editing, and two who edit ------------------------------------------------------------------------------------


def form_of(client, url):
    """What the form says when it is opened."""
    form = client.get(url).context["form"]
    return {name: form[name].value() if name == "seen" else str(form[name].value()) for name in form.fields}


def test_tenant_is_renamed_and_its_host_stays(platform, acme):
    url = f"{BASE}tenant/{acme.pk}/do/edit/"
    form = form_of(platform, url) | {"name": "Acme A.Ş.", "time_zone": "UTC"}
    assert "Acme A.Ş. is changed" in said(platform.post(url, form), platform)
    acme.refresh_from_db()
    assert (acme.name, str(acme.time_zone), acme.slug) == ("Acme A.Ş.", "UTC", "acme")
    assert journaled("tenant.changed")[2] == {
        "name": ["Acme", "Acme A.Ş."],
        "time_zone": ["Europe/Istanbul", "UTC"],
    }


def test_edit_that_changes_nothing_says_so_and_is_not_journaled(platform, acme):
    url = f"{BASE}tenant/{acme.pk}/do/edit/"
    assert "as it was" in said(platform.post(url, form_of(platform, url)), platform)
    assert not OperatorEvent.objects.filter(verb="tenant.changed").exists()


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("name", "", "required"),
        ("name", "x" * 121, "at most 120"),
        ("name", "a\0b", "Null characters"),
        ("time_zone", "Mars/Base", "valid choice"),
        ("language", "de", "valid choice"),
    ],
)
def test_tenant_that_cannot_be_is_refused(platform, acme, field, value, why):
    url = f"{BASE}tenant/{acme.pk}/do/edit/"
    assert why in refused(platform.post(url, form_of(platform, url) | {field: value}))
    assert Tenant.objects.get(pk=acme.pk).name == "Acme"


def test_second_of_two_editors_sees_what_the_first_wrote_and_decides(platform, acme):
    url = f"{BASE}tenant/{acme.pk}/do/edit/"
    form = form_of(platform, url) | {"name": "Mine"}
    Tenant.objects.filter(pk=acme.pk).update(name="Theirs")
    response = platform.post(url, form)
    assert "Somebody changed this while you wrote" in refused(response)
    again = response.context["form"]
    assert again["name"].value() == "Mine", "what was typed is kept"
    assert again.theirs["name"].says == "Theirs"
    assert Tenant.objects.get(pk=acme.pk).name == "Theirs"
    resend = form | {"seen": again["seen"].value()}
    assert "Mine is changed" in said(platform.post(url, resend), platform)


@pytest.mark.parametrize("seen", ["", "nonsense", "[]", '{"name": 1}'])
def test_edit_without_the_marks_of_its_form_is_refused(platform, acme, seen):
    url = f"{BASE}tenant/{acme.pk}/do/edit/"
    form = form_of(platform, url) | {"name": "Mine", "seen": seen}
    assert "Somebody changed this" in refused(platform.post(url, form))


def test_purged_tenant_is_not_edited(platform, acme, now):
    url = f"{BASE}tenant/{acme.pk}/do/edit/"
    form = form_of(platform, url)
    Tenant.objects.filter(pk=acme.pk).update(state="purged", purged_at=now)
    assert "purged" in refused(platform.post(url, form))


def test_segment_is_renamed_once_seen(platform):
    segment = Segment.objects.create(key="early", name="Early")
    url = f"{BASE}segment/{segment.pk}/do/edit/"
    form = form_of(platform, url) | {"name": "Early adopters"}
    assert "changed" in said(platform.post(url, form), platform)
    assert journaled("segment.renamed")[2] == {"name": ["Early", "Early adopters"]}
    assert "Somebody changed" in refused(platform.post(url, form)), "the form is of the name before"
    assert "at most 80" in refused(platform.post(url, form_of(platform, url) | {"name": "x" * 81}))


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"key": "early", "name": "Again"}, "already"),
        ({"key": "not a key", "name": "X"}, "slug"),
        ({"key": "", "name": "X"}, "required"),
        ({"key": "x", "name": ""}, "required"),
    ],
)
def test_segment_that_cannot_be_is_refused(platform, form, why):
    Segment.objects.create(key="early", name="Early")
    assert why in refused(platform.post(f"{BASE}segment/do/create/", form))
    assert Segment.objects.count() == 1


def test_row_that_went_away_meanwhile_is_not_found(platform, users):
    segment = Segment.objects.create(key="early", name="Early")
    url = f"{BASE}segment/{segment.pk}/do/edit/"
    form = form_of(platform, url)
    segment.delete()
    assert platform.post(url, form).status_code == 404
    member = membership(users["agent"])
    member.delete()
    assert platform.post(f"{BASE}membership/{member.pk or 1}/do/remove/").status_code == 404


def test_moving_begins_with_the_segment_that_the_tenant_is_in(platform, acme):
    url = f"{BASE}tenant/{acme.pk}/do/move/"
    assert platform.get(url).context["form"]["segment"].value() is None
    segment = Segment.objects.create(key="early", name="Early")
    Tenant.objects.filter(pk=acme.pk).update(segment=segment)
    assert platform.get(url).context["form"]["segment"].value() == segment.pk


def test_unknown_segment_is_no_choice(platform, acme):
    response = platform.post(f"{BASE}tenant/{acme.pk}/do/move/", {"segment": 12345})
    assert "valid choice" in refused(response)


def test_page_of_a_tenant_says_what_it_holds_one_click_away(platform, acme, users, now, flag):
    deadline(acme, now, dead_at=now)
    delivery(acme, now, state="dead", dead_at=now)
    factories.GrantFactory(tenant=acme, opened_at=now)
    TenantFlag.objects.create(flag=flag, tenant=acme, enabled=False, changed_at=now)
    page = platform.get(f"{BASE}tenant/{acme.pk}/change/").content.decode()
    assert "acme.localhost" in page
    for what in ("membership", "deadline", "delivery", "supportgrant"):
        link = f"{BASE}{what}/?tenant__id__exact={acme.pk}"
        assert link in page
        assert platform.get(link).context["cl"].result_count > 0
    assert "1 customer, 1 agent, 1 manager, 1 admin" in page
    assert "project_scope_enabled: off" in page


def test_support_sees_of_a_tenant_what_they_may_open(public, users, browser, acme):
    page = browser(public, users["support"]).get(f"{BASE}tenant/{acme.pk}/change/").content.decode()
    assert f"{BASE}supportgrant/?tenant" in page
    assert f"{BASE}membership/?tenant" not in page


def test_page_of_a_segment_lists_its_tenants(platform, acme):
    segment = Segment.objects.create(key="early", name="Early")
    Tenant.objects.filter(pk=acme.pk).update(segment=segment)
    page = platform.get(f"{BASE}segment/{segment.pk}/change/").content.decode()
    assert f"{BASE}tenant/{acme.pk}/change/" in page


# ---- users --------------------------------------------------------------------------------------------------------


def user_url(user, verb):
    return f"{BASE}user/{user.pk}/do/{verb}/"


def test_user_is_edited(platform, users):
    url = user_url(users["agent"], "edit")
    form = form_of(platform, url) | {"name": "Ayşe Işık", "language": "tr", "time_zone": "UTC"}
    assert "Ayşe Işık is changed" in said(platform.post(url, form), platform)
    users["agent"].refresh_from_db()
    assert (users["agent"].name, users["agent"].language) == ("Ayşe Işık", "tr")
    data = journaled("user.changed")[2]
    assert data == {"changed": ["language", "name", "time_zone"], "language": "tr", "time_zone": "UTC"}
    assert "as it was" in said(platform.post(url, form_of(platform, url)), platform)
    assert "at most 120" in refused(platform.post(url, form_of(platform, url) | {"name": "x" * 121}))


def test_anonymous_user_is_not_edited(platform, users, now, system):
    url = user_url(users["agent"], "edit")
    form = form_of(platform, url)
    services.anonymise_user(user=users["agent"], by=system, now=now)
    assert platform.get(url).status_code == 200
    assert "Somebody changed" in refused(platform.post(url, form))
    assert "anonymous already" in refused(platform.post(url, form_of(platform, url) | {"name": "Again"}))


def test_user_without_a_password_is_made(platform):
    form = {"email": "ayse@example.com", "name": "Ayşe", "password": "", "language": "tr", "time_zone": "UTC"}
    assert "Ayşe is here" in said(platform.post(f"{BASE}user/do/create/", form), platform)
    assert not User.objects.get(email="ayse@example.com").has_usable_password()


def test_staff_role_is_given_and_taken_with_a_reason(platform, users, acme, public, now):
    person = factories.UserFactory()
    url = user_url(person, "staff-role")
    assert "required" in refused(platform.post(url, {"staff_role": "support", "reason": " "}))
    assert "required" in refused(platform.post(url, {"staff_role": "", "reason": "r"}))
    assert "valid choice" in refused(platform.post(url, {"staff_role": "god", "reason": "r"}))
    assert "works as support" in said(
        platform.post(url, {"staff_role": "support", "reason": "Hired"}), platform
    )
    assert journaled("user.staff_role_changed")[2] == {"staff_role": "support", "was": "", "reason": "Hired"}
    assert "already" in refused(platform.post(url, {"staff_role": "support", "reason": "Again"}))
    grant = factories.GrantFactory(user=person, tenant=acme, opened_at=now)
    factories.token(person, public)
    assert "one of us no more" in said(platform.post(url, {"staff_role": "none", "reason": "Left"}), platform)
    grant.refresh_from_db()
    assert grant.ended_at == now
    assert ApiToken.objects.get(user=person).revoked_at == now
    with entering(acme):
        assert Event.objects.filter(verb="grant.ended").count() == 1


def test_member_of_a_tenant_does_not_become_one_of_us(platform, users):
    url = user_url(users["agent"], "staff-role")
    assert "member of a tenant" in refused(platform.post(url, {"staff_role": "support", "reason": "r"}))


def test_last_platform_person_keeps_the_role(platform, users):
    url = user_url(users["platform"], "staff-role")
    form = {"staff_role": "support", "reason": "Rotation"}
    assert "last person" in refused(platform.post(url, form))
    factories.UserFactory(staff_role="platform", is_active=False)
    assert "last person" in refused(platform.post(url, form)), "one who cannot sign in does not count"
    factories.UserFactory(staff_role="platform")
    assert platform.post(url, form).status_code == 302
    assert platform.get(f"{BASE}user/").status_code == 403, "from the next click on"


def test_user_is_switched_on_again_once(platform, users, now, system):
    url = user_url(users["agent"], "reactivate")
    assert "active" in refused(platform.post(url, {"reason": "Back"}))
    services.deactivate_user(user=users["agent"], reason="Leave", by=system, now=now)
    assert "required" in refused(platform.post(url, {"reason": ""}))
    assert "may sign in again" in said(platform.post(url, {"reason": "Back"}), platform)
    assert User.objects.get(pk=users["agent"].pk).is_active
    assert journaled("user.reactivated")[2] == {"reason": "Back"}


def test_password_is_set_and_a_weak_one_is_not(platform, users):
    url = user_url(users["agent"], "set-password")
    assert "too short" in refused(platform.post(url, {"password": "short"}))
    assert "required" in refused(platform.post(url, {"password": ""}))
    assert "new password" in said(platform.post(url, {"password": "entirely new horse 7"}), platform)
    users["agent"].refresh_from_db()
    assert users["agent"].check_password("entirely new horse 7")


def test_user_is_made_anonymous_by_the_typed_email_alone(platform, users):
    url = user_url(users["agent"], "anonymise")
    email = users["agent"].email
    for wrong in ("", "somebody@example.com", users["agent"].name, email + "x"):
        assert platform.post(url, {"typed_email": wrong}).status_code == 422
    assert User.objects.get(pk=users["agent"].pk).anonymised_at is None
    assert platform.post(url, {"typed_email": email.upper()}).status_code == 302
    assert User.objects.get(pk=users["agent"].pk).name == ""
    assert "anonymous already" in refused(
        platform.post(url, {"typed_email": f"anonymised-{users['agent'].pk}@invalid"})
    )


@pytest.mark.parametrize("role", ["support", "release"])
@pytest.mark.parametrize("verb", ["edit", "staff-role", "set-password", "reactivate", "anonymise"])
def test_users_are_the_platforms_alone(public, users, browser, role, verb):
    assert browser(public, users[role]).post(user_url(users["agent"], verb)).status_code == 403


# ---- members ------------------------------------------------------------------------------------------------------


def test_member_is_added_on_the_tenants_page_known_or_not(platform, acme):
    url = f"{BASE}tenant/{acme.pk}/do/invite/"
    known = factories.UserFactory()
    told = said(platform.post(url, {"email": known.email.upper(), "role": "agent"}), platform)
    assert "agent" in told
    assert "tell them yourself" in told
    assert "member already" in refused(platform.post(url, {"email": known.email, "role": "agent"}))
    fresh = {"email": "new@example.com", "name": "Newcomer", "role": "customer"}
    told = said(platform.post(url, fresh), platform)
    assert "Newcomer is customer in Acme" in told
    assert "A mail with a link" in told
    made = User.objects.get(email="new@example.com")
    assert (made.language, made.has_usable_password()) == (acme.language, False)
    with entering(acme):
        assert Event.objects.filter(verb="member.added", subject=f"user:{made.pk}").exists()


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"email": "nonsense", "name": "X", "role": "agent"}, "valid email"),
        ({"email": "new@example.com", "name": "", "role": "agent"}, "may not be empty"),
        ({"email": "new@example.com", "name": "X", "role": "owner"}, "valid choice"),
        ({"email": "", "name": "X", "role": "agent"}, "required"),
        ({"email": "new@example.com", "name": "x" * 121, "role": "agent"}, "at most 120"),
    ],
)
def test_member_who_cannot_be_is_refused_and_nobody_is_made(platform, admin, acme, form, why):
    for client, url in (
        (platform, f"{BASE}tenant/{acme.pk}/do/invite/"),
        (admin, f"{BASE}membership/do/invite/"),
    ):
        assert why in refused(client.post(url, form))
    assert not User.objects.filter(email="new@example.com").exists()


def test_one_of_us_is_no_member(platform, admin, users, acme):
    form = {"email": users["support"].email, "role": "agent"}
    assert "cannot be a member" in refused(platform.post(f"{BASE}tenant/{acme.pk}/do/invite/", form))
    assert "cannot be a member" in refused(admin.post(f"{BASE}membership/do/invite/", form))


def test_role_is_changed_and_member_removed_on_the_public_host(platform, users):
    base = f"{BASE}membership/{membership(users['agent']).pk}/do/"
    assert platform.get(f"{base}change-role/").context["form"]["role"].value() == "agent"
    assert "manager" in said(platform.post(f"{base}change-role/", {"role": "manager"}), platform)
    assert "this one already" in refused(platform.post(f"{base}change-role/", {"role": "manager"}))
    assert "valid choice" in refused(platform.post(f"{base}change-role/", {"role": "king"}))
    assert "is out of Acme" in said(platform.post(f"{base}remove/"), platform)
    assert not Membership.objects.filter(user=users["agent"]).exists()
    assert platform.post(f"{base}remove/").status_code == 404


def test_last_admin_stays_unless_we_say_so(platform, users):
    base = f"{BASE}membership/{membership(users['admin']).pk}/do/"
    assert "last admin" in refused(platform.post(f"{base}change-role/", {"role": "agent"}))
    assert "last admin" in refused(platform.post(f"{base}remove/"))
    leave = {"role": "agent", "leave_without_admin": "on"}
    assert platform.post(f"{base}change-role/", leave).status_code == 302
    assert membership(users["admin"]).role == "agent"


def test_last_admin_of_their_own_tenant_stays_whatever_they_send(admin, acme, users):
    base = f"{BASE}membership/{membership(users['admin']).pk}/do/"
    leave = {"role": "agent", "leave_without_admin": "on"}
    assert "last admin" in refused(admin.post(f"{base}change-role/", leave))
    assert "last admin" in refused(admin.post(f"{base}remove/", leave))
    inactive = factories.member(acme, "admin", is_active=False)
    assert "last admin" in refused(admin.post(f"{base}remove/")), "one who cannot sign in does not count"
    User.objects.filter(pk=inactive.pk).update(is_active=True)
    assert admin.post(f"{base}change-role/", {"role": "agent"}).status_code == 302


def test_tenants_admin_adds_changes_and_removes_members(admin, acme, users):
    fresh = {"email": "new@example.com", "name": "Newcomer", "role": "agent"}
    assert "Newcomer is agent" in said(admin.post(f"{BASE}membership/do/invite/", fresh), admin)
    member = Membership.objects.get(user__email="new@example.com", tenant=acme)
    base = f"{BASE}membership/{member.pk}/do/"
    assert "manager" in said(admin.post(f"{base}change-role/", {"role": "manager"}), admin)
    assert "is out of Acme" in said(admin.post(f"{base}remove/"), admin)
    with entering(acme):
        verbs = Event.objects.filter(subject=f"user:{member.user_id}").values_list("verb", flat=True)
        assert list(verbs.order_by("seq")) == ["member.added", "member.role_changed", "member.removed"]


@pytest.mark.parametrize("role", ["agent", "manager"])
def test_members_are_the_admins_to_change(acme, users, browser, role):
    client = browser(acme, users[role])
    assert client.get(f"{BASE}membership/").status_code == 200
    assert client.post(f"{BASE}membership/do/invite/", {}).status_code == 403
    base = f"{BASE}membership/{membership(users['customer']).pk}/do/"
    assert client.post(f"{base}remove/").status_code == 403
    assert client.post(f"{base}change-role/", {"role": "agent"}).status_code == 403


def test_members_page_says_their_projects(admin, acme, users, project):
    page = admin.get(f"{BASE}membership/{membership(users['agent']).pk}/change/").content.decode()
    assert "Wave 1" in page
    stranger = factories.member(acme, "agent")
    page = admin.get(f"{BASE}membership/{membership(stranger).pk}/change/").content.decode()
    assert "Wave 1" not in page


def test_memberships_of_another_tenant_are_not_there(admin, globex):
    theirs = membership(factories.member(globex, "agent"))
    for tail in ("change/", "do/remove/", "do/change-role/"):
        assert admin.get(f"{BASE}membership/{theirs.pk}/{tail}").status_code == 404


def test_page_of_a_user_leads_to_their_memberships(platform, users):
    page = platform.get(f"{BASE}user/{users['agent'].pk}/change/").content.decode()
    assert f"{BASE}membership/{membership(users['agent']).pk}/change/" in page


# ---- grants -------------------------------------------------------------------------------------------------------


def test_page_of_a_live_grant_leads_into_its_tenant(platform, acme, grant, now, at_now):
    row = grant(expires_at=now + timedelta(minutes=20))
    url, door = f"{BASE}supportgrant/{row.pk}/change/", f"{base_url(acme)}/admin/"
    assert door in platform.get(url).content.decode()
    SupportGrant.objects.filter(pk=row.pk).update(ended_at=now)
    assert door not in platform.get(url).content.decode()


@pytest.mark.parametrize("how", ["ended", "expired"])
def test_grant_that_ended_opens_nothing_any_more(
    platform, acme, users, browser, report, grant, now, at_now, how
):
    incident = report()
    row = grant(writes=True, expires_at=now + timedelta(minutes=20))
    console = browser(acme, users["support"])
    script = Client(
        headers={
            "host": factories.host_of(acme),
            "authorization": f"Bearer {factories.token(users['support'], acme)}",
        }
    )
    page = f"/admin/hypercare/incident/{incident.pk}/"
    api = f"/api/v1/projects/{incident.project_id}/hypercare/incidents"
    assert console.get(f"{page}change/").status_code == 200
    assert script.get(api).status_code == 200
    if how == "ended":
        assert "ended" in said(platform.post(f"{BASE}supportgrant/{row.pk}/do/end/"), platform)
    else:
        at_now.move_to(now + timedelta(minutes=20))
    assert console.get(f"{page}change/").status_code == 302
    assert console.post(f"{page}do/respond/").status_code in (302, 403)
    assert console.get("/admin/").status_code == 302
    for answer in (
        script.get(api),
        script.get(f"{api}/{incident.pk}"),
        script.post(f"{api}/{incident.pk}/first-response"),
        script.get(f"{api}?format=csv"),
    ):
        assert answer.status_code == 403
    with entering(acme):
        incident.refresh_from_db()
        assert incident.state == "open"
    assert "has ended" in refused(platform.post(f"{BASE}supportgrant/{row.pk}/do/end/"))


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("minutes", 0, "greater than or equal to 1"),
        ("minutes", -5, "greater than or equal to 1"),
        ("minutes", "ten", "whole number"),
        ("minutes", 10**12, "60 minutes at most"),
        ("reason", "x" * 501, "at most 500"),
        ("ticket", "x" * 81, "at most 80"),
        ("ticket", "a\0b", "Null characters"),
        ("tenant", 99999, "valid choice"),
        ("user", "", "required"),
    ],
)
def test_grant_that_cannot_be_is_refused(public, users, browser, acme, field, value, why):
    form = {"user": users["support"].pk, "tenant": acme.pk, "reason": "r", "ticket": "t", "minutes": 15}
    response = browser(public, users["support"]).post(f"{BASE}supportgrant/do/open/", form | {field: value})
    assert why in refused(response)
    assert not SupportGrant.objects.exists()


def test_grant_into_a_tenant_that_was_suspended_meanwhile_is_refused(public, users, browser, acme, now):
    form = {"user": users["support"].pk, "tenant": acme.pk, "reason": "r", "ticket": "t", "minutes": 15}
    Tenant.objects.filter(pk=acme.pk).update(state="suspended", suspended_at=now)
    client = browser(public, users["support"])
    assert "suspended" in refused(client.post(f"{BASE}supportgrant/do/open/", form))


def test_customer_or_member_gets_no_grant(public, users, browser, acme):
    form = {"user": users["admin"].pk, "tenant": acme.pk, "reason": "r", "ticket": "t", "minutes": 15}
    client = browser(public, users["support"])
    assert "valid choice" in refused(client.post(f"{BASE}supportgrant/do/open/", form))


def test_grant_can_be_opened_from_where_it_is_needed(public, users, browser, acme):
    page = browser(public, users["support"]).get(f"{BASE}supportgrant/do/open/?tenant={acme.pk}")
    assert f'<option value="{acme.pk}" selected>' in page.content.decode()


# ---- flags --------------------------------------------------------------------------------------------------------

MATRIX = "/admin/flags-by-segment/"


def cells(client):
    context = client.get(MATRIX).context
    names = [segment.name if segment else "none" for segment in context["segments"]]
    return {
        flag.key: {
            name: (str(cell.says), cell.on, cell.off, cell.set_apart)
            for name, cell in zip(names, row, strict=True)
        }
        for flag, row in context["flags"]
    }


def test_flags_by_segment_say_on_off_and_mixed(platform, acme, globex, flag, now):
    early, late = (Segment.objects.create(key=key, name=key) for key in ("early", "late"))
    Tenant.objects.filter(pk__in=[acme.pk, globex.pk]).update(segment=early)
    TenantFlag.objects.create(flag=flag, tenant=acme, enabled=False, changed_at=now)
    assert cells(platform)[flag.key] == {
        "early": ("mixed", 1, 1, 1),
        "late": ("–", 0, 0, 0),
        "none": ("on", 1, 0, 0),
    }
    TenantFlag.objects.create(flag=flag, tenant=globex, enabled=False, changed_at=now)
    assert cells(platform)[flag.key]["early"] == ("off", 0, 2, 2)
    page = platform.get(MATRIX).content.decode()
    link = f"{BASE}flag/{flag.pk}/do/set-segment/?segment={early.pk}"
    assert link in page
    assert f'<option value="{early.pk}" selected>' in platform.get(link).content.decode()
    assert late.name in page


def test_flags_by_segment_are_not_supports(public, users, browser):
    assert browser(public, users["support"]).get(MATRIX).status_code == 403
    assert browser(public, users["release"]).get(MATRIX).status_code == 200


def test_flags_by_segment_cost_the_same_for_many(platform, flag, acme, now):
    def asked():
        hosts.clear()
        with CaptureQueriesContext(connection) as captured:
            platform.get(MATRIX)
        return asked_in(captured)

    few = asked()
    for number in range(30):
        segment = Segment.objects.create(key=f"s{number}", name=f"S{number}")
        Flag.objects.create(key=f"f{number}", description="x")
    Tenant.objects.filter(pk=acme.pk).update(segment=segment)
    TenantFlag.objects.create(flag=flag, tenant=acme, enabled=False, changed_at=now)
    assert asked() == few


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("segment", 999, "valid choice"),
        ("segment", "", "required"),
        ("enabled", "maybe", "valid choice"),
        ("reason", "", "required"),
        ("reason", "x" * 501, "at most 500"),
    ],
)
def test_flag_of_a_segment_is_not_set_by_a_wrong_form(platform, flag, acme, field, value, why):
    segment = Segment.objects.create(key="early", name="Early")
    Tenant.objects.filter(pk=acme.pk).update(segment=segment)
    form = {"segment": segment.pk, "enabled": "on", "reason": "r"}
    assert why in refused(platform.post(f"{BASE}flag/{flag.pk}/do/set-segment/", form | {field: value}))
    assert not TenantFlag.objects.exists()


def test_flag_is_not_set_in_a_tenant_that_is_gone(platform, flag, acme, now):
    Tenant.objects.filter(pk=acme.pk).update(state="purged", purged_at=now)
    form = {"tenant": acme.pk, "enabled": "on", "reason": "r"}
    assert "valid choice" in refused(platform.post(f"{BASE}flag/{flag.pk}/do/set-tenant/", form))


# ---- periodic tasks -----------------------------------------------------------------------------------------------

TASKS = "/admin/django_celery_beat/periodictask/"


def test_periodic_task_is_switched_off_and_on_with_a_reason(platform, users, now):
    task = periodic()
    base = f"{TASKS}{task.pk}/do/"
    assert "required" in refused(platform.post(f"{base}switch-off/", {"reason": ""}))
    assert "is off" in said(platform.post(f"{base}switch-off/", {"reason": "Storm"}), platform)
    assert "already" in refused(platform.post(f"{base}switch-off/", {"reason": "Storm"}))
    assert journaled("schedule.switched") == (
        "staff",
        users["platform"].pk,
        {"task": "sweep", "enabled": False, "reason": "Storm"},
    )
    assert "switched off" in platform.get(f"{TASKS}?standing=off").content.decode()
    assert "runs again" in said(platform.post(f"{base}switch-on/", {"reason": "Over"}), platform)
    task.refresh_from_db()
    assert task.enabled


@pytest.mark.parametrize("role", ["support", "release"])
def test_periodic_tasks_are_the_platforms_to_switch(public, users, browser, role):
    url = f"{TASKS}{periodic().pk}/do/switch-off/"
    assert browser(public, users[role]).post(url, {"reason": "r"}).status_code == 403


def test_periodic_task_says_in_words_how_it_stands(platform, now):
    def page():
        return platform.get(TASKS).content.decode()

    task = periodic(every=60)
    assert "has not run yet" in page()
    ran(task, now - timedelta(seconds=20))
    assert "in time" in page()
    ran(task, now - timedelta(minutes=30))
    assert "late: was due 29\xa0minutes ago" in page()
    assert platform.get(f"{TASKS}?standing=late").context["cl"].result_count == 1
    hourly = CrontabSchedule.objects.create(minute="5")
    PeriodicTask.objects.filter(pk=task.pk).update(interval=None, crontab=hourly)
    assert "late: was due" not in page()
    ran(task, now - timedelta(hours=5))
    assert "late: was due" in page()


# ---- deliveries, deadlines, journal -------------------------------------------------------------------------------


def test_delivery_that_waits_is_tried_now(platform, acme, now):
    waits = delivery(acme, now, next_try_at=now + timedelta(minutes=50), attempts=5)
    url = f"{BASE}delivery/{waits.pk}/do/retry/"
    assert "required" in refused(platform.post(url, {"reason": ""}))
    assert "next dispatch" in said(platform.post(url, {"reason": "They are back"}), platform)
    waits.refresh_from_db()
    assert (waits.next_try_at, waits.attempts) == (now, 5)
    assert "does not wait" in refused(platform.post(url, {"reason": "Again"}))
    assert journaled("delivery.retried")[2]["reason"] == "They are back"


def test_selection_of_deliveries_is_tried_now_and_each_refusal_told(platform, acme, now):
    later = now + timedelta(minutes=50)
    rows = [delivery(acme, now, next_try_at=later), delivery(acme, now, state="sent", sent_at=now)]
    form = {"action": "retry", "_selected_action": [row.pk for row in rows], "apply": "1", "reason": "Back"}
    told = said(platform.post(f"{BASE}delivery/", form), platform)
    assert "next dispatch" in told
    assert "does not wait" in told


@pytest.mark.parametrize(("since", "shown"), [("hour", 1), ("day", 2), ("week", 3), ("", 4), ("nonsense", 4)])
def test_deliveries_and_journal_are_narrowed_to_what_is_recent(platform, acme, now, system, since, shown):
    for ago in (timedelta(minutes=5), timedelta(hours=5), timedelta(days=5), timedelta(days=50)):
        delivery(acme, now, created_at=now - ago)
        row = deadline(acme, now, dead_at=now, due_at=now - timedelta(days=60))
        deadlines.replay(deadline=row, reason="r", by=system, now=now - ago)
    seen = platform.get(f"{BASE}delivery/?since={since}").context["cl"]
    assert seen.result_count == shown
    seen = platform.get(f"{BASE}operatorevent/?since={since}&verb=deadline.replayed").context["cl"]
    assert seen.result_count == shown


# ---- thresholds ---------------------------------------------------------------------------------------------------


def test_thresholds_are_all_there_with_hash_and_build(public, users, browser):
    client = browser(public, users["release"])
    page = html.unescape(client.get("/admin/thresholds/").content.decode())
    assert settings.CONFIG_HASH in page
    assert settings.BUILD_ID in page
    for text in ("GRANT_MAX_MINUTES", "THRESHOLD_ACCESS_GRANT_MAX_MINUTES", "60,240", "50,80", "0.05"):
        assert text in page
    assert client.post("/admin/thresholds/").status_code in (200, 405)


def test_thresholds_are_release_and_platforms_to_read(public, users, browser):
    assert browser(public, users["support"]).get("/admin/thresholds/").status_code == 403
    assert browser(public, users["platform"]).get("/admin/thresholds/").status_code == 200
    anonymous = Client(headers={"host": factories.host_of(public)})
    assert anonymous.get("/admin/thresholds/").status_code == 302


def test_thresholds_are_spelled_as_the_environment_spells_them():
    changed = type(settings.THRESHOLDS)(
        mismatch=type(settings.THRESHOLDS.mismatch)(RATIO=Decimal("0.060")),
        overridden=frozenset({"mismatch.RATIO"}),
    )
    found = {
        ".".join(filter(None, (group, entry.name, number.name))): number
        for group, entries in groups(changed)
        for entry in entries
        for number in entry.numbers
    }
    ratio = found["mismatch.RATIO"]
    assert (ratio.value, ratio.default, ratio.overridden) == ("0.06", "0.05", True)
    assert ratio.variable == "THRESHOLD_MISMATCH_RATIO"
    assert [name for name, number in found.items() if number.overridden] == ["mismatch.RATIO"]
    assert found["mismatch.SEVERE_ABSOLUTE"].value == "500"
    assert found["alarms.s1_rate.ABOVE"].variable == "THRESHOLD_ALARMS_S1_RATE_ABOVE"


def test_an_alarm_is_shown_with_what_it_names(public, users, browser):
    page = html.unescape(browser(public, users["release"]).get("/admin/thresholds/").content.decode())
    for text in (
        "SEC-CROSS-SCOPE-001",
        "THRESHOLD_ALARMS_S1_RATE_ABOVE",
        "runbook <code>s1-rate-spike</code>",
        "owner <code>product_owner</code>",
        "told on <code>slack:alerts, pagerduty</code>",
        "more than <code>alert.BUG_REPORT_RATE</code>",
        "is <b>S1 / (S1 + S2)</b>",
        "THRESHOLD_TRIGGERS_LATENCY_INVESTIGATE_MINUTES",
    ):
        assert text in page, text


# ---- what lists cost ----------------------------------------------------------------------------------------------


def _tenant(number, **_given):
    slug = f"x{number}"
    return Tenant.objects.create(slug=slug, schema_name=f"t_{slug}", name=slug, created_at=factories.LONG_AGO)


def _event(number, acme, now, system, **_given):
    deadlines.replay(deadline=deadline(acme, now, dead_at=now), reason=str(number), by=system, now=now)


def _alert(number, acme, now, **_given):
    what = judged(acme, "breach", now).verdict.as_json()
    given = {"severity": "high", "owner": "on_call", "runbook": "not-ready", "verdict": what}
    times = {"opened_at": now, "last_seen_at": now}
    Alert.objects.create(rule=f"rule-{number}", tenant=acme, **given, **times)


def _silence(acme, now, **_given):
    by = factories.UserFactory(staff_role="release")
    times = {"starts_at": now, "ends_at": now + timedelta(hours=1)}
    Silence.objects.create(tenant=acme, reason="Load test", created_by=by, **times)


def _session(public, now, **_given):
    user = factories.UserFactory(staff_role="support")
    Session.objects.create(
        session_key=uuid4().hex, session_data="", expire_date=now + timedelta(1), tenant=public, user=user
    )


ROWS = {
    "tenancy.tenant": _tenant,
    "tenancy.segment": lambda number, **_: Segment.objects.create(key=f"s{number}", name=f"S{number}"),
    "tenancy.user": lambda **_: factories.UserFactory(),
    "tenancy.membership": lambda acme, **_: factories.member(acme, "agent"),
    "tenancy.supportgrant": lambda acme, now, **_: factories.GrantFactory(tenant=acme, opened_at=now),
    "tenancy.flag": lambda number, **_: Flag.objects.create(key=f"f{number}", description="x"),
    "tenancy.deadline": lambda acme, now, **_: deadline(acme, now),
    "tenancy.delivery": lambda acme, now, **_: delivery(acme, now),
    "tenancy.endpoint": lambda public, now, **_: failed_endpoint(public, now),
    "tenancy.operatorevent": _event,
    "tenancy.spareschema": lambda number, now, **_: SpareSchema.objects.create(
        name=f"spare_{number}", leaf_hash="x", created_at=now
    ),
    "tenancy.session": _session,
    "tenancy.apitoken": lambda public, **_: factories.token(
        factories.UserFactory(staff_role="support"), public
    ),
    "observability.alert": _alert,
    "observability.silence": _silence,
    "observability.runsummary": lambda number, acme, now, system, **_: run_summary(
        acme, number, by=system, now=now
    ),
    "observability.duty": lambda **_: staff("on_call"),
    "django_celery_beat.periodictask": lambda number, **_: periodic(f"task-{number}"),
}
LISTS = [model._meta.label_lower for model in public_site._registry]


@pytest.mark.parametrize("label", LISTS)
def test_every_public_list_costs_as_much_with_a_hundred_rows_as_with_ten(
    platform, acme, public, now, system, label
):
    assert label in ROWS, "say in ROWS how a row of it is made"
    path = f"/admin/{label.replace('.', '/')}/?all="

    def add(numbers):
        for number in numbers:
            ROWS[label](number=number, acme=acme, public=public, now=now, system=system)

    def asked():
        hosts.clear()
        with CaptureQueriesContext(connection) as captured:
            shown = platform.get(path).context["cl"].result_count
        sent = [query["sql"] for query in captured if not query["sql"].startswith("SET search_path")]
        return [sql.split(" FROM ")[-1][:60] for sql in sent], shown

    add(range(10))
    asked()
    few, shown_few = asked()
    add(range(10, 100))
    many, shown_many = asked()
    assert shown_many >= shown_few + 90
    assert many == few


def test_empty_lists_say_what_is_empty(platform):
    Delivery.objects.all().delete()
    Deadline.objects.all().delete()
    assert "Nothing was told to anybody yet." in platform.get(f"{BASE}delivery/").content.decode()
    assert "Nothing waits for its time." in platform.get(f"{BASE}deadline/").content.decode()
    assert "No support grant was opened yet." in platform.get(f"{BASE}supportgrant/").content.decode()


def test_last_platform_person_can_neither_be_switched_off_nor_made_anonymous(platform, users, system, now):
    alone = users["platform"]
    refusals = [
        (services.deactivate_user, {"reason": "Leave"}),
        (services.anonymise_user, {}),
    ]
    for service, given in refusals:
        with pytest.raises(Conflict) as refused_by:
            service(user=alone, **given, by=system, now=now)
        assert refused_by.value.code == "last_platform"
    factories.UserFactory(staff_role="platform")
    services.deactivate_user(user=alone, reason="Leave", by=system, now=now)
    assert platform.get(f"{BASE}user/").status_code == 302


def test_lost_second_factor_is_reset_and_a_locked_person_let_in(platform, users, system, now):
    person = users["manager"]
    reset, unlock = user_url(person, "reset-factor"), user_url(person, "unlock")
    assert "no second factor" in refused(platform.post(reset, {"reason": "Telephone lost"}))
    services.enrol_second_factor(user=person, secret="JBSWY3DPEHPK3PXP", by=system, now=now)
    assert "required" in refused(platform.post(reset, {"reason": ""}))
    assert "new second factor" in said(platform.post(reset, {"reason": "Telephone lost"}), platform)
    assert not services.has_totp(person)
    assert "Nobody is locked out" in refused(platform.post(unlock))
    AccessAttempt.objects.create(username=person.email, ip_address="10.0.0.9", failures_since_start=5)
    assert "may try" in said(platform.post(unlock), platform)
    assert not AccessAttempt.objects.filter(username=person.email).exists()

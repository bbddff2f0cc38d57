"""Endpoints and the log of deliveries: an admin's own, the operators' own, and nobody else's."""

import re
from html import unescape
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from tenancy import hosts, services
from tenancy.context import entering
from tenancy.journal.models import Event
from tenancy.models import Delivery, Endpoint, OperatorEvent

pytestmark = pytest.mark.django_db
LIST = "/admin/tenancy/endpoint/"
LOG = "/admin/tenancy/delivery/"
COMMON = {"language": "en", "time_zone": "UTC"}
TOKEN, HOOK, KEY = "xoxb-1-2-abc", "https://hooks.slack.com/services/T0/B0/x", "k" * 32
FORMS = {
    "webhook": {"address": "https://hooks.example.com/in?key=s3cr3t", "verbs": "incident.breached\n*"},
    "slack": {"address": "C0123456789", "secret": TOKEN, "verbs": ["incident.breached"]},
    "slack-webhook": {"secret": HOOK, "verbs": ["incident.breached"]},
    "pagerduty": {"secret": KEY, "verbs": ["incident.breached"]},
}


@pytest.fixture
def admin(acme, users, browser):
    return browser(acme, users["admin"])


@pytest.fixture
def endpoint(acme, system, now):
    """A webhook of acme."""
    return make(acme, system, now)


@pytest.fixture
def theirs(globex, system, now):
    """A webhook of another tenant."""
    return make(globex, system, now, name="Theirs")


def make(tenant, by, now, **fields):
    given = {
        "name": "Ticket desk",
        "channel": "webhook",
        "address": "https://hooks.example.com/in",
        "verbs": ["incident.breached"],
    }
    with entering(tenant):
        made, _secret = services.create_endpoint(tenant=tenant, **given | COMMON | fields, by=by, now=now)
    return made


def delivery(tenant, now, **fields):
    made = {
        "event": uuid4(),
        "message": "incident.breached",
        "subject": "incident:1",
        "recipient": "user:0",
        "channel": "webhook",
        "dedupe_key": "incident.breached",
        "next_try_at": now,
        "created_at": now,
    }
    return Delivery.objects.create(tenant=tenant, **made | fields)


def text(response):
    return unescape(" ".join(response.content.decode().split()))


def said(response, client):
    assert response.status_code == 302, response.context["form"].errors
    return " ".join(str(message) for message in client.get(response.url).context["messages"])


def refused(response):
    assert response.status_code == 422
    return " ".join(error for errors in response.context["form"].errors.values() for error in errors)


def journaled(tenant, verb):
    with entering(tenant):
        event = Event.objects.filter(verb=verb).order_by("-seq").first()
        return event and (event.actor_id, event.data)


# ---- added ------------------------------------------------------------------------------------------------------


def test_webhook_is_added_and_its_secret_shown_this_once(acme, admin, users):
    answer = admin.post(f"{LIST}do/add-webhook/", {"name": "Ticket desk"} | FORMS["webhook"] | COMMON)
    endpoint = Endpoint.objects.get()
    assert answer.status_code == 200
    assert endpoint.secret in text(answer)
    assert "no-store" in answer["Cache-Control"]
    assert endpoint.secret not in str(answer.cookies)
    assert (endpoint.tenant, endpoint.verbs) == (acme, ["*"])
    assert journaled(acme, "endpoint.created")[0] == users["admin"].pk
    next_page = re.search(r'href="(/admin/tenancy/endpoint/[^"]+)"', text(answer))[1]
    assert endpoint.secret not in text(admin.get(next_page))


@pytest.mark.parametrize("kind", ["slack", "slack-webhook", "pagerduty"])
def test_others_are_added_with_their_secret(admin, kind):
    response = admin.post(f"{LIST}do/add-{kind}/", {"name": kind} | FORMS[kind] | COMMON)
    assert "hears of what happens from now on" in said(response, admin)
    assert Endpoint.objects.get().secret == FORMS[kind]["secret"]


@pytest.mark.parametrize(
    ("kind", "fields", "why"),
    [
        ("webhook", {"address": "http://hooks.example.com"}, "https://"),
        ("webhook", {"address": "https://10.0.0.8/"}, "public addresses"),
        ("webhook", {"verbs": ""}, "required"),
        ("webhook", {"verbs": "Not-an-event"}, "Nobody can write"),
        ("slack", {"verbs": ["project.created"]}, "valid choice"),
        ("slack", {"secret": "xoxp-1"}, "xoxb-"),
        ("pagerduty", {"secret": "short"}, "32 letters"),
        ("slack-webhook", {"secret": "hooks"}, "https://"),
    ],
)
def test_what_cannot_be_is_refused_and_no_secret_comes_back(admin, kind, fields, why):
    response = admin.post(f"{LIST}do/add-{kind}/", {"name": "x"} | FORMS[kind] | COMMON | fields)
    assert why in refused(response)
    assert not Endpoint.objects.exists()
    for secret in (TOKEN, HOOK, KEY, "xoxp-1"):
        assert secret not in text(response)


def test_name_in_use_is_refused_kindly(admin, endpoint):
    form = {"name": endpoint.name} | FORMS["webhook"] | COMMON
    assert "with this name already" in refused(admin.post(f"{LIST}do/add-webhook/", form))


def test_forms_offer_what_the_channel_can_carry_and_the_projects_that_one_sees(admin, project):
    slack = admin.get(f"{LIST}do/add-slack/").context["form"].fields
    assert "incident.breached" in dict(slack["verbs"].choices)
    assert "*" not in dict(slack["verbs"].choices)
    webhook = admin.get(f"{LIST}do/add-webhook/").context["form"].fields
    assert [str(label) for _value, label in webhook["scope"].choices] == ["all projects", "Wave 1"]


# ---- shown ------------------------------------------------------------------------------------------------------


def test_lists_and_pages_show_where_and_never_a_secret(acme, admin, project, system, now):
    secrets = []
    for number, (kind, form) in enumerate(FORMS.items()):
        fields = {"channel": kind.replace("-", "_"), "name": f"E{number}", "scope": project.pk, **form}
        fields["verbs"] = ["incident.breached"]
        made = make(acme, system, now, **{"address": "", **fields})
        secrets.append(Endpoint.objects.get(pk=made.pk).secret)
    pages = [LIST, "/admin/journal/event/", LOG]
    for made in Endpoint.objects.all():
        pages += [f"{LIST}{made.pk}/change/"]
        pages += [f"{LIST}{made.pk}/do/{verb}/" for verb in ("change", "rotate", "test", "disable", "remove")]
    for page in pages:
        answer = admin.get(page)
        assert answer.status_code == 200, page
        for secret in (*secrets, TOKEN, HOOK, KEY):
            assert secret not in text(answer), page
    listed = text(admin.get(LIST))
    for words in (
        "hooks.example.com",
        "C0123456789",
        "Slack incoming webhook",
        "Wave 1",
        "incident.breached",
    ):
        assert words in listed
    assert "s3cr3t" not in listed


def test_state_and_last_delivery_are_shown_and_filtered(acme, admin, system, now):
    live, failing, disabled = (make(acme, system, now, name=name) for name in ("Live", "Failing", "Disabled"))
    Endpoint.objects.filter(pk=failing.pk).update(failing_since=now)
    Endpoint.objects.filter(pk=disabled.pk).update(disabled_at=now, disabled_because="Moved")
    delivery(acme, now, recipient=f"endpoint:{live.pk}", state="sent", sent_at=now)
    listed = text(admin.get(LIST))
    assert "failing since 2026-11-18 12:00" in listed, "in the reader's zone"
    assert 'datetime="2026-11-18T09:00:00' in listed
    for standing, row in (("live", live), ("failing", failing), ("disabled", disabled)):
        page = admin.get(f"{LIST}?standing={standing}")
        assert list(page.context["cl"].result_list) == [row], standing


def test_project_that_the_admin_is_not_on_has_no_name(acme, admin, project, users, system, now):
    make(acme, system, now, scope=project.pk)
    with entering(acme):
        project.members.filter(user=users["admin"]).delete()
    listed = text(admin.get(LIST))
    assert "a project that you do not see" in listed
    assert "Wave 1" not in listed


def queries(client, path):
    hosts.clear()
    with CaptureQueriesContext(connection) as captured:
        response = client.get(path)
    return len(captured), response.context["cl"].result_count


def test_lists_of_thirty_cost_as_many_queries_as_of_three(acme, admin, users, system, now):
    def add(count):
        for _index in range(count):
            made = make(acme, system, now, name=str(uuid4()))
            delivery(acme, now, recipient=f"endpoint:{made.pk}")
            delivery(acme, now, recipient=f"user:{users['agent'].pk}")

    add(3)
    few = [queries(admin, path) for path in (LIST, LOG)]
    add(27)
    many = [queries(admin, path) for path in (LIST, LOG)]
    assert [shown for _asked, shown in many] == [30, 60]
    assert [asked for asked, _shown in many] == [asked for asked, _shown in few]


# ---- changed ----------------------------------------------------------------------------------------------------


def test_endpoint_is_changed_from_what_it_is(acme, admin, endpoint, project):
    url = f"{LIST}{endpoint.pk}/do/change/"
    form = admin.get(url).context["form"]
    assert form["address"].initial == endpoint.address
    assert '<option value="UTC" selected' in text(admin.get(url))
    fields = {
        "name": "Renamed",
        "address": "https://new.example.com/",
        "verbs": "a.one b.two",
        "scope": project.pk,
    }
    assert "Renamed is changed" in said(admin.post(url, fields | COMMON), admin)
    endpoint.refresh_from_db()
    assert (endpoint.name, endpoint.verbs, endpoint.scope) == ("Renamed", ["a.one", "b.two"], project.pk)
    assert "https://" in refused(admin.post(url, fields | COMMON | {"address": "ftp://x"}))


def test_channel_without_an_address_has_none_to_change(acme, admin, system, now):
    pager = make(acme, system, now, channel="pagerduty", address="", secret=KEY, verbs=["incident.breached"])
    url = f"{LIST}{pager.pk}/do/change/"
    page = admin.get(url)
    assert "address" not in page.context["form"].fields
    assert 'value="incident.breached"' in text(page)
    form = {"name": "Renamed", "verbs": ["incident.breached"]} | COMMON
    assert "Renamed" in said(admin.post(url, form), admin)


def test_webhooks_secret_is_rotated_and_shown(admin, endpoint):
    old = endpoint.secret
    answer = admin.post(f"{LIST}{endpoint.pk}/do/rotate/")
    endpoint.refresh_from_db()
    assert endpoint.secret in text(answer)
    assert old not in text(answer)
    assert "signs beside it for 24 hours" in text(answer)
    assert endpoint.previous_secret == old


def test_anothers_secret_is_asked_for(acme, admin, system, now):
    pager = make(acme, system, now, channel="pagerduty", address="", secret=KEY, verbs=["incident.breached"])
    url = f"{LIST}{pager.pk}/do/rotate/"
    assert "required" in refused(admin.post(url))
    response = admin.post(url, {"secret": "n" * 32})
    assert "new secret" in said(response, admin)
    pager.refresh_from_db()
    assert pager.secret == "n" * 32


def test_disabled_enabled_tested_and_removed(acme, admin, endpoint):
    page = f"{LIST}{endpoint.pk}/"
    assert "goes out" in said(admin.post(f"{page}do/test/"), admin)
    assert Delivery.objects.filter(recipient=f"endpoint:{endpoint.pk}", message="endpoint.tested").exists()
    assert "required" in refused(admin.post(f"{page}do/disable/", {"reason": ""}))
    assert "hears of nothing" in said(admin.post(f"{page}do/disable/", {"reason": "Moved"}), admin)
    assert "disabled already" in refused(admin.post(f"{page}do/disable/", {"reason": "Again"}))
    assert "enable it first" in refused(admin.post(f"{page}do/test/"))
    offered = text(admin.get(f"{page}change/"))
    assert "/do/enable/" in offered
    assert "/do/disable/" not in offered
    assert "from now on" in said(admin.post(f"{page}do/enable/"), admin)
    removed = admin.post(f"{page}do/remove/")
    assert removed.url == LIST
    assert "is removed" in said(removed, admin)
    assert not Endpoint.objects.exists()
    assert journaled(acme, "endpoint.disabled")[1] == {"reason": "Moved"}


# ---- who --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["agent", "manager"])
def test_endpoints_and_the_log_are_for_admins(acme, users, browser, endpoint, role):
    client = browser(acme, users[role])
    for page in (LIST, LOG, f"{LIST}{endpoint.pk}/change/", f"{LIST}do/add-webhook/"):
        assert client.get(page).status_code == 403, page
    assert client.post(f"{LIST}{endpoint.pk}/do/rotate/").status_code == 403


def test_grant_opens_neither_endpoints_nor_the_log(acme, users, browser, endpoint, grant):
    grant(writes=True)
    client = browser(acme, users["support"])
    for page in (LIST, LOG, f"{LIST}{endpoint.pk}/change/"):
        assert client.get(page).status_code == 403, page


def test_another_tenants_endpoint_is_not_there(admin, endpoint, theirs):
    listed = admin.get(LIST)
    assert list(listed.context["cl"].result_list) == [endpoint]
    assert admin.get(f"{LIST}{theirs.pk}/change/").status_code == 404
    for verb in ("test", "change", "rotate", "disable", "enable", "remove"):
        assert admin.post(f"{LIST}{theirs.pk}/do/{verb}/", {"reason": "x"}).status_code == 404, verb
    kept = Endpoint.objects.get(pk=theirs.pk)
    assert (kept.secret, kept.disabled_at) == (theirs.secret, None)


def test_public_host_has_the_operators_endpoints_and_nobody_elses(public, users, browser, endpoint, now):
    platform = browser(public, users["platform"])
    answer = platform.post(f"{LIST}do/add-webhook/", {"name": "Ops"} | FORMS["webhook"] | COMMON)
    ops = Endpoint.objects.get(tenant=public)
    assert ops.secret in text(answer)
    assert OperatorEvent.objects.filter(verb="endpoint.created").exists()
    assert list(platform.get(LIST).context["cl"].result_list) == [ops]
    assert platform.get(f"{LIST}{ops.pk}/change/").status_code == 200
    assert "goes out" in said(platform.post(f"{LIST}{ops.pk}/do/test/"), platform)
    assert platform.get(f"{LIST}{endpoint.pk}/change/").status_code == 404
    assert platform.post(f"{LIST}{endpoint.pk}/do/rotate/").status_code == 404
    for role in ("support", "release"):
        assert browser(public, users[role]).get(LIST).status_code == 403


# ---- the log ------------------------------------------------------------------------------------------------------


@pytest.fixture
def rows(acme, globex, endpoint, users, now):
    """Five of acme's deliveries and one of globex's."""
    hook = f"endpoint:{endpoint.pk}"
    return {
        "dead": delivery(
            acme, now, recipient=hook, state="dead", dead_at=now, last_error="410 Gone", attempts=12
        ),
        "sent": delivery(acme, now, recipient=hook, state="sent", sent_at=now, provider_ref="msg-7"),
        "mail": delivery(
            acme, now, recipient=f"user:{users['agent'].pk}", channel="email", state="ambiguous"
        ),
        "moot": delivery(acme, now, recipient=hook, state="moot", moot_at=now, last_error="hook is disabled"),
        "nobody": delivery(
            acme,
            now,
            recipient=f"user:{users['manager'].pk}",
            state="moot",
            moot_at=now,
            last_error="no access",
        ),
        "theirs": delivery(
            globex, now, recipient="endpoint:1", state="dead", dead_at=now, last_error="410 Gone"
        ),
    }


def test_log_is_the_tenants_own_and_filtered(admin, rows, endpoint):
    own = {rows[name] for name in ("dead", "sent", "mail", "moot", "nobody")}
    for query, expected in (
        ("", own),
        ("state__exact=dead", {rows["dead"]}),
        ("state__exact=moot", {rows["moot"], rows["nobody"]}),
        ("channel=email", {rows["mail"]}),
        (f"endpoint={endpoint.pk}", {rows["dead"], rows["sent"], rows["moot"]}),
    ):
        page = admin.get(f"{LOG}?{query}")
        assert set(page.context["cl"].result_list) == expected, query


def test_log_shows_who_and_what_went_wrong(admin, rows, users):
    listed = text(admin.get(LOG))
    for words in ("Ticket desk", users["agent"].name, "410 Gone", "ambiguous", "needless", "no access"):
        assert words in listed
    page = text(admin.get(f"{LOG}{rows['sent'].pk}/change/"))
    assert "msg-7" in page
    assert rows["sent"].key in page


def test_stuck_delivery_is_replayed_with_a_reason(admin, rows):
    for name in ("dead", "mail"):
        url = f"{LOG}{rows[name].pk}/do/replay/"
        assert "required" in refused(admin.post(url, {"reason": ""}))
        assert "goes out" in said(admin.post(url, {"reason": "Fixed"}), admin)
        rows[name].refresh_from_db()
        assert (rows[name].state, rows[name].attempts) == ("pending", 0)
    for name in ("sent", "nobody"):
        assert "nothing to replay" in refused(admin.post(f"{LOG}{rows[name].pk}/do/replay/", {"reason": "x"}))


def test_what_a_disabled_endpoint_missed_is_offered_for_replay_and_a_persons_is_not(admin, rows):
    for name, offered in (("moot", True), ("nobody", False)):
        assert ("do/replay/" in admin.get(f"{LOG}{rows[name].pk}/change/").content.decode()) is offered
    url = f"{LOG}{rows['moot'].pk}/do/replay/"
    assert "goes out" in said(admin.post(url, {"reason": "It is back"}), admin)
    rows["moot"].refresh_from_db()
    assert (rows["moot"].state, rows["moot"].moot_at) == ("pending", None)


def test_another_tenants_delivery_is_neither_seen_nor_replayed(admin, rows):
    theirs = rows["theirs"]
    assert admin.get(f"{LOG}{theirs.pk}/change/").status_code == 404
    assert admin.post(f"{LOG}{theirs.pk}/do/replay/", {"reason": "x"}).status_code == 404
    selected = {"action": "replay", "_selected_action": [theirs.pk], "apply": "1", "reason": "x"}
    admin.post(LOG, selected)
    theirs.refresh_from_db()
    assert theirs.state == "dead"


def test_selection_is_replayed(admin, rows):
    selected = {"action": "replay", "_selected_action": [rows["dead"].pk, rows["mail"].pk], "apply": "1"}
    assert admin.post(LOG, selected | {"reason": "All"}).status_code == 302
    assert (
        not Delivery.objects.filter(pk__in=[rows["dead"].pk, rows["mail"].pk])
        .exclude(state="pending")
        .exists()
    )


# ---- in Turkish -----------------------------------------------------------------------------------------------


def test_pages_render_in_turkish(acme, admin, users, endpoint, rows):
    users["admin"].language = "tr"
    users["admin"].save()
    for page in (
        LIST,
        f"{LIST}{endpoint.pk}/change/",
        f"{LIST}do/add-slack/",
        LOG,
        f"{LOG}{rows['dead'].pk}/change/",
    ):
        with translation.override("tr"):  # what a request activates outlives it
            answer = admin.get(page)
        assert answer.status_code == 200
        assert 'lang="tr"' in answer.content.decode()
    with translation.override("tr"):
        assert "Gönderim" in text(admin.get(LOG))

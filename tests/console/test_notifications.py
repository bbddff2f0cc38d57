"""My notifications: everybody's own, in the console and over the API."""

from datetime import time
from html import unescape

import pytest
from django.utils import translation

from hypercare import services as hypercare
from tenancy.context import entering
from tenancy.models import Preference
from tests import factories

pytestmark = pytest.mark.django_db
LIST = "/admin/tenancy/preference/"
API = "/api/v1/me/notifications"
NIGHT = {"level": "urgent", "quiet_from": "22:00", "quiet_until": "07:00"}


@pytest.fixture
def agent(acme, users, browser):
    return browser(acme, users["agent"])


def text(response):
    return unescape(" ".join(response.content.decode().split()))


def said(response, client):
    assert response.status_code == 302, response.context["form"].errors
    return " ".join(str(message) for message in client.get(response.url).context["messages"])


def refused(response):
    assert response.status_code == 422
    return " ".join(error for errors in response.context["form"].errors.values() for error in errors)


# ---- console ----------------------------------------------------------------------------------------------------


def test_default_is_set_shown_and_begun_with(agent, users):
    assert "are set" in said(agent.post(f"{LIST}do/default/", NIGHT), agent)
    row = Preference.objects.get()
    assert (row.user, row.scope, row.quiet_from) == (users["agent"], None, time(22))
    listed = text(agent.get(LIST))
    for words in ("all projects", "only P1 and P2", "22:00 – 07:00"):
        assert words in listed
    assert 'value="22:00"' in text(agent.get(f"{LIST}do/default/"))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"quiet_until": ""}, "a beginning and an end"),
        ({"quiet_until": "22:00"}, "another time"),
        ({"quiet_from": "25:00"}, "valid time"),
        ({"level": ""}, "required"),
    ],
)
def test_hours_that_cannot_be_are_refused(agent, fields, why):
    assert why in refused(agent.post(f"{LIST}do/default/", NIGHT | fields))
    assert not Preference.objects.exists()


def test_project_is_set_and_cleared(agent, project):
    form = {"scope": project.pk, "level": "nothing"}
    assert "are set" in said(agent.post(f"{LIST}do/project/", form), agent)
    row = Preference.objects.get()
    assert row.scope == project.pk
    assert "Wave 1" in text(agent.get(LIST))
    cleared = agent.post(f"{LIST}{row.pk}/do/clear/")
    assert cleared.url == LIST
    assert "forgotten" in said(cleared, agent)
    assert not Preference.objects.exists()


def test_project_that_one_is_not_on_cannot_be_chosen(acme, agent, project, users):
    with entering(acme):
        project.members.filter(user=users["agent"]).delete()
    form = {"scope": project.pk, "level": "nothing"}
    assert "valid choice" in refused(agent.post(f"{LIST}do/project/", form))


def test_only_ones_own_are_there(acme, globex, users, browser):
    mine, elsewhere, colleagues = (
        Preference.objects.create(tenant=tenant, user=users[role])
        for tenant, role in ((acme, "admin"), (globex, "admin"), (acme, "agent"))
    )
    client = browser(acme, users["admin"])
    assert list(client.get(LIST).context["cl"].result_list) == [mine]
    for row in (elsewhere, colleagues):
        assert client.get(f"{LIST}{row.pk}/change/").status_code == 404
        assert client.post(f"{LIST}{row.pk}/do/clear/").status_code == 404
    assert Preference.objects.count() == 3


def test_grant_sets_nothing(acme, users, browser, grant):
    grant(writes=True)
    client = browser(acme, users["support"])
    assert client.get(LIST).status_code == 200
    assert "their own" in refused(client.post(f"{LIST}do/default/", {"level": "nothing"}))
    assert not Preference.objects.exists()


def test_pages_render_in_turkish(acme, agent, users, project):
    Preference.objects.create(tenant=acme, user=users["agent"])
    users["agent"].language = "tr"
    users["agent"].save()
    for page in (LIST, f"{LIST}do/default/", f"{LIST}do/project/"):
        with translation.override("tr"):  # what a request activates outlives it
            answer = agent.get(page)
        assert answer.status_code == 200
        assert 'lang="tr"' in answer.content.decode()


# ---- API --------------------------------------------------------------------------------------------------------


@pytest.fixture
def me(acme, users, api):
    return api(acme, users["customer"])


def put(client, path, body):
    return client.put(path, body, content_type="application/json")


def test_nothing_set_is_everything_at_any_hour(me, project):
    assert me.get(API).json() == {
        "default": {
            "level": "all",
            "is_set": False,
            "quiet_from": None,
            "quiet_until": None,
            "time_zone": "Europe/Istanbul",
        },
        "scopes": [
            {
                "scope": str(project.pk),
                "name": "Wave 1",
                "level": "all",
                "is_set": False,
                "quiet_from": None,
                "quiet_until": None,
                "time_zone": "Europe/Istanbul",
            }
        ],
    }


def test_default_holds_for_projects_until_they_have_their_own(me, project):
    answer = put(me, API, NIGHT).json()
    assert answer["default"] | {"time_zone": ""} == NIGHT | {"is_set": True, "time_zone": ""}
    (scope,) = answer["scopes"]
    assert (scope["level"], scope["is_set"], scope["quiet_from"]) == ("urgent", False, "22:00")
    (scope,) = put(me, f"{API}/{project.pk}", {"level": "nothing"}).json()["scopes"]
    assert (scope["level"], scope["is_set"], scope["quiet_from"]) == ("nothing", True, "22:00")
    assert me.get(API).json()["scopes"] == [scope]


def test_put_replaces_what_was_set(me):
    put(me, API, NIGHT)
    answer = put(me, API, {"level": "all"})
    assert answer.status_code == 200
    assert answer.json()["default"]["quiet_from"] is None


def test_delete_forgets_once(me, project):
    put(me, API, NIGHT)
    put(me, f"{API}/{project.pk}", {"level": "nothing"})
    for path in (API, f"{API}/{project.pk}"):
        assert me.delete(path).status_code == 204
        again = me.delete(path)
        assert (again.status_code, again.json()["type"]) == (404, "/problems/not_found")
    assert not Preference.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "level"),
        ({"level": "loud"}, "level"),
        ({"level": "all", "quiet_from": "22:00"}, "quiet_until"),
        ({"level": "all", "quiet_from": "late", "quiet_until": "07:00"}, "quiet_from"),
        ({"level": "all", "scope": None}, "scope"),
    ],
)
def test_wrong_bodies_name_the_field(me, body, field):
    answer = put(me, API, body)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_project_takes_no_hours(me, project):
    answer = put(me, f"{API}/{project.pk}", NIGHT)
    assert {error["field"] for error in answer.json()["errors"]} == {"quiet_from", "quiet_until"}


def test_unseen_project_is_not_there(acme, me, users, system, now):
    with entering(acme):
        program = hypercare.create_program(code="CRM", name="CRM", by=system, now=now)
        other = hypercare.create_project(program=program, code="CRM", name="CRM", by=system, now=now)
    assert put(me, f"{API}/{other.pk}", {"level": "all"}).status_code == 404
    assert me.get(API).json()["scopes"] == []


def test_read_only_token_reads(acme, users, api):
    client = api(acme, users["agent"], read_only=True)
    assert client.get(API).status_code == 200
    assert put(client, API, NIGHT).status_code == 403
    assert client.delete(API).status_code == 403


def test_staff_have_none_to_set(acme, public, users, api, grant):
    grant(writes=True)
    for tenant in (acme, public):
        client = api(tenant, users["support"])
        assert client.get(API).status_code == 200
        assert put(client, API, NIGHT).status_code == 403
    assert api(acme).get(API).status_code == 401
    assert not Preference.objects.exists()


def test_one_tenants_preferences_are_not_anothers(acme, globex, users, api):
    factories.MembershipFactory(user=users["agent"], tenant=globex, role="agent")
    put(api(acme, users["agent"]), API, NIGHT)
    assert api(globex, users["agent"]).get(API).json()["default"]["is_set"] is False

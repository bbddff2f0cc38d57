"""The base: shows rows, offers verbs, never saves."""

import csv
import io
import types
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.db import models
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.test import RequestFactory, override_settings
from django.urls import path
from openpyxl import load_workbook

from hypercare import services
from hypercare.models import Incident
from project.thresholds import with_values
from project.urls import urlpatterns
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import Tenant, User
from tenancy.permissions import table
from tenancy.web.admin import ConsoleWrites, ModelAdmin, Page, Verb, fold, public_site, tenant_site
from tests import factories

ADMINS = [admin for site in (tenant_site, public_site) for admin in site._registry.values()]
names = [f"{type(admin.admin_site).__name__}.{type(admin).__name__}" for admin in ADMINS]
each_admin = pytest.mark.parametrize("admin", ADMINS, ids=names)


@each_admin
def test_every_admin_stands_on_our_base_and_names_rights_that_exist(admin):
    assert isinstance(admin, ModelAdmin)
    assert admin.read_action in table()
    for verb in (*admin.verbs, *admin.list_verbs):
        assert verb.action in table(), verb.name
        assert not verb.bulk or verb.bulk in table(), verb.name
    assert admin.check() == []


@each_admin
def test_no_admin_saves_or_deletes(admin):
    request = RequestFactory().get("/")
    row = admin.model()
    refused = [
        lambda: admin.save_model(request, row, None, False),
        lambda: admin.save_related(request, None, [], False),
        lambda: admin.save_formset(request, None, None, False),
        lambda: admin.delete_model(request, row),
        lambda: admin.delete_queryset(request, None),
    ]
    for write in refused:
        with pytest.raises(ConsoleWrites):
            write()


@each_admin
def test_no_admin_lists_what_would_ask_per_row(admin):
    """Foreign keys of a column are fetched with the list: list_select_related or the admin's own queryset."""
    assert admin.list_select_related is not True
    shown = {name for name in admin.list_display if isinstance(name, str)}
    keys = {field.name for field in admin.model._meta.get_fields() if isinstance(field, models.ForeignKey)}
    assert shown & keys <= set(admin.list_select_related or ()), "name them in list_select_related"


@pytest.mark.django_db
def test_add_change_and_delete_pages_are_closed(public, users, browser, acme):
    client = browser(public, users["platform"])
    base = "/admin/tenancy/tenant/"
    assert client.get(f"{base}add/").status_code == 403
    assert client.post(f"{base}add/", {"slug": "evil", "name": "Evil"}).status_code == 403
    assert client.post(f"{base}{acme.pk}/change/", {"name": "Evil"}).status_code == 403
    assert client.post(f"{base}{acme.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(base, {"action": "delete_selected", "_selected_action": acme.pk}).status_code in (
        200,
        302,
    )
    assert Tenant.objects.get(pk=acme.pk).name == acme.name


@pytest.mark.django_db
def test_djangos_own_history_stays_empty(public, users, browser, acme):
    client = browser(public, users["platform"])
    client.post(f"/admin/tenancy/tenant/{acme.pk}/do/suspend/", {"reason": "Unpaid"})
    assert Tenant.objects.get(pk=acme.pk).state == "suspended"
    assert not LogEntry.objects.exists()
    response = client.get(f"/admin/tenancy/tenant/{acme.pk}/history/")
    assert response.url == f"/admin/tenancy/operatorevent/?subject=tenant%3A{acme.pk}"
    assert "tenant.suspended" in client.get(response.url).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query", ["password__startswith=a", "email__endswith=x", "memberships__tenant__slug=acme", "id__gt=1"]
)
def test_lists_are_not_asked_about_what_no_filter_offers(public, users, browser, query):
    assert browser(public, users["platform"]).get(f"/admin/tenancy/user/?{query}").status_code == 400


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    [
        "tenancy/tenant/?p=99999",
        "tenancy/tenant/?o=99.x",
        "tenancy/tenant/?state__exact=nonsense",
        "tenancy/deadline/?standing=nonsense",
        "tenancy/delivery/?created_at__year=abc",
        "tenancy/delivery/?tenant__id__exact=abc",
        "tenancy/supportgrant/?live=²",
        "tenancy/tenant/?q=%25%27%22--",
        "tenancy/tenant/?e=1",
    ],
)
def test_wrong_input_is_no_server_error(public, users, browser, path):
    assert browser(public, users["platform"]).get(f"/admin/{path}", follow=True).status_code in (200, 400)


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["0", "abc", "99999999999999999999999"])
def test_unknown_row_is_not_found(public, users, browser, key):
    client = browser(public, users["platform"])
    for tail in ("change/", "history/", "do/suspend/"):
        assert client.get(f"/admin/tenancy/tenant/{key}/{tail}").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("typed", ["istanbul", "İSTANBUL", "ISTANBUL", "ıstanbul"])
def test_search_knows_the_turkish_letters(public, users, browser, typed):
    User.objects.filter(pk=users["agent"].pk).update(name="İstanbul Şubesi")
    page = browser(public, users["platform"]).get("/admin/tenancy/user/", {"q": typed})
    assert page.context["cl"].result_count == 1
    assert fold("İSTANBUL") == fold("ıstanbul")


@pytest.fixture
def weather() -> Iterator[str]:
    """A page of managers on the tenant's console, and the URL conf with it."""

    def view(request: HttpRequest) -> TemplateResponse:
        return TemplateResponse(request, "admin/base_site.html", {"content_title": "Fine"})

    tenant_site.add_page(Page("weather/now", "Weather", "sunny", "Work", 3, "policy.read", view))
    conf = types.ModuleType("project.urls_with_weather")
    conf.urlpatterns = [path("admin/", tenant_site.urls), *urlpatterns]
    with override_settings(ROOT_URLCONF=conf):
        yield "/admin/weather/now/"
    tenant_site.pages.pop()


@pytest.mark.django_db
def test_a_page_of_its_own_is_in_the_menu_of_those_who_may(weather, acme, users, browser):
    manager = browser(acme, users["manager"])
    page = manager.get(weather)
    assert page.status_code == 200
    assert page.context["title"] == "Weather"
    assert page.context["site_header"] == acme.name
    assert f'href="{weather}"' in manager.get("/admin/").content.decode()
    agent = browser(acme, users["agent"])
    assert agent.get(weather).status_code == 403
    assert weather not in agent.get("/admin/").content.decode()
    assert browser(acme, users["customer"]).get(weather).status_code == 302


def test_a_page_takes_what_its_path_names(acme, users, browser):
    def view(request: HttpRequest, key: str) -> TemplateResponse:
        return TemplateResponse(request, "admin/base_site.html", {"title": f"Weather in {key}"})

    page = Page("weather/<slug:key>", "Weather", "sunny", "Work", 3, "policy.read", view, in_menu=False)
    assert page.url_name == "weather_key"
    tenant_site.add_page(page)
    conf = types.ModuleType("project.urls_with_weather_by_place")
    conf.urlpatterns = [path("admin/", tenant_site.urls), *urlpatterns]
    try:
        with override_settings(ROOT_URLCONF=conf):
            seen = browser(acme, users["manager"]).get("/admin/weather/izmir/")
            assert seen.context["title"] == "Weather in izmir"
            assert browser(acme, users["agent"]).get("/admin/weather/izmir/").status_code == 403
    finally:
        tenant_site.pages.remove(page)
    with pytest.raises(ValueError, match="menu"):
        Page("weather/<slug:key>", "Weather", "sunny", "Work", 3, "policy.read", view)


def test_a_page_is_not_added_twice(weather):
    with pytest.raises(ValueError, match="twice"):
        tenant_site.add_page(tenant_site.pages[-1])


INCIDENTS = "/admin/hypercare/incident/"
REPORT = f"{INCIDENTS}do/report/"


def told(answer, client):
    return client.get(answer.url).content.decode()


def carried(client, address):
    """What the form at `address` carries besides its fields."""
    return client.get(address).context["carries"]


# ---- two people, and one person twice -----------------------------------------------------------------------------


@pytest.fixture
def edit(acme, users, browser, report):
    incident = report()
    client = browser(acme, users["agent"])
    address = f"{INCIDENTS}{incident.pk}/do/edit/"

    def posted(**typed):
        form = client.get(address).context
        return {**form["form"].initial, "affected_users_count": "", **form["carries"], **typed}

    return incident, client, address, posted


@pytest.mark.django_db
def test_a_form_that_comes_back_for_another_reason_keeps_its_version(acme, edit, users, now):
    incident, client, address, posted = edit
    typed = posted(title=" ")
    with entering(acme):
        by = Actor.member(users["manager"].pk, "manager")
        services.change_incident(incident=incident, description="Theirs", by=by, now=now)
    page = client.post(address, typed)
    assert page.status_code == 422
    assert page.context["carries"]["_version"] == typed["_version"]
    page = client.post(address, typed | {"title": "Mine"})
    assert page.status_code == 409
    assert [name for name, theirs in page.context["form"].theirs.items()] == ["description"]
    theirs = page.context["form"].theirs["description"]
    assert (theirs.says, theirs.who, theirs.at) == ("Theirs", users["manager"].name, now)
    assert client.post(address, typed | {"title": "Mine"} | page.context["carries"]).status_code == 302
    with entering(acme):
        row = Incident.objects.get()
        assert (row.title, row.description) == ("Mine", "")


@pytest.mark.django_db
@pytest.mark.parametrize("version", ["", "0", "-1", "1e9", "²", "99999999999999"])
def test_an_edit_that_names_no_version_is_not_trusted(acme, edit, version):
    incident, client, address, posted = edit
    page = client.post(address, posted(title="Mine", _version=version, _marks="{nonsense"))
    assert page.status_code == 409
    with entering(acme):
        assert Incident.objects.get().title == incident.title


@pytest.mark.django_db
def test_a_form_sent_twice_does_it_once(acme, project, users, browser):
    client = browser(acme, users["agent"])
    typed = {"project": project.pk, "title": "Label printer", "severity": "P3"} | carried(client, REPORT)
    first, second = client.post(REPORT, typed), client.post(REPORT, typed)
    assert first.url == second.url
    with entering(acme):
        assert Incident.objects.count() == 1
    other = client.post(REPORT, typed | {"title": "Another"})
    assert "sent before" in other.content.decode()
    assert other.context["form"]["title"].value() == "Another"
    assert client.post(REPORT, typed | {"title": "Another"} | other.context["carries"]).status_code == 302
    with entering(acme):
        assert Incident.objects.count() == 2


@pytest.mark.django_db
def test_a_refused_form_may_be_sent_again_with_its_key(acme, project, users, browser):
    client = browser(acme, users["agent"])
    typed = {"project": project.pk, "title": "", "severity": "P3"} | carried(client, REPORT)
    assert client.post(REPORT, typed).status_code == 422
    assert client.post(REPORT, typed | {"title": "Label printer"}).status_code == 302


# ---- lists --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_rows_menu_offers_what_its_state_allows(acme, users, browser, report, now):
    opened, resolved = report("Open"), report("Done")
    by = Actor.member(users["agent"].pk, "agent")
    with entering(acme):
        services.resolve(incident=resolved, root_cause="x", resolution_notes="y", by=by, now=now)
    page = browser(acme, users["agent"]).get(INCIDENTS)
    with entering(acme):
        menus = {
            row.title: {item["url"].split("/")[-2] for item in row.menu}
            for row in page.context["cl"].result_list
        }
    assert {"assign", "resolve"} <= menus["Open"]
    assert {"close", "reopen"} <= menus["Done"]
    assert not menus["Open"] & {"close", "reopen"}
    assert not menus["Done"] & {"assign", "resolve"}
    text = page.content.decode()
    assert f"{INCIDENTS}{opened.pk}/do/resolve/" in text
    assert f"{INCIDENTS}{resolved.pk}/do/resolve/" not in text


def selected(*rows, **typed):
    return {"action": "assign", "_selected_action": [getattr(row, "pk", row) for row in rows]} | typed


@pytest.mark.django_db
def test_a_selection_is_told_row_by_row(acme, users, browser, report, now):
    opened, gone, resolved = report("Open"), report("Gone"), report("Done")
    client = browser(acme, users["manager"])
    asked = client.post(INCIDENTS, selected(opened, gone, resolved))
    assert len(asked.context["rows"]) == 3
    by = Actor.member(users["agent"].pk, "agent")
    with entering(acme):
        services.resolve(incident=resolved, root_cause="x", resolution_notes="y", by=by, now=now)
        services.change_incident(incident=gone, severity="P4", by=by, now=now)
    typed = {"apply": "1", "assigned_to_id": users["agent"].pk, "support_level": ""}
    listed = f"{INCIDENTS}?severity__exact=P2"
    page = told(client.post(listed, selected(opened, gone, resolved, **typed)), client)
    assert f"{opened.key} is assigned" in page
    assert "1 of the selected rows is not in this list any more" in page
    assert f"{resolved}: A resolved incident is not assigned." in page.replace("&#x27;", "'")
    with entering(acme):
        assert Incident.objects.get(pk=gone.pk).assigned_to_id is None


@pytest.mark.django_db
def test_a_selection_reaches_no_row_that_one_does_not_see(acme, users, browser, report, project):
    incident = report()
    outsider = browser(acme, factories.member(acme, "manager"))
    for typed in ({}, {"apply": "1", "assigned_to_id": "", "support_level": "L2"}):
        assert outsider.post(INCIDENTS, selected(incident, **typed)).status_code == 302
    with entering(acme):
        assert Incident.objects.get().support_level == incident.support_level


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["abc", "", "1' OR '1'='1", "\0", "0" * 400])
def test_a_selection_of_no_keys_is_no_server_error(acme, public, users, browser, report, key):
    incident = report()
    client = browser(acme, users["manager"])
    assert client.post(INCIDENTS, selected(key)).status_code in (200, 302)
    assert len(client.post(INCIDENTS, selected(incident, key)).context["rows"]) == 1
    posted = selected(key, "9" * 30, action="retry")
    assert browser(public, users["platform"]).post("/admin/tenancy/delivery/", posted).status_code in (
        200,
        302,
    )


@pytest.mark.django_db
def test_a_selection_keeps_its_rows_through_a_wrong_form(acme, users, browser, report):
    incident = report()
    typed = {"action": "resolve", "_selected_action": [incident.pk], "apply": "1", "root_cause": ""}
    page = browser(acme, users["manager"]).post(INCIDENTS, typed)
    assert page.status_code == 422
    assert f'name="_selected_action" value="{incident.pk}"' in page.content.decode()


@pytest.mark.django_db
def test_more_rows_than_a_page_shows_are_refused_before_they_are_read(
    acme, users, browser, report, django_assert_max_num_queries, settings
):
    settings.THRESHOLDS = with_values(settings.THRESHOLDS, {"console.BULK_ROWS": 3})
    rows = [report(f"Incident {number}") for number in range(5)]
    client = browser(acme, users["manager"])
    everything = selected(*rows, select_across="1", apply="1", assigned_to_id="", support_level="L3")
    page = told(client.post(INCIDENTS, everything), client)
    assert "Please select 3 rows at most." in page
    with entering(acme):
        assert not Incident.objects.filter(support_level="L3").exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query",
    ["assigned_to__password__startswith=a", "project__members__user__email=x", "assigned_to__email__exact=x"],
)
def test_a_filter_does_not_lead_into_related_rows(acme, users, browser, report, query):
    report()
    assert browser(acme, users["agent"]).get(f"{INCIDENTS}?{query}").status_code == 400
    assert browser(acme, users["agent"]).get(f"{INCIDENTS}export/csv/?{query}").status_code == 400


@pytest.mark.django_db
def test_an_empty_list_says_one_thing_to_do(acme, users, browser, project):
    client = browser(acme, users["agent"])
    bare = client.get(INCIDENTS).content.decode()
    nothing = bare[bare.index("hc-nothing") :][:600]
    assert REPORT in nothing
    assert "Show all" not in nothing
    narrowed = client.get(INCIDENTS, {"state__exact": "open"}).content.decode()
    nothing = narrowed[narrowed.index("hc-nothing") :][:600]
    assert "Show all" in nothing
    assert REPORT not in nothing
    assert "reset your filters" not in bare + narrowed


# ---- lists as files -----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_list_is_a_file_as_it_is_filtered(acme, users, browser, report, now):
    report("=1+1", severity="P1")
    report("Second", severity="P2")
    client = browser(acme, users["agent"])
    address = f"{INCIDENTS}export/csv/?severity__exact=P1"
    assert address in client.get(INCIDENTS, {"severity__exact": "P1", "p": "1"}).content.decode()
    answer = client.get(address)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "acme-incident-" in answer["Content-Disposition"]
    heads, *rows = csv.reader(io.StringIO(answer.getvalue().decode("utf-8-sig")))
    assert "severity" in [head.casefold() for head in heads]
    assert len(rows) == 1
    assert any(cell.startswith("'=1+1") for cell in rows[0])
    assert not any("<" in cell for cell in rows[0])
    book = load_workbook(io.BytesIO(client.get(f"{INCIDENTS}export/xlsx/").getvalue()))
    assert len(list(book.active.iter_rows())) == 3


@pytest.mark.django_db
def test_a_files_columns_are_in_the_readers_language_and_its_times_are_times(
    acme, users, browser, report, now
):
    report()
    users["admin"].language = "tr"
    users["admin"].save()
    answer = browser(acme, users["admin"]).get("/admin/journal/event/export/xlsx/")
    heads, first, *_rest = load_workbook(io.BytesIO(answer.getvalue())).active.iter_rows(values_only=True)
    assert any(hasattr(cell, "year") for cell in first), first
    assert heads


@pytest.mark.django_db
def test_a_file_is_for_those_who_may_have_it(acme, public, users, browser, report):
    report()
    assert browser(acme, users["customer"]).get(f"{INCIDENTS}export/csv/").status_code == 302
    assert browser(acme, users["agent"]).get("/admin/journal/event/export/csv/").status_code == 403
    assert browser(acme, users["agent"]).get(f"{INCIDENTS}export/pdf/").status_code == 404
    operator = browser(public, users["platform"])
    assert operator.get("/admin/tenancy/tenant/export/csv/").status_code == 403
    assert "export/csv" not in operator.get("/admin/tenancy/tenant/").content.decode()
    outsider = browser(acme, factories.member(acme, "agent")).get(f"{INCIDENTS}export/csv/")
    assert len(outsider.getvalue().decode().splitlines()) == 1


@pytest.mark.django_db
def test_a_file_has_a_limit(acme, users, browser, report):
    report(), report()
    few = replace(settings.THRESHOLDS, api=replace(settings.THRESHOLDS.api, EXPORT_ROWS=1))
    client = browser(acme, users["agent"])
    with override_settings(THRESHOLDS=few):
        answer = client.get(f"{INCIDENTS}export/csv/?severity__exact=P2")
    assert answer.url == f"{INCIDENTS}?severity__exact=P2"
    assert "More than 1 rows" in told(answer, client)


def test_the_button_of_a_form_says_what_it_does():
    plain = Verb("x", "Resolve…", "incident.resolve", lambda row, cleaned, by, now: "done")
    assert (plain.title, plain.says) == ("Resolve", "Resolve")
    assert replace(plain, versioned=True).says == "Save"
    assert replace(plain, button="Create").says == "Create"

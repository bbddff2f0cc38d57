"""The base: shows rows, offers verbs, never saves."""

import pytest
from django.contrib.admin.models import LogEntry
from django.db import models
from django.test import RequestFactory

from tenancy.models import Tenant, User
from tenancy.permissions import table
from tenancy.web.admin import ConsoleWrites, ModelAdmin, fold, public_site, tenant_site

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

"""Saved views: filters under a name, above every list, one's own or for everybody."""

from urllib.parse import urlencode

import pytest
from django.db import IntegrityError, transaction

from hypercare import services
from hypercare.models import SavedView
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.errors import Invalid, NotAllowed
from tests import factories

pytestmark = pytest.mark.django_db
LIST = "hypercare.incident"
INCIDENTS, SAVE = "/admin/hypercare/incident/", "/admin/hypercare/savedview/do/save/"


@pytest.fixture
def agent(users):
    return Actor.member(users["agent"].pk, "agent")


@pytest.fixture
def manager(users):
    return Actor.member(users["manager"].pk, "manager")


def kept(by, now, **given):
    return services.save_view(
        **({"list": LIST, "name": "Mine", "query": "state__exact=open"} | given), by=by, now=now
    )


def test_what_a_list_shows_is_saved_and_stands_above_it(acme, users, project, browser, report):
    report()
    client = browser(acme, users["agent"])
    page = client.get(INCIDENTS, {"state__exact": "open", "p": "1"}).content.decode()
    address = f"{SAVE}?{urlencode({'list': LIST, 'query': 'state__exact=open'})}"
    assert address.replace("&", "&amp;") in page
    form = client.get(address)
    assert form.context["form"].initial == {"list": LIST, "query": "state__exact=open"}
    answer = client.post(SAVE, {"list": LIST, "query": "state__exact=open", "name": "Open ones"})
    assert answer.url == f"{INCIDENTS}?state__exact=open"
    page = client.get(answer.url).content.decode()
    assert '<a class="hc-pill" href="?state__exact=open" aria-current="page">Open ones</a>' in page
    assert "Save this view" not in page
    assert 'aria-current="page">Open ones' not in client.get(INCIDENTS).content.decode()
    view = None
    with entering(acme):
        view = SavedView.objects.get()
        assert (view.owner_id, view.is_shared) == (users["agent"].pk, False)
    answer = client.post(f"/admin/hypercare/savedview/{view.pk}/do/remove/", {})
    assert answer.url == f"{INCIDENTS}?state__exact=open"
    assert "Open ones</a>" not in client.get(answer.url).content.decode()


@pytest.mark.parametrize(
    "given",
    [
        {"query": "assigned_to__password__startswith=a"},
        {"query": "project__members__user__email=x"},
        {"query": "nonsense=1"},
        {"list": "tenancy.user"},
        {"list": "hypercare.nothing"},
        {"list": "journal.event"},  # an agent does not read it
        {"name": ""},
        {"name": "x" * 61},
        {"query": "q=" + "x" * 1001},
        {"query": "&".join(f"q={n}" for n in range(60))},
        {"query": "q=%00"},
    ],
)
def test_what_no_list_knows_is_not_saved(acme, users, browser, given):
    typed = {"list": LIST, "query": "state__exact=open", "name": "Open ones"} | given
    assert browser(acme, users["agent"]).post(SAVE, typed).status_code == 422
    with entering(acme):
        assert not SavedView.objects.exists()


def test_a_view_is_ones_own_until_a_manager_shares_it(acme, users, browser, agent, manager, now):
    with entering(acme):
        mine = kept(agent, now)
        shared = kept(manager, now, name="All of us", is_shared=True, query="severity__exact=P1")
        kept(manager, now, name="Managers only")
        assert [view.name for view in SavedView.objects.visible_to(agent)] == ["All of us", "Mine"]
        with pytest.raises(NotAllowed):
            kept(agent, now, name="Pushed", is_shared=True)
        with pytest.raises(NotAllowed):
            services.change_view(view=mine, is_shared=True, by=agent, now=now)
        for somebody in (agent, Actor.member(users["customer"].pk, "customer")):
            with pytest.raises(NotAllowed):
                services.delete_view(view=shared, by=somebody, now=now)
        with pytest.raises(NotAllowed):
            services.change_view(view=mine, name="Theirs", by=manager, now=now)
        with pytest.raises(NotAllowed):
            services.delete_view(view=mine, by=manager, now=now)
    page = browser(acme, users["agent"]).get(INCIDENTS).content.decode()
    assert "All of us</a>" in page
    assert "Managers only" not in page
    with entering(acme):
        services.delete_view(view=shared, by=Actor.member(users["admin"].pk, "admin"), now=now)
        services.delete_view(view=shared, by=manager, now=now)  # gone already
        assert services.change_view(view=mine, name="Renamed", by=agent, now=now).name == "Renamed"


def test_a_name_is_given_once_per_person_and_list(in_acme, agent, manager, now):
    first = kept(agent, now)
    kept(manager, now)
    kept(agent, now, list="hypercare.project")
    with pytest.raises(Invalid):
        kept(agent, now, query="")
    other = kept(agent, now, name="Other")
    with pytest.raises(Invalid):
        services.change_view(view=other, name="Mine", by=agent, now=now)
    with pytest.raises(IntegrityError), transaction.atomic():
        SavedView.objects.create(owner_id=first.owner_id, list=LIST, name="Mine", created_at=now)
    with pytest.raises(IntegrityError), transaction.atomic():
        SavedView.objects.create(owner_id=first.owner_id, list="no list", name="x", created_at=now)
    with pytest.raises(IntegrityError), transaction.atomic():
        SavedView.objects.create(owner_id=first.owner_id, list=LIST, name="", created_at=now)


def test_nobody_keeps_more_than_fit_above_a_list(in_acme, agent, now, settings):
    for number in range(settings.THRESHOLDS.console.MOST_VIEWS):
        kept(agent, now, name=f"View {number}")
    with pytest.raises(Invalid, match="Remove one first"):
        kept(agent, now, name="One more")


def test_a_shared_view_shows_each_reader_their_own_rows(acme, users, project, browser, report, manager, now):
    report("Invoices do not post")
    outsider = factories.member(acme, "agent")
    with entering(acme):
        kept(manager, now, is_shared=True, query="q=invoices")
    page = browser(acme, outsider).get(INCIDENTS, {"q": "invoices"})
    assert 'href="?q=invoices" aria-current="page"' in page.content.decode()
    assert page.context["cl"].result_count == 0
    assert browser(acme, users["agent"]).get(INCIDENTS, {"q": "invoices"}).context["cl"].result_count == 1


def test_views_have_a_list_of_their_own(acme, users, browser, agent, manager, now):
    with entering(acme):
        mine, theirs = kept(agent, now), kept(manager, now, name="Ours", is_shared=True)
        hidden = kept(manager, now, name="Hidden")
    client = browser(acme, users["agent"])
    page = client.get("/admin/hypercare/savedview/")
    with entering(acme):
        menus = {row.pk: [item["title"] for item in row.menu] for row in page.context["cl"].result_list}
    assert menus.keys() == {mine.pk, theirs.pk}
    assert "Change…" in menus[mine.pk]
    assert "Change…" not in menus[theirs.pk]
    assert client.get(f"/admin/hypercare/savedview/{hidden.pk}/change/").status_code == 404
    assert client.post(f"/admin/hypercare/savedview/{hidden.pk}/do/remove/", {}).status_code == 404
    assert client.post(f"/admin/hypercare/savedview/{theirs.pk}/do/remove/", {}).status_code == 422
    assert browser(acme, users["customer"]).get("/admin/hypercare/savedview/").status_code == 302


def test_saving_is_refused_who_may_only_look(acme, users, browser, grant):
    grant(writes=False)
    client = browser(acme, users["support"])
    typed = {"list": LIST, "query": "state__exact=open", "name": "Open ones"}
    assert client.post(SAVE, typed).status_code == 403
    assert "Save this view" not in client.get(INCIDENTS, {"state__exact": "open"}).content.decode()

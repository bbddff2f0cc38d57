"""The tenant's host: programs, projects, the people on them, and backlog items."""

import pytest

from hypercare import services
from hypercare.models import BacklogItem, Program, Project, ProjectMember
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.journal.models import Event
from tests import factories

pytestmark = pytest.mark.django_db
PROGRAMS, PROJECTS, ITEMS = (f"/admin/hypercare/{model}/" for model in ("program", "project", "backlogitem"))


@pytest.fixture
def agent(acme, users, browser, project):
    return browser(acme, users["agent"])


@pytest.fixture
def manager(acme, users, browser, project):
    return browser(acme, users["manager"])


@pytest.fixture
def admin(acme, users, browser, project):
    return browser(acme, users["admin"])


@pytest.fixture
def reader(acme, users, browser, project, grant):
    """One of us, who may only read."""
    grant()
    return browser(acme, users["support"])


def said(response, client):
    assert response.status_code == 302, response.context["form"].errors
    return " ".join(str(message) for message in client.get(response.url).context["messages"])


def refused(response):
    assert response.status_code == 422
    return " ".join(error for errors in response.context["form"].errors.values() for error in errors)


def edited(client, url, **given):
    """What a browser sends that opened the form at `url` and typed `given`."""
    page = client.get(url)
    form = page.context["form"]
    typed = {name: form[name].value() for name in form.fields}
    typed = {name: "" if value is None else str(value) for name, value in typed.items() if value is not False}
    return typed | page.context["carries"] | given


# ---- programs ----------------------------------------------------------------------------------------------------


def test_program_is_made_edited_and_deleted_while_empty(acme, agent, project):
    url = f"{PROGRAMS}do/create/"
    assert "Retail is here" in said(agent.post(url, {"code": "RTL", "name": "Retail"}), agent)
    assert "valid" in refused(agent.post(url, {"code": "r", "name": "Retail"}))
    assert "already exists" in refused(agent.post(url, {"code": "RTL", "name": "Again"}))
    with entering(acme):
        program = Program.objects.get(code="RTL")
    edit = f"{PROGRAMS}{program.pk}/do/edit/"
    assert "Stores is changed" in said(agent.post(edit, edited(agent, edit, name="Stores")), agent)
    assert "required" in refused(agent.post(edit, edited(agent, edit, name=" ")))
    full = f"{PROGRAMS}{project.program_id}/"
    assert "/do/delete/" not in agent.get(f"{full}change/").content.decode()
    assert "Only an empty program" in refused(agent.post(f"{full}do/delete/"))
    assert "is deleted" in said(agent.post(f"{PROGRAMS}{program.pk}/do/delete/"), agent)
    assert agent.get(edit).status_code == 404


def test_two_people_editing_a_program_or_a_project_see_each_other(acme, agent, manager, project):
    for url in (f"{PROGRAMS}{project.program_id}/do/edit/", f"{PROJECTS}{project.pk}/do/edit/"):
        first, late = edited(manager, url, name="Theirs"), edited(agent, url, name="Mine")
        assert "is changed" in said(manager.post(url, first), manager)
        page = agent.post(url, late)
        assert page.status_code == 409
        assert "Theirs" in page.content.decode()
        assert "Mine" in page.content.decode()
        assert "Mine is changed" in said(agent.post(url, late | page.context["carries"]), agent)


# ---- projects ----------------------------------------------------------------------------------------------------


def test_project_is_made_and_edited(acme, agent, project):
    form = {
        "program": project.program_id,
        "code": "RTL-1",
        "name": "Stores",
        "time_zone": "Europe/Istanbul",
        "go_live_at": "2026-11-20T08:00",
        "hypercare_ends_on": "2026-11-01",
    }
    url = f"{PROJECTS}do/create/"
    assert "Hypercare ends on or after" in refused(agent.post(url, form))
    assert "Stores is here" in said(agent.post(url, form | {"hypercare_ends_on": "2026-12-20"}), agent)
    with entering(acme):
        made = Project.objects.get(code="RTL-1")
    edit = f"{PROJECTS}{made.pk}/do/edit/"
    given = edited(agent, edit, name="All stores", time_zone="Asia/Tokyo", go_live_at="2026-11-25T08:00")
    assert "All stores is changed" in said(agent.post(edit, given), agent)
    with entering(acme):
        made.refresh_from_db()
    assert (made.name, str(made.time_zone), made.go_live_at.isoformat()) == (
        "All stores",
        "Asia/Tokyo",
        "2026-11-25T05:00:00+00:00",
    )
    for wrong, why in (
        ({"code": "small"}, "valid"),
        ({"code": project.code}, "already exists"),
        ({"time_zone": "Mars/Base"}, "valid choice"),
        ({"hypercare_ends_on": "2026-11-01"}, "Hypercare ends on or after"),
        ({"go_live_at": "yesterday"}, "valid date"),
    ):
        assert why in refused(agent.post(edit, edited(agent, edit, **wrong))), wrong


def test_only_an_empty_project_is_deleted(acme, agent, project, users, report, system, now):
    report()
    url = f"{PROJECTS}{project.pk}/do/delete/"
    assert "/do/delete/" not in agent.get(f"{PROJECTS}{project.pk}/change/").content.decode()
    assert "Only an empty project can be deleted. This one has incidents" in refused(agent.post(url))
    with entering(acme):
        operations = services.create_project(
            program=project.program, code="OPS", name="Operations", is_operations=True, by=system, now=now
        )
        empty = services.create_project(program=project.program, code="NIL", name="Empty", by=system, now=now)
        for row in (operations, empty):
            services.add_member(project=row, user_id=users["agent"].pk, by=system, now=now)
    assert "operations project stays" in refused(agent.post(f"{PROJECTS}{operations.pk}/do/delete/"))
    assert "/do/delete/" not in agent.get(f"{PROJECTS}{operations.pk}/change/").content.decode()
    assert "Empty is deleted" in said(agent.post(f"{PROJECTS}{empty.pk}/do/delete/"), agent)


def test_members_join_change_and_leave_on_the_projects_page(acme, users, admin, agent, project):
    newcomer = factories.member(acme, "agent", name="Newcomer")
    page = f"{PROJECTS}{project.pk}/"
    join = f"{page}do/join/"
    assert "Newcomer is on Wave 1" in said(
        admin.post(join, {"user_id": newcomer.pk, "support_level": "L1"}), admin
    )
    assert "valid choice" in refused(admin.post(join, {"user_id": newcomer.pk})), "is on it"
    with entering(acme):
        member = ProjectMember.objects.get(project=project, user=newcomer)
    text = admin.get(f"{page}change/").content.decode()
    assert "Newcomer" in text
    change = f"{page}do/change-member/?member={member.pk}&amp;support_level=L1"
    assert change in text
    form = admin.get(change.replace("&amp;", "&")).context["form"]
    assert (form["member"].value(), form["support_level"].value()) == (str(member.pk), "L1")
    given = {"member": member.pk, "support_level": "L2", "is_board_member": "on"}
    assert "Newcomer is changed" in said(admin.post(f"{page}do/change-member/", given), admin)
    with entering(acme):
        member.refresh_from_db()
    assert (member.support_level, member.is_board_member) == ("L2", True)
    assert "valid choice" in refused(admin.post(f"{page}do/change-member/", given | {"support_level": "L9"}))
    assert "is not on Wave 1 any more" in said(
        admin.post(f"{page}do/remove-member/", {"member": member.pk}), admin
    )
    assert "valid choice" in refused(admin.post(f"{page}do/remove-member/", {"member": member.pk}))
    plain = agent.get(f"{page}change/").content.decode()
    for verb in ("join", "change-member", "remove-member"):
        assert f"/do/{verb}/" not in plain
        assert agent.post(f"{page}do/{verb}/", {"member": member.pk}).status_code == 403


def test_a_member_of_another_project_or_tenant_is_not_offered(acme, globex, admin, project, system, now):
    stranger = factories.member(globex, "agent", name="Globex stranger")
    colleague = factories.member(acme, "agent", name="Colleague")
    with entering(acme):
        other = services.create_project(program=project.program, code="X-2", name="Two", by=system, now=now)
        elsewhere = services.add_member(project=other, user_id=colleague.pk, by=system, now=now)
    page = f"{PROJECTS}{project.pk}/"
    assert "Globex stranger" not in admin.get(f"{page}do/join/").content.decode()
    assert refused(admin.post(f"{page}do/join/", {"user_id": stranger.pk}))
    for verb in ("change-member", "remove-member"):
        assert "Colleague" not in admin.get(f"{page}do/{verb}/").content.decode()
        assert "valid choice" in refused(admin.post(f"{page}do/{verb}/", {"member": elsewhere.pk}))


def test_the_quorum_is_at_most_the_board_and_seats_it_needs_stay(
    acme, admin, manager, agent, project, users, system, now
):
    url = f"{PROJECTS}{project.pk}/do/quorum/"
    assert "number of people on the change board" in refused(manager.post(url, {"quorum": "2"}))
    assert refused(manager.post(url, {"quorum": "0"}))
    with entering(acme):
        seats = [ProjectMember.objects.get(project=project, user=users[who]) for who in ("manager", "admin")]
        for member in seats:
            services.change_member(member=member, is_board_member=True, by=system, now=now)
    assert "asks for 2 approvals now" in said(manager.post(url, {"quorum": "2"}), manager)
    assert agent.post(url, {"quorum": "1"}).status_code == 403
    page = f"{PROJECTS}{project.pk}/do/"
    lower = "Lower the quorum first"
    assert lower in refused(admin.post(f"{page}remove-member/", {"member": seats[0].pk}))
    assert lower in refused(admin.post(f"{page}change-member/", {"member": seats[0].pk}))


# ---- backlog items -----------------------------------------------------------------------------------------------

ITEM = {
    "kind": "I",
    "key": "INT-042",
    "title": "İstanbul bank interface",
    "url": "https://jira.example.com/42",
}


@pytest.fixture
def item(acme, project, system, now):
    with entering(acme):
        return services.create_backlog_item(project=project, **ITEM, by=system, now=now)


def test_backlog_item_is_made_edited_and_found(acme, agent, manager, project):
    url = f"{ITEMS}do/create/"
    assert "INT-042 is in the backlog" in said(agent.post(url, ITEM | {"project": project.pk}), agent)
    again = agent.post(url, ITEM | {"project": project.pk})
    assert "already exists" in refused(again)
    assert "valid URL" in refused(agent.post(url, ITEM | {"project": project.pk, "url": "javascript:x"}))
    with entering(acme):
        item = BacklogItem.objects.get()
    assert "INT-042" in agent.get(f"{ITEMS}?q=istanbul").content.decode()
    edit = f"{ITEMS}{item.pk}/do/edit/"
    late = edited(manager, edit, title="Too late")
    assert "is changed" in said(agent.post(edit, edited(agent, edit, title="Bank of Ankara")), agent)
    assert manager.post(edit, late).status_code == 409
    assert "required" in refused(agent.post(edit, edited(agent, edit, key=" ")))
    page = agent.get(f"{ITEMS}{item.pk}/change/").content.decode()
    assert "Bank of Ankara" in page
    assert 'href="https://jira.example.com/42" rel="noopener noreferrer"' in page
    with entering(acme):
        told = Event.objects.get(verb="backlog_item.changed").data
    assert told == {"title": ["İstanbul bank interface", "Bank of Ankara"]}


def test_backlog_item_is_deleted_while_no_incident_names_it(acme, agent, item, report, users, now):
    incident = report()
    by = Actor.member(users["agent"].pk, "agent")
    with entering(acme):
        services.change_incident(incident=incident, backlog_item_id=item.pk, by=by, now=now)
    page = agent.get(f"{ITEMS}{item.pk}/change/").content.decode()
    assert "/do/delete/" not in page
    assert incident.key in page
    url = f"{ITEMS}{item.pk}/do/delete/"
    assert "take their links away first" in refused(agent.post(url))
    with entering(acme):
        services.change_incident(incident=incident, backlog_item_id=None, by=by, now=now)
    assert "is deleted" in said(agent.post(url), agent)


def test_a_read_only_grant_changes_nothing(acme, reader, project, item):
    for page, verbs in (
        (f"{PROGRAMS}{project.program_id}/", ("edit", "delete")),
        (f"{PROJECTS}{project.pk}/", ("edit", "join", "change-member", "remove-member", "quorum", "delete")),
        (f"{ITEMS}{item.pk}/", ("edit", "delete")),
    ):
        shown = reader.get(f"{page}change/")
        assert shown.status_code == 200
        for verb in verbs:
            assert f"/do/{verb}/" not in shown.content.decode()
            assert reader.post(f"{page}do/{verb}/", {}).status_code == 403


def test_backlog_items_of_unseen_projects_and_tenants_are_not_found(acme, globex, browser, item):
    for tenant, user in (
        (acme, factories.member(acme, "agent")),
        (globex, factories.member(globex, "admin")),
    ):
        client = browser(tenant, user)
        assert item.title not in client.get(ITEMS).content.decode()
        assert client.get(f"{ITEMS}{item.pk}/change/").status_code == 404

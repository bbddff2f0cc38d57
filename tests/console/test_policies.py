"""Policies and calendars on the tenant's console, with what a clock would do."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from hypercare import services
from hypercare.admin.previews import at_zone
from hypercare.models import Calendar, CalendarVersion, Incident, Policy, PolicyTarget, Project
from hypercare.rules import WEEKDAYS, Target
from tenancy import hosts
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.models import Tenant, User
from tests.hypercare.clockwork import OFFICE

pytestmark = pytest.mark.django_db

POLICIES, CALENDARS = "/admin/hypercare/policy/", "/admin/hypercare/calendar/"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MINUTES = {
    "P1_response": "60",
    "P1_resolution": "4:00",
    "P2_response": "240",
    "P2_resolution": "8:00",
    "P3_response": "480",
    "P3_resolution": "24:00",
    "P4_response": "1440",
    "P4_resolution": "72:00",
}


@pytest.fixture(autouse=True)
def _standing_clock(now: datetime) -> Any:
    with time_machine.travel(now, tick=False):
        yield


@pytest.fixture
def manager(acme: Tenant, users: dict[str, User], project: Project, browser: Any) -> Client:
    return browser(acme, users["manager"])


@pytest.fixture
def office(acme: Tenant, project: Project, system: Actor, now: datetime) -> CalendarVersion:
    with entering(acme):
        return services.create_calendar(project=project, name="Office", definition=OFFICE, by=system, now=now)


@pytest.fixture
def other(acme: Tenant, project: Project, system: Actor, now: datetime) -> Project:
    """A project of acme that none of its people is on."""
    with entering(acme):
        return services.create_project(
            program=project.program, code="WAVE-2", name="Wave 2", by=system, now=now
        )


@pytest.fixture
def policy(acme: Tenant, project: Project, system: Actor, now: datetime) -> Policy:
    with entering(acme):
        return services.create_policy(project=project, targets={}, by=system, now=now)


def typed(project: Project, **given: str) -> dict[str, str]:
    return {"project": str(project.pk), "valid_from": ""} | MINUTES | given


def hours(project: Project | None = None, **given: str) -> dict[str, str]:
    week = {day: "09:00-12:30, 13:30-18:00" if day in WEEKDAYS[:5] else "" for day in WEEKDAYS}
    form = {"name": "Office", "time_zone": "Europe/Istanbul", **week, "country": "", "subdivision": ""}
    return form | ({"project": str(project.pk)} if project else {}) | {"closed": "", "special": ""} | given


def seen(client: Client, url: str, form: dict[str, str], **more: str) -> tuple[Any, dict[str, str]]:
    """The answer that shows what `form` would do, and the form to send next."""
    page = client.post(url, form | more)
    assert page.status_code == 200, errors(page)
    carried = page.context["carries"]
    return page, form | carried | {"seen": page.context["form"]["seen"].value()}


def listed(tenant: Tenant, page: Any) -> list[Any]:
    with entering(tenant):
        return [row.pk for row in page.context["cl"].result_list]


def errors(page: Any) -> dict[str, list[str]]:
    return {name: list(why) for name, why in page.context["form"].errors.items()}


def text(page: Any) -> str:
    return " ".join(page.content.decode().split())


# ---- policies -----------------------------------------------------------------------------------------------------


def test_what_a_policy_does_is_shown_before_it_is_saved(
    acme: Tenant, manager: Client, project: Project, report: Callable[..., Incident], now: datetime
) -> None:
    report("Old", "P1", now - 3 * HOUR)
    report("New", "P1", now)
    form = typed(project, P1_response="30", P1_resolution="2:00")
    page, again = seen(manager, f"{POLICIES}do/create/", form)
    said = text(page)
    assert "Nothing is saved yet." in said
    assert "4 running clocks will get their new targets." in said
    assert "1 would be breached at once." in said  # its response was late before
    assert "See what it does" not in said
    with entering(acme):
        assert not Policy.objects.exists()
    saved = manager.post(f"{POLICIES}do/create/", again, follow=True)
    with entering(acme):
        policy = Policy.objects.get()
        assert [str(message) for message in saved.context["messages"]] == [
            "The new policy of Wave 1 is in force."
        ]
        assert saved.redirect_chain == [(f"{POLICIES}{policy.pk}/change/", 302)]
        target = PolicyTarget.objects.get(policy=policy, severity="P1")
        assert (target.response_minutes, target.resolution_minutes) == (30, 120)
        old = Incident.objects.get(title="Old")
        assert old.sla_resolution_breached
    assert (
        manager.post(f"{POLICIES}do/create/", again).status_code == 302
    )  # a double click does nothing twice
    with entering(acme):
        assert Policy.objects.count() == 1


def test_what_is_changed_after_it_was_seen_is_seen_anew(
    acme: Tenant, manager: Client, project: Project
) -> None:
    _page, again = seen(manager, f"{POLICIES}do/create/", typed(project))
    page, _again = seen(manager, f"{POLICIES}do/create/", again, P4_resolution="80:00")
    assert "Nothing is saved yet." in text(page)
    with entering(acme):
        assert not Policy.objects.exists()


def test_a_policy_begins_by_the_clocks_of_its_project(
    acme: Tenant, manager: Client, project: Project, users: dict[str, User]
) -> None:
    User.objects.filter(pk=users["manager"].pk).update(time_zone="America/New_York")
    _page, again = seen(manager, f"{POLICIES}do/create/", typed(project, valid_from="2026-11-20T08:00"))
    manager.post(f"{POLICIES}do/create/", again)
    with entering(acme):
        assert Policy.objects.get().valid_from == datetime(2026, 11, 20, 5, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "field", "why"),
    [
        ({"P1_response": "0"}, "P1_response", "From 1 to 525600 minutes."),
        ({"P1_response": "-5"}, "P1_response", "Minutes such as 90"),
        ({"P1_response": "4h"}, "P1_response", "Minutes such as 90"),
        ({"P1_response": "1:75"}, "P1_response", "Minutes such as 90"),
        ({"P1_response": "٤"}, "P1_response", "Minutes such as 90"),
        ({"P4_resolution": "99999:00"}, "P4_resolution", "From 1 to 525600 minutes."),
        ({"P1_resolution": "9" * 10_000}, "P1_resolution", "at most 9 characters"),
        ({"P1_resolution": ""}, "P1_resolution", "required"),
        ({"P1_resolution": "9:00"}, "P1_resolution", "P1 may not be slacker than P2."),
        ({"valid_from": "2026-11-18T11:59"}, "valid_from", "now or later"),
        ({"valid_from": "9999-12-31T00:00"}, "valid_from", "from 2000 to 2100"),
        ({"valid_from": "tomorrow"}, "valid_from", "valid date/time"),
        ({"project": "00000000-0000-0000-0000-000000000000"}, "project", "valid choice"),
        ({"P1_calendar": "00000000-0000-0000-0000-000000000000"}, "P1_calendar", "valid choice"),
    ],
)
def test_a_wrong_policy_is_refused_beside_its_field(
    acme: Tenant, manager: Client, project: Project, given: dict[str, str], field: str, why: str
) -> None:
    page = manager.post(f"{POLICIES}do/create/", typed(project) | given)
    assert page.status_code == 422
    assert list(errors(page)) == [field]
    assert why in errors(page)[field][0]
    with entering(acme):
        assert not Policy.objects.exists()


def test_two_policies_never_begin_at_one_moment(manager: Client, project: Project) -> None:
    form = typed(project, valid_from="2026-11-20T08:00")
    _page, again = seen(manager, f"{POLICIES}do/create/", form)
    assert manager.post(f"{POLICIES}do/create/", again).status_code == 302
    page = manager.post(f"{POLICIES}do/create/", form)
    assert errors(page) == {"valid_from": ["Another policy begins at this very moment."]}


def test_the_calendar_of_another_project_is_refused(
    acme: Tenant,
    manager: Client,
    project: Project,
    other: Project,
    users: dict[str, User],
    system: Actor,
    now: datetime,
) -> None:
    with entering(acme):
        theirs = services.create_calendar(project=other, name="Theirs", definition=OFFICE, by=system, now=now)
    form = typed(project, P1_calendar=str(theirs.calendar_id))
    unseen = manager.post(f"{POLICIES}do/create/", form)
    assert "valid choice" in errors(unseen)["P1_calendar"][0]
    with entering(acme):
        services.add_member(project=other, user_id=users["manager"].pk, by=system, now=now)
    page = manager.post(f"{POLICIES}do/create/", form)
    assert errors(page) == {"P1_calendar": ["The project has no such calendar."]}


def test_a_policy_that_has_not_begun_is_taken_back(
    acme: Tenant, manager: Client, project: Project, policy: Policy, system: Actor, now: datetime
) -> None:
    with entering(acme):
        later = services.create_policy(project=project, targets={}, valid_from=now + DAY, by=system, now=now)
    answer = manager.post(f"{POLICIES}{later.pk}/do/take_back/", follow=True)
    assert answer.redirect_chain == [(POLICIES, 302)]
    assert "is taken back" in text(answer)
    assert manager.get(f"{POLICIES}{later.pk}/change/").status_code == 404
    page = manager.post(f"{POLICIES}{policy.pk}/do/take_back/")
    assert page.status_code == 422
    assert "This policy has begun: make a newer one." in text(page)
    assert "take_back" not in text(manager.get(f"{POLICIES}{policy.pk}/change/"))


def test_a_list_says_which_policy_counts(
    acme: Tenant,
    manager: Client,
    project: Project,
    policy: Policy,
    office: CalendarVersion,
    system: Actor,
    now: datetime,
) -> None:
    with entering(acme):
        target = {"P4": Target(1440, 4320, office.calendar_id)}
        second = services.create_policy(project=project, targets=target, by=system, now=now + HOUR)
        third = services.create_policy(
            project=project, targets={}, valid_from=now + DAY, by=system, now=now + HOUR
        )
    with time_machine.travel(now + 2 * HOUR, tick=False):
        for standing, row in (("past", policy), ("in_force", second), ("future", third)):
            page = manager.get(POLICIES, {"standing": standing})
            assert listed(acme, page) == [row.pk]
        assert manager.get(POLICIES, {"standing": "nonsense"}).context["cl"].result_count == 0
        said = text(manager.get(POLICIES))
    for words in ("in force", "begins later", "past", "Office", "round the clock"):
        assert words in said


def test_a_newer_policy_starts_from_an_older_one(
    acme: Tenant, manager: Client, project: Project, system: Actor, now: datetime, office: CalendarVersion
) -> None:
    with entering(acme):
        row = services.create_policy(
            project=project, targets={"P1": Target(15, 95, office.calendar_id)}, by=system, now=now
        )
    form = manager.get(f"{POLICIES}{row.pk}/do/follow/").context["form"]
    assert form["P1_resolution"].value() == "1:35"
    assert form["P1_calendar"].value() == office.calendar_id
    assert form["project"].value() == project.pk


# ---- calendars ----------------------------------------------------------------------------------------------------


def test_a_calendar_is_made_of_what_people_write(acme: Tenant, manager: Client, project: Project) -> None:
    form = hours(
        project,
        country="TR",
        saturday="8:30 – 12:00",
        closed="2026-12-31 Stocktaking\n\n15.01.2027",
        special="2026-11-21 00:00-24:00\n2026-12-24",
    )
    page, again = seen(manager, f"{CALENDARS}do/create/", form)
    assert "Due" in text(page)
    answer = manager.post(f"{CALENDARS}do/create/", again, follow=True)
    with entering(acme):
        version = CalendarVersion.objects.get()
    assert version.definition == {
        "time_zone": "Europe/Istanbul",
        "weekly": {
            **{day: [["09:00", "12:30"], ["13:30", "18:00"]] for day in WEEKDAYS[:5]},
            "saturday": [["08:30", "12:00"]],
        },
        "country": "TR",
        "subdivision": "",
        "closed": ["2026-12-31", "2027-01-15"],
        "special": {"2026-11-21": [["00:00", "24:00"]], "2026-12-24": []},
        "names": {"2026-12-31": "Stocktaking"},
    }
    said = text(answer)
    assert "Stocktaking" in said
    assert "New Year&#x27;s Day" in said
    form = manager.get(f"{CALENDARS}{version.calendar_id}/do/change/").context["form"]
    assert form["saturday"].value() == "08:30-12:00"
    assert form["closed"].value() == "2026-12-31 Stocktaking\n2027-01-15"
    assert form["special"].value() == "2026-11-21 00:00-24:00\n2026-12-24"


@pytest.mark.parametrize(
    ("given", "field", "why"),
    [
        ({"monday": "08:30-12:00, 11:00-17:30"}, "monday", "Monday: 08:30-12:00 and 11:00-17:30 overlap."),
        ({"friday": "17:00-08:00"}, "friday", "Friday: “17:00-08:00” ends before it begins."),
        ({"friday": "22:00-06:00"}, "friday", "Hours over midnight are of two days"),
        ({"tuesday": "09:00-09:00"}, "tuesday", "Tuesday: “09:00-09:00” ends when it begins."),
        ({"sunday": "09:00-25:00"}, "sunday", "Sunday: “09:00-25:00” has no such time"),
        ({"sunday": "09:60-10:00"}, "sunday", "has no such time"),
        ({"sunday": "24:00-24:00"}, "sunday", "has no such time"),
        ({"sunday": "all day"}, "sunday", "“all day” cannot be read"),
        ({"sunday": "x" * 10_000}, "sunday", "at most 200 characters"),
        ({"time_zone": "Mars/Olympus"}, "time_zone", "valid choice"),
        ({"country": "XX"}, "country", "valid choice"),
        ({"country": "TR", "subdivision": "BY"}, "subdivision", "no such subdivision"),
        ({"name": ""}, "name", "required"),
        ({"name": "x" * 10_000}, "name", "at most 120 characters"),
        ({"closed": "2026-12-31\n\n2026-13-01 X"}, "closed", "Line 3: “2026-13-01” is no day"),
        ({"closed": "2026-12-31\n31.12.2026"}, "closed", "Line 2: 31.12.2026 is on line 1 already."),
        ({"closed": "2026-12-31 " + "x" * 10_000}, "closed", "Line 1: A name of at most 120 characters."),
        ({"closed": "1999-12-31"}, "closed", "Line 1: A day from 2000 to 2100."),
        ({"closed": "12/31/2026"}, "closed", "Line 1: “12/31/2026” is no day"),
        ({"special": "2026-12-31 08:30"}, "special", "Line 1: “08:30” cannot be read"),
        ({"special": "x" * 30_000}, "special", "at most 20000 characters"),
        (dict.fromkeys(WEEKDAYS, ""), "__all__", "A week without an hour"),
    ],
)
def test_a_wrong_calendar_is_refused_by_field_and_line(
    acme: Tenant, manager: Client, project: Project, given: dict[str, str], field: str, why: str
) -> None:
    page = manager.post(f"{CALENDARS}do/create/", hours(project, **given))
    assert page.status_code == 422
    assert list(errors(page)) == [field]
    assert why in " ".join(errors(page)[field])
    with entering(acme):
        assert not Calendar.objects.exists()


def test_a_name_is_given_once_in_a_project(
    manager: Client, project: Project, office: CalendarVersion
) -> None:
    _page, again = seen(manager, f"{CALENDARS}do/create/", hours(project))
    page = manager.post(f"{CALENDARS}do/create/", again)
    assert page.status_code == 422
    assert page.context["form"].errors


def test_a_change_makes_a_version_and_says_what_it_does_to_clocks(
    acme: Tenant,
    manager: Client,
    project: Project,
    office: CalendarVersion,
    report: Callable[..., Incident],
    system: Actor,
    now: datetime,
) -> None:
    with entering(acme):
        target = {"P1": Target(60, 240, office.calendar_id)}
        services.create_policy(project=project, targets=target, by=system, now=now - DAY)
    report("Runs in it", "P1")
    report("Does not", "P2")
    url = f"{CALENDARS}{office.calendar_id}/do/change/"
    carried = manager.get(url).context["carries"]
    page, again = seen(manager, url, hours(friday="09:00-13:00"), **carried)
    assert "2 running clocks will get their new targets." in text(page)
    assert manager.post(url, again).status_code == 302
    with entering(acme):
        assert CalendarVersion.objects.filter(calendar=office.calendar_id).count() == 2
    stale, _again = manager.post(url, hours(friday="") | carried), None
    assert stale.status_code == 409
    assert "09:00-13:00" in text(stale)
    with entering(acme):
        assert CalendarVersion.objects.filter(calendar=office.calendar_id).count() == 2


def test_a_change_of_nothing_changes_no_clock(manager: Client, office: CalendarVersion) -> None:
    url = f"{CALENDARS}{office.calendar_id}/do/change/"
    page, _again = seen(manager, url, hours(), **manager.get(url).context["carries"])
    assert "No running clock changes." in text(page)


# ---- previews -----------------------------------------------------------------------------------------------------


def test_utc_is_said_once() -> None:
    winter = datetime(2026, 11, 20, 13, tzinfo=UTC)
    assert "13:00 <span" in at_zone(winter, ZoneInfo("Europe/London"))
    assert ">UTC</span>" in at_zone(winter, ZoneInfo("Europe/London"))
    assert "16:00 <span" in at_zone(winter, ZoneInfo("Europe/Istanbul"))
    assert ">13:00 UTC</span>" in at_zone(winter, ZoneInfo("Europe/Istanbul"))
    late = datetime(2026, 11, 20, 23, tzinfo=UTC)
    assert ">2026-11-20 23:00 UTC</span>" in at_zone(late, ZoneInfo("Europe/Istanbul"))


def test_the_page_of_a_policy_says_what_a_clock_would_do(
    acme: Tenant, manager: Client, project: Project, office: CalendarVersion, system: Actor, now: datetime
) -> None:
    with entering(acme):
        target = {"P3": Target(480, 1440, office.calendar_id), "P4": Target(480, 1440, office.calendar_id)}
        row = services.create_policy(project=project, targets=target, by=system, now=now)
    url = f"{POLICIES}{row.pk}/change/"
    page = manager.get(url, {"severity": "P3", "start": "2026-11-20T12:00"})
    response, resolution = page.context["clocks"]
    there = 'Mon 2026-11-23 12:00 <span class="hc-muted">09:00 UTC</span>'
    assert response.due == f'<time datetime="2026-11-23T09:00:00+00:00">{there}</time>'
    assert [line.what for line in response.lines] == ["counts", "break", "counts", "weekend", "counts"]
    assert [mark for mark, _at in response.marks] == ["50 %", "80 %"]
    assert "night" in [line.what for line in resolution.lines]
    round_the_clock = manager.get(url, {"severity": "P1", "start": "2026-11-20T12:00"}).context["clocks"][0]
    assert [line.what for line in round_the_clock.lines] == ["counts"]
    at_first = manager.get(url)
    assert at_first.context["question"]["start"].value() == "2026-11-18T12:00"


def test_holidays_and_moments_are_named_in_the_viewers_language(
    acme: Tenant, manager: Client, project: Project, users: dict[str, User], system: Actor, now: datetime
) -> None:
    week = OFFICE | {"country": "TR", "closed": ["2026-10-30"], "names": {"2026-10-30": "Sayım"}}
    with entering(acme):
        made = services.create_calendar(project=project, name="Ofis", definition=week, by=system, now=now)
    url = f"{CALENDARS}{made.calendar_id}/change/"
    given = {"severity": "P1", "start": "2026-10-28T17:30"}
    words = manager.get(url, given).context["clocks"][0].lines[1].what
    assert words == "holiday: Republic Day, holiday: Sayım, weekend"
    User.objects.filter(pk=users["manager"].pk).update(language="tr")
    page = manager.get(url, given)
    line = page.context["clocks"][0].lines[1]
    assert "Cumhuriyet Bayramı" in line.what
    assert "Çrş 2026-10-28 18:00" in line.begin
    assert "Pazartesi" in text(page)
    form = manager.get(f"{CALENDARS}{made.calendar_id}/do/change/").context["form"]
    assert form["closed"].value() == "2026-10-30 Sayım"
    page, _again = seen(
        manager,
        f"{CALENDARS}{made.calendar_id}/do/change/",
        hours(name="Ofis", country="TR", closed="30.10.2026 Sayım"),
        **manager.get(f"{CALENDARS}{made.calendar_id}/do/change/").context["carries"],
    )
    assert page.context["form"].cleaned_data["definition"]["closed"] == ["2026-10-30"]


@pytest.mark.parametrize(
    "given",
    [
        {"severity": "P9"},
        {"start": "nonsense"},
        {"start": "9999-12-31T23:59"},
        {"start": "0001-01-01T00:00"},
        {"start": ""},
        {"severity": "x" * 10_000},
    ],
)
def test_a_wrong_question_is_answered_beside_its_field(
    manager: Client, policy: Policy, office: CalendarVersion, given: dict[str, str]
) -> None:
    for url in (f"{POLICIES}{policy.pk}/change/", f"{CALENDARS}{office.calendar_id}/change/"):
        page = manager.get(url, given)
        assert page.status_code == 200
        assert list(page.context["question"].errors) == list(given)
        assert not page.context["clocks"]


def test_a_time_that_the_clocks_skip_or_repeat_is_asked_again(
    acme: Tenant, manager: Client, project: Project, policy: Policy, system: Actor, now: datetime
) -> None:
    with entering(acme):
        Project.objects.filter(pk=project.pk).update(time_zone="Europe/Berlin")
    for at in ("2027-03-28T02:30", "2026-10-25T02:30"):
        page = manager.get(f"{POLICIES}{policy.pk}/change/", {"start": at})
        assert "missing or there twice" in page.context["question"].errors["start"][0]


def test_a_calendar_that_is_closed_too_long_says_never(
    acme: Tenant, manager: Client, project: Project, system: Actor, now: datetime
) -> None:
    rare = {"time_zone": "Europe/Istanbul", "weekly": {"monday": [["09:00", "09:01"]]}}
    with entering(acme):
        made = services.create_calendar(project=project, name="Rare", definition=rare, by=system, now=now)
    page = manager.get(f"{CALENDARS}{made.calendar_id}/change/", {"severity": "P4"})
    assert text(page).count("Never within 10 years: its calendar is closed too long.") == 2


def test_looking_writes_nothing(
    manager: Client, policy: Policy, office: CalendarVersion, users: dict[str, User]
) -> None:
    manager.get(POLICIES)
    for url in (f"{POLICIES}{policy.pk}/change/", f"{CALENDARS}{office.calendar_id}/change/"):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert manager.get(url, {"severity": "P2"}).status_code == 200
        assert not [
            query for query in asked.captured_queries if query["sql"].startswith(("INSERT", "DELETE"))
        ]


# ---- who, and how fast --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["agent", "customer"])
def test_they_are_for_managers(
    acme: Tenant,
    users: dict[str, User],
    project: Project,
    policy: Policy,
    office: CalendarVersion,
    browser: Any,
    role: str,
) -> None:
    client = browser(acme, users[role])
    for url in (
        POLICIES,
        CALENDARS,
        f"{POLICIES}{policy.pk}/change/",
        f"{CALENDARS}{office.calendar_id}/change/",
    ):
        assert client.get(url).status_code in (302, 403)
    for url in (f"{POLICIES}do/create/", f"{CALENDARS}{office.calendar_id}/do/change/"):
        assert client.post(url, typed(project)).status_code in (302, 403)


def test_rows_of_projects_that_one_is_not_on_are_not_there(
    acme: Tenant,
    manager: Client,
    project: Project,
    other: Project,
    policy: Policy,
    system: Actor,
    now: datetime,
) -> None:
    with entering(acme):
        theirs = services.create_policy(project=other, targets={}, by=system, now=now)
        hidden = services.create_calendar(project=other, name="Theirs", definition=OFFICE, by=system, now=now)
    assert listed(acme, manager.get(POLICIES)) == [policy.pk]
    assert not manager.get(CALENDARS).context["cl"].result_count
    for url, verbs in (
        (f"{POLICIES}{theirs.pk}/", ("do/follow/", "do/take_back/")),
        (f"{CALENDARS}{hidden.calendar_id}/", ("do/change/",)),
    ):
        for tail in ("change/", "history/", *verbs):
            assert manager.get(url + tail).status_code == 404
    page = manager.post(f"{POLICIES}do/create/", typed(other))
    assert "valid choice" in errors(page)["project"][0]


@pytest.mark.parametrize(("writes", "page", "verb"), [(False, 403, 403), (True, 200, 422)])
def test_support_needs_a_grant_that_lets_it_work(
    acme: Tenant,
    users: dict[str, User],
    project: Project,
    policy: Policy,
    grant: Any,
    browser: Any,
    writes: bool,
    page: int,
    verb: int,
) -> None:
    grant(writes=writes)
    client = browser(acme, users["support"])
    assert client.get(f"{POLICIES}{policy.pk}/change/").status_code == page
    assert client.post(f"{POLICIES}do/create/", {}).status_code == verb


@pytest.mark.parametrize("url", [POLICIES, CALENDARS])
def test_a_list_asks_as_much_for_a_hundred_rows_as_for_ten(
    acme: Tenant,
    manager: Client,
    project: Project,
    office: CalendarVersion,
    system: Actor,
    now: datetime,
    url: str,
) -> None:
    def grow(start: int, until: int) -> None:
        with entering(acme):
            for n in range(start, until):
                targets = {"P4": Target(1440, 4320, office.calendar_id)}
                at = now + n * HOUR
                services.create_policy(project=project, targets=targets, valid_from=at, by=system, now=now)
                services.create_calendar(
                    project=project, name=f"Calendar {n}", definition=OFFICE, by=system, now=now
                )

    def asked() -> int:
        hosts.clear()  # what it remembers of the host is not what is counted
        with CaptureQueriesContext(connection) as captured:
            assert manager.get(url, {"all": ""}).status_code == 200
        return len(captured)

    grow(0, 10)
    asked()
    few = asked()
    grow(10, 100)
    assert asked() == few

"""Where alerts are told: duties by mail, chats by name, all pagers; and what happens where a part leads nowhere."""

from contextlib import suppress
from datetime import datetime
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from observability.models import Alert
from observability.services import Routes, record, routes_to_nowhere
from tenancy.models import Delivery, OperatorEvent, Tenant, User
from tests.observability.alarms import RATE, WINDOW, alarm_named, endpoint, judged, staff, to, told

pytestmark = pytest.mark.django_db


def route(name: str = RATE) -> Any:
    alarm = alarm_named(name)
    return Routes.read().of(alarm.owner, alarm.channels)


def test_a_route_leads_to_the_duty_the_named_chats_and_every_pager(users: dict[str, User]) -> None:
    first, second, other = staff("on_call"), staff("on_call"), staff("team_lead")
    chat, pagers = endpoint("alerts"), [endpoint("One", "pagerduty"), endpoint("Two", "pagerduty")]
    endpoint("product")
    endpoint("Elsewhere", "webhook")
    found = route()
    assert found.people == {first.pk, second.pk}
    assert list(found.endpoints) == [chat, *pagers]
    assert found.nowhere == ()
    assert other.pk not in found.people


def test_a_slack_webhook_of_that_name_is_a_chat_too(db: None) -> None:
    hook = endpoint("alerts", "slack_webhook")
    assert hook in route().endpoints


@pytest.mark.parametrize(
    ("missing", "nowhere"),
    [("duty", ("on_call",)), ("chat", ("slack:alerts",)), ("pager", ("pagerduty",))],
)
def test_where_a_part_leads_nowhere_platform_staff_are_mailed_besides(
    users: dict[str, User], missing: str, nowhere: tuple[str, ...]
) -> None:
    duty = staff("on_call") if missing != "duty" else None
    if missing != "chat":
        endpoint("alerts")
    if missing != "pager":
        endpoint("Pager", "pagerduty")
    found = route()
    assert found.nowhere == nowhere
    assert found.people == {users["platform"].pk} | ({duty.pk} if duty else set())


def test_who_left_what_is_off_and_what_is_a_tenants_leads_nowhere(acme: Tenant, now: datetime) -> None:
    staff("on_call", is_active=False)
    staff("on_call", staff_role="")
    endpoint("alerts", disabled_at=now, disabled_because="moved")
    endpoint("Pager", "pagerduty", tenant=acme)
    assert route().nowhere == ("on_call", "slack:alerts", "pagerduty")


def test_a_route_to_nowhere_is_told_to_platform_staff_and_journaled(
    acme: Tenant, users: dict[str, User], now: datetime
) -> None:
    chat = endpoint("alerts")
    record(judged=[judged(acme, "breach", now)], now=now)
    assert told(Alert.objects.get()) == to(users["platform"], chat)
    line = OperatorEvent.objects.get(verb="alert.opened")
    assert line.data["nowhere"] == ["on_call", "pagerduty"]


def test_with_nobody_at_all_it_is_logged(acme: Tenant, now: datetime, caplog: Any) -> None:
    record(judged=[judged(acme, "breach", now)], now=now)
    assert not Delivery.objects.exists()
    assert "told to nobody" in caplog.text
    assert Alert.objects.get().state == "open"


def test_a_recovery_is_told_to_whom_it_was_told_though_duties_have_changed(
    acme: Tenant, now: datetime
) -> None:
    before, chat, off = staff("on_call"), endpoint("alerts"), endpoint("Pager", "pagerduty")
    record(judged=[judged(acme, "breach", now)], now=now)
    staff("on_call")
    endpoint("Another", "pagerduty")
    type(off).objects.filter(pk=off.pk).update(disabled_at=now, disabled_because="moved")
    for at in (now + WINDOW, now + 2 * WINDOW):
        record(judged=[judged(acme, "ok", at)], now=at)
    assert told(Alert.objects.get(), "alert.recovered") == to(before, chat)


def test_every_route_that_leads_nowhere_is_named_with_its_alarms(db: None) -> None:
    alarms = settings.THRESHOLDS.watched()
    lost = routes_to_nowhere(alarms)
    assert set(lost) == {
        "on_call",
        "product_owner",
        "team_lead",
        "slack:alerts",
        "slack:product",
        "pagerduty",
    }
    assert lost["slack:product"] == lost["team_lead"] == ["feedback_coverage"]
    assert RATE in lost["pagerduty"]
    for owner in ("on_call", "product_owner", "team_lead"):
        staff(owner)
    for name, channel in (("alerts", "slack"), ("product", "slack"), ("Pager", "pagerduty")):
        endpoint(name, channel)
    assert routes_to_nowhere(alarms) == {}


def doctor() -> str:
    said = StringIO()
    with suppress(CommandError):
        call_command("doctor", stdout=said)
    return said.getvalue()


def test_doctor_names_them(db: None) -> None:
    said = doctor()
    assert (
        "feedback_coverage are routed nowhere: the operators have no Slack endpoint named “product”" in said
    )
    assert "routed nowhere: nobody has the duty “team lead”" in said
    assert "the operators have no PagerDuty endpoint that is on" in said
    staff("team_lead")
    assert "team lead" not in doctor()

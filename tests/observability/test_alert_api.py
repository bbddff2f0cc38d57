"""Alerts and security events over HTTP: a tenant's own on its host, everybody's for us on the public one."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from hypercare import services as hypercare
from observability import services, tasks
from observability.models import Alert
from observability.services import record
from tenancy.actors import Actor
from tenancy.context import entering
from tenancy.deliveries import dispatch
from tenancy.models import SecurityCount, Tenant, User
from tenancy.states import Signal
from tests.observability.alarms import RATE, endpoint, judged, staff

pytestmark = pytest.mark.django_db
Api = Callable[..., Client]
EVENTS = "/api/v1/metrics/security/events"
ALERTS = "/api/v1/alerts"


@pytest.fixture
def at_now(now: datetime) -> Any:
    with time_machine.travel(now, tick=False) as clock:
        yield clock


def seen(tenant: Tenant, signal: Signal, count: int, at: datetime) -> None:
    minute = at.replace(second=0, microsecond=0)
    SecurityCount.objects.create(tenant=tenant, signal=signal, minute=minute, count=count)


def opened(tenant: Tenant, now: datetime, name: str = RATE) -> Alert:
    record(judged=[judged(tenant, "breach", now, name)], now=now)
    return Alert.objects.get(tenant=tenant, rule=name)


# ---- security events ----------------------------------------------------------------------------------------------


def test_a_tenants_admin_reads_its_signals(
    api: Api, acme: Tenant, globex: Tenant, users: dict[str, User], now: datetime, at_now: Any
) -> None:
    seen(acme, Signal.CROSS_SCOPE, 2, now - timedelta(minutes=1))
    seen(globex, Signal.CROSS_SCOPE, 9, now - timedelta(minutes=1))
    answer = api(acme, users["admin"]).get(EVENTS, {"window": "300"})
    assert answer.status_code == 200
    assert answer.json() == {
        "window_seconds": 300,
        "since": "2026-11-18T08:55:00Z",
        "until": "2026-11-18T09:00:00Z",
        "events": [
            {
                "signal": "cross_scope_access_attempt",
                "count": 2,
                "threshold": 3,
                "status": "warning",
                "alert": None,
            },
            {"signal": "scope_mismatch_error", "count": 0, "threshold": 5, "status": "ok", "alert": None},
        ],
    }


def test_we_read_those_of_the_tenants_where_something_was_seen(
    api: Api, public: Tenant, acme: Tenant, globex: Tenant, users: dict[str, User], now: datetime, at_now: Any
) -> None:
    seen(acme, Signal.CROSS_SCOPE, 3, now - timedelta(minutes=1))
    services.watch(scope=services.TENANT, now=now)
    told = api(public, users["support"]).get(EVENTS).json()
    assert [each["tenant"] for each in told["tenants"]] == ["acme"]
    [first, second] = told["tenants"][0]["events"]
    assert first["alert"] == {"rule": "SEC-CROSS-SCOPE-001", "state": "open"}
    assert (first["status"], second["count"], told["window_seconds"]) == ("breach", 0, 300)


def test_the_window_counts_what_it_says_and_the_minute_that_runs_at_least(
    api: Api, acme: Tenant, users: dict[str, User], now: datetime, at_now: Any
) -> None:
    at_now.move_to(now + timedelta(seconds=40))
    seen(acme, Signal.SCOPE_MISMATCH, 1, now)
    seen(acme, Signal.SCOPE_MISMATCH, 4, now - timedelta(hours=1))
    client = api(acme, users["admin"])

    def mismatches(window: int) -> int:
        count: int = client.get(EVENTS, {"window": window}).json()["events"][1]["count"]
        return count

    assert [mismatches(window) for window in (1, 300, 7200)] == [1, 1, 5]


@pytest.mark.parametrize("window", ["0", "-1", "86401", "five", "1.5", "", "9" * 30])
def test_a_window_that_is_none_is_refused(
    api: Api, acme: Tenant, users: dict[str, User], window: str
) -> None:
    answer = api(acme, users["admin"]).get(EVENTS, {"window": window})
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["window"]


def test_a_parameter_that_there_is_not_is_refused(api: Api, acme: Tenant, users: dict[str, User]) -> None:
    answer = api(acme, users["admin"]).get(EVENTS, {"windows": "300"})
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["windows"]


def test_signals_are_for_admins_and_for_us(
    api: Api, acme: Tenant, public: Tenant, users: dict[str, User]
) -> None:
    for role in ("customer", "agent", "manager"):
        assert api(acme, users[role]).get(EVENTS).status_code == 403
    for role in ("support", "release", "platform"):
        assert api(public, users[role]).get(EVENTS).status_code == 200
        assert api(acme, users[role]).get(EVENTS).status_code == 403
    assert api(public, users["admin"]).get(EVENTS).status_code == 403
    assert api(acme).get(EVENTS).status_code == api(public).get(EVENTS).status_code == 401


def test_signals_of_many_tenants_are_as_many_queries(
    api: Api, public: Tenant, acme: Tenant, globex: Tenant, users: dict[str, User], now: datetime, at_now: Any
) -> None:
    client = api(public, users["support"])
    client.get(EVENTS)

    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(EVENTS)
        return len(captured)

    few = asked()
    for tenant in (acme, globex):
        for signal in Signal:
            seen(tenant, signal, 9, now - timedelta(minutes=2))
    services.watch(scope=services.TENANT, now=now)
    assert asked() == few


# ---- alerts -------------------------------------------------------------------------------------------------------


def test_managers_list_their_tenants_alerts_and_we_list_all(
    api: Api, acme: Tenant, globex: Tenant, public: Tenant, users: dict[str, User], now: datetime
) -> None:
    for tenant in (acme, globex, public):
        opened(tenant, now)
    [own] = api(acme, users["manager"]).get(ALERTS).json()["results"]
    assert (own["tenant"], own["rule"], own["state"], own["count"]) == ("acme", RATE, "open", 1)
    assert own["verdict"]["value"] == 0.3
    assert own["verdict"]["limit"] == 0.05
    assert "30 %" in own["said"]
    listed = api(public, users["support"]).get(ALERTS).json()["results"]
    assert {alert["tenant"] for alert in listed} == {"acme", "globex", None}


def test_alerts_are_filtered(
    api: Api, acme: Tenant, globex: Tenant, public: Tenant, users: dict[str, User], now: datetime
) -> None:
    for tenant in (acme, globex):
        for name in (RATE, "http_5xx_burst"):
            opened(tenant, now, name)
    ours, theirs = api(public, users["support"]), api(acme, users["manager"])

    def count(client: Client, **query: Any) -> int:
        return len(client.get(ALERTS, query).json()["results"])

    assert count(ours) == 4
    assert count(ours, tenant="acme") == count(ours, severity="critical") == count(theirs) == 2
    assert count(theirs, rule=RATE) == 1
    assert count(ours, state=["acknowledged", "recovered"]) == 0
    assert count(ours, opened_after=(now + timedelta(minutes=1)).isoformat()) == 0
    for client, query in (
        (theirs, {"tenant": "globex"}),
        (ours, {"state": "odd"}),
        (ours, {"ordering": "odd"}),
    ):
        assert client.get(ALERTS, query).status_code == 400


def test_alerts_are_for_managers(api: Api, acme: Tenant, users: dict[str, User], now: datetime) -> None:
    alert = opened(acme, now)
    for role in ("customer", "agent"):
        client = api(acme, users[role])
        assert client.get(ALERTS).status_code == 403
        assert client.post(f"{ALERTS}/{alert.pk}/acknowledge").status_code == 403
    assert api(acme, users["admin"]).get(ALERTS).status_code == 200
    assert api(acme).get(ALERTS).status_code == 401


def acknowledge(client: Client, alert: Alert, note: Any = "Looking", **headers: str) -> Any:
    url = f"{ALERTS}/{alert.pk}/acknowledge"
    return client.post(url, {"note": note}, content_type="application/json", headers=headers)


@pytest.mark.parametrize(("host", "who"), [("acme", "manager"), ("public", "support")])
def test_an_alert_is_acknowledged_once(
    api: Api, acme: Tenant, public: Tenant, users: dict[str, User], now: datetime, host: str, who: str
) -> None:
    alert = opened(acme, now)
    client = api({"acme": acme, "public": public}[host], users[who])
    for note, field in (("x" * 501, "note"), (7, "note")):
        answer = acknowledge(client, alert, note)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    key = {"idempotency-key": "once"}
    first = acknowledge(client, alert, **key)
    assert (first.status_code, first.json()["state"]) == (200, "acknowledged")
    assert first.json()["acknowledged_by_id"] == users[who].pk
    again = acknowledge(client, alert, **key)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    late = acknowledge(client, alert)
    assert (late.status_code, late.json()["state"], late.json()["legal_moves"]) == (
        409,
        "acknowledged",
        ["open", "recovered"],
    )


def test_another_tenants_alert_is_not_there(
    api: Api, acme: Tenant, globex: Tenant, users: dict[str, User], now: datetime
) -> None:
    alert = opened(globex, now)
    assert acknowledge(api(acme, users["admin"]), alert).status_code == 404
    assert Alert.objects.get().state == "open"


def test_who_may_only_read_acknowledges_nothing(
    api: Api, acme: Tenant, users: dict[str, User], now: datetime
) -> None:
    alert = opened(acme, now)
    assert acknowledge(api(acme, users["manager"], read_only=True), alert).status_code == 403


# ---- from the refused request to the mail ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "signal", "times", "status"),
    [
        ("SEC-CROSS-SCOPE-001", "cross_scope_access_attempt", 3, 404),
        ("SEC-SCOPE-MISMATCH-001", "scope_mismatch_error", 5, 400),
    ],
)
def test_refused_requests_open_an_alert_that_is_mailed_and_shown(
    api: Api,
    acme: Tenant,
    public: Tenant,
    users: dict[str, User],
    system: Actor,
    mailoutbox: list[Any],
    rule: str,
    signal: str,
    times: int,
    status: int,
) -> None:
    staff("on_call", email="deniz@example.com")
    endpoint("alerts", "slack_webhook", secret="http://nowhere")
    with entering(acme):
        program = hypercare.create_program(code="ERP", name="ERP", by=system, now=timezone.now())
        shown, hidden = (
            hypercare.create_project(program=program, code=code, name=code, by=system, now=timezone.now())
            for code in ("SHOWN", "HIDDEN")
        )
        hypercare.add_member(project=shown, user_id=users["agent"].pk, by=system, now=timezone.now())
    agent, admin = api(acme, users["agent"]), api(acme, users["admin"])
    asked = {
        "cross_scope_access_attempt": f"/api/v1/projects/{hidden.pk}",
        "scope_mismatch_error": f"/api/v1/projects/{shown.pk}/hypercare/incidents?program={uuid4()}",
    }[signal]

    def shown_now() -> Any:
        events = admin.get(EVENTS, {"window": "300"}).json()["events"]
        return next(event for event in events if event["signal"] == signal)

    for _time in range(times - 1):
        assert agent.get(asked).status_code == status
    tasks.evaluate()
    assert not Alert.objects.exists()
    assert (shown_now()["count"], shown_now()["status"]) == (times - 1, "warning")

    assert agent.get(asked).status_code == status
    tasks.evaluate()
    alert = Alert.objects.get()
    assert (alert.rule, alert.tenant, alert.state) == (rule, acme, "open")
    assert shown_now() == {
        "signal": signal,
        "count": times,
        "threshold": times,
        "status": "breach",
        "alert": {"rule": rule, "state": "open"},
    }
    dispatch(clock=timezone.now)
    [letter] = mailoutbox
    assert letter.to == ["deniz@example.com"]
    assert rule in letter.subject
    assert "Acme" in letter.subject
    assert f"{times}" in letter.body

"""Who is told, when, and where else: preferences, quiet hours, endpoints that subscribe."""

from datetime import UTC, datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from tenancy import deliveries
from tenancy.context import PUBLIC, entering
from tenancy.deliveries import ALARM, Form, Notice, messages
from tenancy.models import Delivery, Endpoint, Preference, Tenant
from tenancy.rules import quiet_until
from tenancy.states import DeliveryState
from tenancy.transactions import atomic, emit
from tests import factories

NIGHT = {"quiet_from": time(22), "quiet_until": time(7)}
ISTANBUL = ZoneInfo("Europe/Istanbul")
BERLIN = ZoneInfo("Europe/Berlin")


# ---- quiet hours ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "start", "end", "zone", "until"),
    [
        ("2026-11-18T20:30+00:00", time(22), time(7), ISTANBUL, "2026-11-19T04:00+00:00"),
        ("2026-11-19T03:59+00:00", time(22), time(7), ISTANBUL, "2026-11-19T04:00+00:00"),
        ("2026-11-19T04:00+00:00", time(22), time(7), ISTANBUL, None),
        ("2026-11-18T18:59+00:00", time(22), time(7), ISTANBUL, None),
        ("2026-11-18T10:30+00:00", time(13), time(14), ISTANBUL, "2026-11-18T11:00+00:00"),
        # the night in which clocks go back is an hour longer, the one in which they go forward an hour shorter
        ("2026-10-24T21:00+00:00", time(22), time(7), BERLIN, "2026-10-25T06:00+00:00"),
        ("2026-03-28T22:00+00:00", time(22), time(7), BERLIN, "2026-03-29T05:00+00:00"),
        # in the repeated hour the second half past two ends it
        ("2026-10-25T01:10+00:00", time(22), time(2, 30), BERLIN, "2026-10-25T01:30+00:00"),
    ],
)
def test_quiet_hours_end_by_the_readers_wall_clock(now, start, end, zone, until):
    ends = quiet_until(datetime.fromisoformat(now), start=start, end=end, zone=zone)
    assert ends == (datetime.fromisoformat(until) if until else None)


@given(
    now=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - naive bounds
    hours=st.lists(st.times(), min_size=2, max_size=2, unique=True),
    zone=st.sampled_from([ISTANBUL, BERLIN, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("America/New_York")]),
)
def test_quiet_hours_end_later_and_within_a_day(now, hours, zone):
    ends = quiet_until(now, start=hours[0], end=hours[1], zone=zone)
    assert ends is None or now < ends <= now + timedelta(hours=25)


# ---- preferences ------------------------------------------------------------------------------------------------


@pytest.fixture
def message(monkeypatch):
    monkeypatch.setattr(messages, "_renderers", dict(messages._renderers))
    messages.register_message("test.told", Form.MAIL, lambda outgoing: None)


def tell(tenant, users, now, *, urgent, scope=None):
    notice = Notice("test.told", "thing:1", uuid4(), [user.pk for user in users], urgent=urgent, scope=scope)
    with entering(tenant), atomic():
        deliveries.tell(notice, now=now)
    rows = Delivery.objects.filter(event=notice.event)
    return {row.recipient: row.next_try_at for row in rows}


def prefer(user, tenant, **wishes):
    Preference.objects.create(user=user, tenant=tenant, **wishes)


@pytest.mark.django_db
def test_without_a_preference_everything_is_told_at_once(acme, now, message):
    ayse = factories.member(acme, "agent")
    assert tell(acme, [ayse], now, urgent=False) == {f"user:{ayse.pk}": now}


@pytest.mark.django_db
def test_who_wants_only_what_is_urgent_hears_only_that(acme, now, message):
    ayse, bora = factories.member(acme, "agent"), factories.member(acme, "agent")
    prefer(ayse, acme, level="urgent")
    assert tell(acme, [ayse, bora], now, urgent=False) == {f"user:{bora.pk}": now}
    assert tell(acme, [ayse, bora], now, urgent=True) == {f"user:{pk}": now for pk in (ayse.pk, bora.pk)}


@pytest.mark.django_db
def test_a_projects_preference_outranks_the_default(acme, now, message):
    ayse, bora, project = factories.member(acme, "agent"), factories.member(acme, "agent"), uuid4()
    prefer(ayse, acme, level="all")
    prefer(ayse, acme, level="nothing", scope=project)
    both = [ayse, bora]
    assert tell(acme, both, now, urgent=True, scope=project) == {f"user:{bora.pk}": now}
    assert len(tell(acme, both, now, urgent=True, scope=uuid4())) == 2


@pytest.mark.django_db
def test_something_urgent_that_nobody_wants_is_told_to_all_whom_it_concerns(acme, now, message):
    ayse = factories.member(acme, "agent")
    prefer(ayse, acme, level="nothing")
    assert tell(acme, [ayse], now, urgent=True) == {f"user:{ayse.pk}": now}
    assert tell(acme, [ayse], now, urgent=False) == {}


@pytest.mark.django_db
def test_a_preference_of_another_tenant_is_not_asked(acme, globex, now, message):
    ayse = factories.member(acme, "agent")
    prefer(ayse, globex, level="nothing")
    assert len(tell(acme, [ayse], now, urgent=False)) == 1


@pytest.mark.django_db
def test_quiet_hours_hold_back_what_is_not_urgent_and_never_what_is(acme, message):
    night = datetime(2026, 11, 18, 20, 30, tzinfo=UTC)  # half past eleven in Istanbul
    ayse = factories.member(acme, "agent", time_zone="Europe/Istanbul")
    prefer(ayse, acme, **NIGHT)
    morning = datetime(2026, 11, 19, 4, 0, tzinfo=UTC)
    assert tell(acme, [ayse], night, urgent=False) == {f"user:{ayse.pk}": morning}
    assert tell(acme, [ayse], night, urgent=True) == {f"user:{ayse.pk}": night}


# ---- endpoints --------------------------------------------------------------------------------------------------


def endpoint(tenant, now, **fields):
    given = {"channel": "webhook", "name": uuid4().hex, "secret": "s", "verbs": ["*"], "created_at": now}
    return Endpoint.objects.create(tenant=tenant, **given | fields)


def happen(tenant, now, system, verb="thing.changed", **fields):
    with entering(tenant), atomic():
        return emit(verb, "thing:1", by=system, now=now, **fields)


def queued(event):
    return list(
        Delivery.objects.filter(event=event).order_by("recipient").values_list("recipient", flat=True)
    )


@pytest.mark.django_db
def test_an_event_goes_to_the_endpoints_that_subscribe_to_it(acme, globex, now, system):
    everything, this = endpoint(acme, now), endpoint(acme, now, verbs=["thing.changed"])
    endpoint(acme, now, verbs=["thing.other"])
    endpoint(acme, now, disabled_at=now, disabled_because="test")
    endpoint(globex, now)
    event = happen(acme, now, system)
    assert queued(event) == sorted([f"endpoint:{everything.pk}", f"endpoint:{this.pk}"])
    row = Delivery.objects.filter(event=event).first()
    assert (row.channel, row.message, row.subject, row.tenant) == (
        "webhook",
        "thing.changed",
        "thing:1",
        acme,
    )


@pytest.mark.django_db
def test_what_is_rolled_back_is_told_to_nobody(acme, now, system):
    endpoint(acme, now)
    with entering(acme), pytest.raises(ZeroDivisionError), atomic():
        emit("thing.changed", "thing:1", by=system, now=now)
        raise ZeroDivisionError
    assert not Delivery.objects.filter(message="thing.changed").exists()


@pytest.mark.django_db
def test_an_endpoint_of_one_project_hears_of_no_other(acme, now, system):
    project = uuid4()
    mine = endpoint(acme, now, scope=project)
    assert queued(happen(acme, now, system, scope=project)) == [f"endpoint:{mine.pk}"]
    assert queued(happen(acme, now, system, scope=uuid4())) == []
    assert queued(happen(acme, now, system)) == []


@pytest.mark.django_db
def test_one_for_urgent_things_hears_of_nothing_else(acme, now, system):
    pager = endpoint(acme, now, urgent_only=True)
    assert queued(happen(acme, now, system, urgent=True)) == [f"endpoint:{pager.pk}"]
    assert queued(happen(acme, now, system, urgent=False)) == []


@pytest.mark.django_db
def test_operators_endpoints_hear_of_their_journal_but_not_of_themselves(acme, public, now, system):
    ours = endpoint(public, now)
    with atomic():
        event = emit(
            "delivery.dead", "delivery:1", by=system, now=now, data={"tenant": acme.pk}, schema=PUBLIC
        )
        own = emit(
            "delivery.dead", "delivery:2", by=system, now=now, data={"tenant": public.pk}, schema=PUBLIC
        )
    assert queued(event) == [f"endpoint:{ours.pk}"]
    assert queued(own) == []


@pytest.mark.django_db
def test_of_one_transaction_each_endpoint_hears_its_own_journal(acme, globex, public, now, system):
    theirs, others, ours = endpoint(acme, now), endpoint(globex, now), endpoint(public, now)
    with atomic():
        told = {ours: emit("thing.changed", "thing:1", by=system, now=now)}
        for tenant, its in ((acme, theirs), (globex, others)):
            with entering(tenant):
                told[its] = emit("thing.changed", "thing:1", by=system, now=now)
    for its, event in told.items():
        assert queued(event) == [f"endpoint:{its.pk}"]


@pytest.mark.django_db
def test_only_an_endpoint_for_programs_can_have_everything(acme, now, system):
    endpoint(acme, now, channel="slack", verbs=["*"])
    assert queued(happen(acme, now, system)) == []


# ---- alarm ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_staff_are_mailed_at_most_so_often(users, now, system):
    def die(at):
        with atomic():
            deliveries.alarm(now=at)
            deliveries.alarm(now=at)

    pause = timedelta(minutes=settings.THRESHOLDS.delivery.ALARM_EVERY_MINUTES)  # and `now` begins a stretch
    die(now)
    die(now + pause - timedelta(seconds=1))
    assert Delivery.objects.filter(message=ALARM).count() == 1
    die(now + pause)
    assert Delivery.objects.filter(message=ALARM).count() == 2
    told = Delivery.objects.filter(message=ALARM).first()
    assert (told.recipient, told.tenant) == (
        f"user:{users['platform'].pk}",
        Tenant.objects.get(schema_name=PUBLIC),
    )
    assert told.state == DeliveryState.PENDING

"""doctor finds each fault and names the line that mends it."""

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from project.thresholds import load
from tenancy import flags
from tenancy.management.commands import doctor
from tenancy.models import Deadline, Domain, Flag, Tenant
from tests.observability.alarms import route_all

pytestmark = pytest.mark.django_db


def found(check):
    return [fault.what for fault in check()]


@pytest.fixture
def clean(tenants):
    flags.ensure()
    route_all()
    Tenant.objects.filter(schema_name="public").update(leaf_hash=doctor.provisioning.leaf_hash(shared=True))


def test_a_sound_deployment_has_no_faults(clean, settings):
    out = io.StringIO()
    call_command("doctor", stdout=out)
    configuration = f"Configuration {settings.CONFIG_HASH}, build {settings.BUILD_ID}.\n"
    assert out.getvalue() == f"{configuration}No faults.\n"


def test_what_the_environment_set_is_listed(settings):
    settings.THRESHOLDS = load({"THRESHOLD_ALARMS_S1_RATE_ABOVE": "0.350"})
    assert list(doctor.configuration())[1:] == ["    THRESHOLD_ALARMS_S1_RATE_ABOVE=0.35   # 0.3 by default"]


def test_faults_are_printed_with_their_mend_and_the_exit_is_1(clean):
    Flag.objects.all().delete()
    out = io.StringIO()
    with pytest.raises(CommandError) as stopped:
        call_command("doctor", stdout=out)
    assert stopped.value.returncode == 1
    assert "Flags without a row" in out.getvalue()
    assert "flags.ensure()" in out.getvalue()


def test_lagging_schemas(clean, acme):
    Tenant.objects.filter(pk=acme.pk).update(leaf_hash="old")
    assert found(doctor.migrations) == ["1 schema(s) lag behind the code: t_acme."]


def test_what_waits_for_nobody(clean, acme):
    assert found(doctor.waiting) == []
    past = timezone.now() - timedelta(minutes=5)
    Deadline.objects.create(tenant=acme, kind="odd.kind", subject="s:1", due_at=past, wake_at=past)
    Deadline.objects.create(
        tenant=acme, kind="odd.kind", subject="s:2", due_at=past, wake_at=past, dead_at=past
    )
    strange, overdue, dead = found(doctor.waiting)
    assert "'odd.kind'" in strange
    assert "nobody sweeps" in overdue
    assert dead == "1 dead deadline(s)."


def test_a_missing_schema_or_host(clean, globex):
    assert found(doctor.tenants) == []
    Tenant.objects.filter(pk=globex.pk).update(schema_name="t_lost")
    Domain.objects.filter(tenant__schema_name="public").delete()
    assert len(found(doctor.tenants)) == 2


def test_broker_and_cache_that_do_not_answer(settings):
    settings.BROKER_URL = "redis://127.0.0.1:1/0"
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/1"}}
    assert len(found(doctor.broker)) == 1
    assert len(found(doctor.cache_answers)) == 1


def test_secrets_of_development_in_production(settings):
    assert found(doctor.secrets) == []
    settings.PRODUCTION = True
    assert len(found(doctor.secrets)) == 3
    settings.SECRET_KEY, settings.BASE_URL = "k" * 64, "https://example.com"
    settings.JOURNAL_KEYS = {"2026": b"x" * 32}
    assert found(doctor.secrets) == []


def test_the_clock_and_the_sessions_are_ours(clean):
    assert found(doctor.clock) == []
    assert found(doctor.pooler) == []

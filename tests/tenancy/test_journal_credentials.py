"""rotate_credentials puts every stored credential under the first key."""

from dataclasses import replace

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.db import connection

from tenancy.models import Endpoint
from tests.tenancy.test_journal_pruning import run

pytestmark = pytest.mark.django_db

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def endpoint(tenant, now, name, **fields):
    return Endpoint.objects.create(
        tenant=tenant,
        channel="webhook",
        name=name,
        secret=f"secret of {name}",
        verbs=["*"],
        created_at=now,
        **fields,
    )


def stored():
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, secret, previous_secret FROM tenancy_endpoint ORDER BY id")
        return cursor.fetchall()


@pytest.fixture
def three(acme, globex, now, settings):
    settings.CREDENTIAL_KEYS = [OLD]
    endpoint(acme, now, "one")
    endpoint(acme, now, "two", previous_secret="before", previous_until=now)
    endpoint(globex, now, "three", disabled_at=now, disabled_because="x")
    settings.CREDENTIAL_KEYS = [NEW, OLD]


@pytest.mark.parametrize("batch", [2, 5000])
def test_all_are_rotated_and_the_old_key_can_go(three, settings, batch):
    settings.THRESHOLDS = replace(
        settings.THRESHOLDS, retention=replace(settings.THRESHOLDS.retention, BATCH=batch)
    )
    assert run("rotate_credentials") == (0, "3 endpoints rotated\n")
    settings.CREDENTIAL_KEYS = [NEW]
    assert [(row.secret, row.previous_secret) for row in Endpoint.objects.order_by("pk")] == [
        ("secret of one", ""),
        ("secret of two", "before"),
        ("secret of three", ""),
    ]


def test_before_it_the_old_key_is_needed(three, settings):
    settings.CREDENTIAL_KEYS = [NEW]
    with pytest.raises(InvalidToken):
        list(Endpoint.objects.all())


def test_a_second_run_changes_nothing(three):
    run("rotate_credentials")
    before = stored()
    assert run("rotate_credentials") == (0, "0 endpoints rotated\n")
    assert stored() == before


def test_what_no_key_opens_is_named_and_the_others_are_rotated(three, settings):
    lost = Endpoint.objects.get(name="two").pk
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tenancy_endpoint SET secret = 'x' WHERE id = %s", [lost])
    code, said = run("rotate_credentials")
    assert code == 1
    assert said == f"2 endpoints rotated\nNo key opens the credentials of endpoints {lost}"
    assert stored()[1][1] == "x"

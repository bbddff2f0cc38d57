"""What migrations make of rows that are there."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.db.migrations.executor import MigrationExecutor

from tests.tenancy.databases import own_database

BEFORE, AFTER = ("tenancy", "0006_sign_in"), ("tenancy", "0008_dead_that_were_moot")
ROWS = {
    "moot": ("dead", "Moot: user:1 is not an active user"),
    "dead": ("dead", "Rejected: 550"),
    "told of a Moot": ("dead", "Rejected: Moot: no"),
    "waits": ("pending", "Moot: what it was before it was replayed"),
}


def migrate(to: tuple[str, str]) -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate([to])
    return MigrationExecutor(connection).loader.project_state([to]).apps.get_model("tenancy", "Delivery")


@pytest.fixture
def before(django_db_setup: None, django_db_blocker: Any, now: Any) -> Iterator[Any]:
    """Deliveries as the code of before left them."""
    with django_db_blocker.unblock(), own_database(empty=False):
        delivery = migrate(BEFORE)
        tenant = delivery._meta.get_field("tenant").related_model.objects.get(slug="acme")
        for number, (message, (state, why)) in enumerate(ROWS.items()):
            delivery.objects.create(
                tenant=tenant,
                event=f"01930000-0000-7000-8000-{number:012}",
                message=message,
                recipient="user:1",
                state=state,
                last_error=why,
                next_try_at=now,
                created_at=now,
                dead_at=now if state == "dead" else None,
            )
        yield delivery


def test_what_was_dead_because_it_was_moot_is_moot_and_back(before, now):
    after = migrate(AFTER)
    rows = {row.message: (row.state, row.dead_at, row.moot_at, row.last_error) for row in after.objects.all()}
    assert rows == {
        "moot": ("moot", None, now, "user:1 is not an active user"),
        "dead": ("dead", now, None, "Rejected: 550"),
        "told of a Moot": ("dead", now, None, "Rejected: Moot: no"),
        "waits": ("pending", None, None, "Moot: what it was before it was replayed"),
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_constraint WHERE NOT convalidated")
        assert cursor.fetchone() == (0,)
    with pytest.raises(IntegrityError):
        after.objects.filter(message="dead").update(state="moot")
    migrate(BEFORE)
    assert {row.message: (row.state, row.last_error) for row in before.objects.all()} == ROWS
    assert set(before.objects.filter(state="dead").values_list("dead_at", flat=True)) == {now}

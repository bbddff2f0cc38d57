"""What the tests of channels send, to whom, and how fast a channel gives up."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import LazySettings

from tenancy.deliveries import Audience
from tenancy.models import Delivery, Endpoint

EVENT = UUID("0199b1c0-0000-7000-8000-000000000001")
CREATED = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 18, 9, 1, tzinfo=UTC)


def delivery(**given: Any) -> Delivery:
    fields = {
        "pk": 7,
        "tenant_id": 3,
        "event": EVENT,
        "message": "incident.breached",
        "subject": "incident:0199b1c0",
        "recipient": "endpoint:5",
        "channel": "webhook",
        "dedupe_key": "incident.breached",
        "attempts": 1,
        "fence": 1,
        "created_at": CREATED,
    }
    return Delivery(**fields | given)


def to_endpoint(*, thread: str = "", language: str = "en", **fields: Any) -> Audience:
    endpoint = Endpoint(pk=5, tenant_id=3, name="Ops", **fields)
    return Audience(language, ZoneInfo("UTC"), endpoint=endpoint, thread=thread)


def give_up_after(settings: LazySettings, seconds: int) -> None:
    """Let a channel wait no longer than this."""
    delivery = replace(settings.THRESHOLDS.delivery, SEND_TIMEOUT_SECONDS=seconds)
    settings.THRESHOLDS = replace(settings.THRESHOLDS, delivery=delivery)

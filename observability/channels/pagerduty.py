"""Alerts by PagerDuty's Events API v2.

Its own client is not used: it sleeps and tries again by itself, which is the outbox's to do.
"""

import json
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from observability.channels.egress import Egress, judge
from tenancy.deliveries import Audience, Form, Page
from tenancy.models import Delivery

_LONGEST_SUMMARY = 1024  # not tunable: PagerDuty's own bound
_INVALID = frozenset({400})


class PagerDutyChannel:
    """One alert a subject: never lost, and a repeat finds the alert that it is about by `dedup_key`.

    The endpoint's secret is the integration's routing key. An invalid event (400) is Rejected; everything else
    that was not taken is tried again.
    """

    name = "pagerduty"
    form = Form.PAGE
    repeats_when_unsure = True

    def __init__(self) -> None:
        self._egress = Egress()

    def send(self, delivery: Delivery, audience: Audience, content: Page, *, now: datetime) -> str:
        """Hand the alert's change over and return its `dedup_key`."""
        assert audience.endpoint is not None
        with translation.override(audience.language):
            event = _event(delivery, audience.endpoint.secret, content)
        url = f"{settings.PAGERDUTY_URL.rstrip('/')}/v2/enqueue"
        judge(
            self._egress.post(url, json.dumps(event).encode(), {"Content-Type": "application/json"}),
            final=_INVALID,
            now=now,
        )
        return str(event["dedup_key"])

    def hang_up(self) -> None:
        self._egress.hang_up()


def _event(delivery: Delivery, routing_key: str, page: Page) -> dict[str, Any]:
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": str(page.action),
        "dedup_key": f"{delivery.tenant_id}:{delivery.subject}",
        "payload": {
            "summary": page.summary[:_LONGEST_SUMMARY],
            "severity": page.severity,
            "source": settings.BASE_HOST,
            "timestamp": delivery.created_at.isoformat(),
            "custom_details": {**page.details, "delivery": delivery.key},
        },
    }
    places = ((_("Open in Hypercare"), page.link), *page.also) if page.link else page.also
    if places:
        event["links"] = [{"href": url, "text": name} for name, url in places]
    return event

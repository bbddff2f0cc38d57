"""What the operators' board says of those who watch."""

from datetime import datetime

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from observability.services import nobody_judges, watchdog_is_gone
from tenancy.admin.board import ALARM, WARN, Tile, watch
from tenancy.web.admin import allowed


def watchdog_to_look_at(request: HttpRequest, now: datetime) -> list[Tile]:
    """Whether somebody watches, and somebody outside would notice if nobody did."""
    if not allowed(request, "health.read"):
        return []
    url = reverse("admin:health")
    return [
        Tile(
            _("Watchdog stopped"),
            int(watchdog_is_gone(now=now)),
            url,
            ALARM,
            _("Nobody raises the platform's alerts: start the watchdog again."),
        ),
        Tile(
            _("Alarms not judged"),
            int(nobody_judges(now=now)),
            url,
            ALARM,
            _("No alert of a tenant opens: see why the task observability.tasks.evaluate fails."),
        ),
        Tile(
            _("No heartbeat to the outside"),
            int(settings.PRODUCTION and not settings.HEARTBEAT_URL),
            url,
            WARN,
            _("When everything stops nobody notices: set HEARTBEAT_URL."),
        ),
    ]


watch(watchdog_to_look_at)

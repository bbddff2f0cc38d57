"""What `doctor` looks at besides."""

from collections.abc import Iterator

from django.conf import settings
from django.utils import timezone

from observability.messages import part_of_route
from observability.services import nobody_judges, routes_to_nowhere, watchdog_is_gone
from tenancy.management.commands.doctor import Fault


def lost_routes() -> Iterator[Fault]:
    """Routes of alerts that lead nowhere: platform staff are mailed instead."""
    for part, alarms in routes_to_nowhere(settings.THRESHOLDS.watched()).items():
        page = "duty" if ":" not in part and part != "pagerduty" else "endpoint"
        app = "observability" if page == "duty" else "tenancy"
        yield Fault(
            f"Alerts of {', '.join(alarms)} are routed nowhere: {part_of_route(part)}.",
            f"{settings.BASE_URL}/admin/{app}/{page}/   # platform staff are mailed instead until then",
        )


def unwatched() -> Iterator[Fault]:
    """Nobody outside, or nobody at all, notices when everything stops."""
    if settings.PRODUCTION and not settings.HEARTBEAT_URL:
        yield Fault(
            "HEARTBEAT_URL is empty: when everything stops nobody notices from outside.",
            "HEARTBEAT_URL=https://<a monitor that alarms when the watchdog's POST stays away>",
        )
    if watchdog_is_gone(now=timezone.now()):
        yield Fault("The watchdog has stopped looking.", "python manage.py watchdog   # PROCESS=watchdog")
    if nobody_judges(now=timezone.now()):
        yield Fault(
            "The alarms of tenants are not judged any more: no alert of theirs opens.",
            f"{settings.BASE_URL}/admin/django_celery_beat/periodictask/   # observability.tasks.evaluate",
        )

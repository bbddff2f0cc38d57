"""What is told of alerts: to whoever is on duty by mail, to the operators' chats as one card an alert, to pagers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.formats import date_format
from django.utils.timezone import get_current_timezone, localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from observability.mail import render
from observability.messages.verdicts import say
from observability.models import Alert
from observability.states import AlertSeverity, AlertState, Owner
from tenancy.context import PUBLIC
from tenancy.deliveries import Card, Chat, Content, Mail, Moot, Outgoing, Page, PageAction, each
from tenancy.models import OperatorEvent, Tenant

ALERT_PAGES = {
    "alert.opened": PageAction.TRIGGER,
    "alert.reopened": PageAction.TRIGGER,
    "alert.silence_ended": PageAction.TRIGGER,
    "alert.escalated": PageAction.TRIGGER,
    "alert.acknowledged": PageAction.ACKNOWLEDGE,
    "alert.recovered": PageAction.RESOLVE,
}
"""What each event does to an alert's page."""
ALERT_CHATS = tuple(ALERT_PAGES)
ALERT_MAILS = tuple(verb for verb in ALERT_PAGES if verb != "alert.acknowledged")
SHAPES = {AlertSeverity.CRITICAL: "◆", AlertSeverity.HIGH: "▲", AlertSeverity.MEDIUM: "■"}
"""A severity is told by shape and word; colour comes second."""
_WELL = "✓"
_NEWS = {
    "alert.opened": gettext_lazy("In breach"),
    "alert.reopened": gettext_lazy("In breach again"),
    "alert.silence_ended": gettext_lazy("Still open, and its silence has ended"),
    "alert.recovered": gettext_lazy("Recovered"),
}
_PAGE_SEVERITIES = {
    AlertSeverity.CRITICAL: "critical",
    AlertSeverity.HIGH: "error",
    AlertSeverity.MEDIUM: "warning",
}


def write_alert(batch: Sequence[Outgoing]) -> Sequence[Content | Exception]:
    """Mails about alerts: what was measured, since when, whose it is, and what to do next. Moot for who left us."""
    read = _Read(batch)
    return each(lambda outgoing: _mail(outgoing, read.event(outgoing), read.alert(outgoing)))(batch)


def write_alert_chat(batch: Sequence[Outgoing]) -> Sequence[Content | Exception]:
    """What is new about an alert, and how it stands. Moot without the alert."""
    read = _Read(batch)
    return each(lambda outgoing: _chat(outgoing, read.event(outgoing), read.alert(outgoing)))(batch)


def write_alert_page(batch: Sequence[Outgoing]) -> Sequence[Content | Exception]:
    """Alerts for those on call: triggered, acknowledged and resolved on one subject. Moot without the alert."""
    read = _Read(batch)
    return each(lambda outgoing: _page(outgoing, read.event(outgoing), read.alert(outgoing)))(batch)


def whose(tenant: Tenant) -> str:
    """The customer that an alert is about, or the platform."""
    return _("the platform") if tenant.schema_name == PUBLIC else tenant.name


def part_of_route(part: str) -> str:
    """A part of a route in words: the duty or the endpoint that is missing."""
    if part in Owner.values:
        return _("nobody has the duty “%(duty)s”") % {"duty": Owner(part).label}
    name = part.partition(":")[2]
    if name:
        return _("the operators have no Slack endpoint named “%(name)s” that is on") % {"name": name}
    return _("the operators have no PagerDuty endpoint that is on")


def _mail(outgoing: Outgoing, event: OperatorEvent, alert: Alert) -> Mail:
    user = outgoing.audience.user
    if user is None or not user.staff_role:
        raise Moot("its reader is none of us any more")
    owner = Owner(event.data.get("to") or alert.owner)
    recovered = outgoing.message == "alert.recovered"
    context: dict[str, object] = {
        "alert": alert,
        "shape": _WELL if recovered else SHAPES[AlertSeverity(alert.severity)],
        "severity": AlertSeverity(alert.severity).label,
        "news": _news(event, alert),
        "measured": say(event.data["verdict"]),
        "whose": whose(alert.tenant),
        "since": _moment(alert.since),
        "recovered_at": _moment(alert.recovered_at) if recovered and alert.recovered_at else "",
        "is_recovered": recovered,
        "is_unwatched": bool(event.data.get("unwatched")),
        "is_tenants": alert.tenant.schema_name != PUBLIC,
        "seen": _seen(alert),
        "owner": Owner(alert.owner).label,
        "reader": owner.label,
        "nowhere": [part_of_route(part) for part in event.data.get("nowhere", ())],
        "runbook": _runbook(outgoing, alert),
        "link": _link(outgoing, alert),
        "duties": f"{outgoing.base_url}/admin/observability/duty/",
        "base_url": outgoing.base_url,
    }
    return render("alert", context)


def _chat(outgoing: Outgoing, event: OperatorEvent, alert: Alert) -> Chat:
    said, link = _news(event, alert), _link(outgoing, alert)
    facts: list[tuple[str, str]] = [
        (_("State"), str(AlertState(alert.state).label)),
        (_("Tenant"), whose(alert.tenant)),
        (_("Owner"), str(Owner(alert.owner).label)),
        (_("Since"), _moment(alert.since)),
        (_("Seen"), _seen(alert)),
    ]
    if alert.acknowledged_by is not None:
        facts.append((_("Acknowledged by"), alert.acknowledged_by.name))
    also = _also(outgoing, alert)
    measured = say(alert.verdict)
    news = f"{said}. {say(event.data['verdict'])}" if event.verb != "alert.acknowledged" else said
    over = event.verb == "alert.recovered"
    return Chat(
        news=Card(headline=_headline(alert, over=over), text=news, link=link, also=also),
        standing=Card(
            headline=_headline(alert, over=alert.state == AlertState.RECOVERED),
            text=measured,
            facts=tuple(facts),
            link=link,
            also=also,
        ),
    )


def _page(outgoing: Outgoing, event: OperatorEvent, alert: Alert) -> Page:
    headline = _headline(alert, over=event.verb == "alert.recovered")
    return Page(
        action=ALERT_PAGES[outgoing.message],
        summary=f"{headline} · {_news(event, alert)}. {say(event.data['verdict'])}",
        severity=_PAGE_SEVERITIES[AlertSeverity(alert.severity)],
        details={
            _("Tenant"): whose(alert.tenant),
            _("Owner"): str(Owner(alert.owner).label),
            _("Since"): _moment(alert.since),
        },
        link=_link(outgoing, alert),
        also=_also(outgoing, alert),
    )


def _news(event: OperatorEvent, alert: Alert) -> str:
    """What happened, in a few words of the active language."""
    if event.data.get("unwatched"):
        return _("Not watched any more")
    if event.verb in _NEWS:
        return str(_NEWS[event.verb])
    if event.verb == "alert.escalated":
        days = event.data["days"]
        return ngettext("In breach for %(count)d day", "In breach for %(count)d days", days) % {"count": days}
    who = alert.acknowledged_by.name if alert.acknowledged_by else ""
    return _("Acknowledged by %(name)s") % {"name": who or "–"}


def _headline(alert: Alert, *, over: bool) -> str:
    """What is told late tells what was: `over` is whether it had recovered then."""
    shape = _WELL if over else SHAPES[AlertSeverity(alert.severity)]
    return f"{shape} {AlertSeverity(alert.severity).label} · {alert.rule} · {whose(alert.tenant)}"


def _seen(alert: Alert) -> str:
    return ngettext("%(count)d time", "%(count)d times", alert.count) % {"count": alert.count}


def _moment(at: datetime) -> str:
    return f"{date_format(localtime(at), 'j F Y H:i')} ({get_current_timezone()})"


def _link(outgoing: Outgoing, alert: Alert) -> str:
    return f"{outgoing.base_url}/admin/observability/alert/{alert.pk}/change/"


def _runbook(outgoing: Outgoing, alert: Alert) -> str:
    return f"{outgoing.base_url}/admin/runbooks/{alert.runbook}/" if alert.runbook else ""


def _also(outgoing: Outgoing, alert: Alert) -> tuple[tuple[str, str], ...]:
    """Where else to go: to what says what to do."""
    return ((_("Runbook"), _runbook(outgoing, alert)),) if alert.runbook else ()


class _Read:
    """What a batch is about: its events and its alerts, read together."""

    def __init__(self, batch: Sequence[Outgoing]):
        alerts: QuerySet[Any] = Alert.objects.select_related("tenant", "acknowledged_by")
        self._events = OperatorEvent.objects.in_bulk({outgoing.event for outgoing in batch})
        self._alerts = alerts.in_bulk({_pk(outgoing) for outgoing in batch})

    def event(self, outgoing: Outgoing) -> OperatorEvent:
        return self._events[outgoing.event]

    def alert(self, outgoing: Outgoing) -> Alert:
        """Raises Moot when retention took it."""
        alert: Alert | None = self._alerts.get(_pk(outgoing))
        if alert is None:
            raise Moot(f"{outgoing.subject} is gone")
        return alert


def _pk(outgoing: Outgoing) -> int:
    return int(outgoing.subject.partition(":")[2])

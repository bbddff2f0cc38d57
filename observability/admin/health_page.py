"""System health: does it run, is it talking nonsense, how many incidents, does feedback come in. In thirty seconds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from observability import health
from observability.admin.health_facts import About, Day, Facts, Incidents, read_facts
from observability.rules import periods
from observability.rules.figures import heights
from observability.rules.progress import JUDGED, unjudged
from observability.services import Figures, charted, judged_within, label_of, number
from observability.states import AlertSeverity, VerdictStatus
from tenancy.context import PUBLIC, current_tenant, in_tenant
from tenancy.deliveries import base_url
from tenancy.models import Tenant
from tenancy.states import TenantState
from tenancy.web.admin import Page, allowed, moment, public_site, tenant_site


@dataclass(frozen=True, slots=True)
class Light:
    """How a question is answered: by a shape and a word before a colour."""

    tone: str
    shape: str
    word: Any


GREEN = Light("ok", "●", _("well"))
AMBER = Light("soon", "▲", _("look at it"))
RED = Light("late", "◆", _("not well"))
GREY = Light("", "○", _("no data"))


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with what it counts, and one line below it."""

    label: Any
    value: Any
    note: Any = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One of the four questions, answered. `links` lead to where one acts."""

    key: str
    question: Any
    light: Light
    sentence: str
    figures: Sequence[Figure]
    links: Sequence[tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class Row:
    """A tenant in the table, with how high the bar of each of its days is."""

    about: About
    url: str
    alerts: int
    failed: str
    p95: str
    last: Day | None
    bars: Sequence["Bar"]
    said: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One day of a sparkline."""

    left: int
    height: int
    top: int


# ---- does it run? --------------------------------------------------------------------------------------------------


def _runs(request: HttpRequest, facts: Facts) -> Panel:
    checks = facts.checks
    failing = sorted(name for name, check in checks.items() if check["status"] == "error")
    warned = sorted(name for name, check in checks.items() if check["status"] == "warning")
    waiting = facts.waiting
    light, sentence = GREEN, gettext("It takes requests, and what is due gets done.")
    if failing:
        light, sentence = RED, gettext("Not ready: %(checks)s in error.") % {"checks": ", ".join(failing)}
    elif waiting.overdue:
        text = ngettext(
            "It takes requests, but %(count)s row is overdue: what is due is not done in time.",
            "It takes requests, but %(count)s rows are overdue: what is due is not done in time.",
            waiting.overdue,
        )
        light, sentence = RED, text % {"count": number(waiting.overdue)}
    elif waiting.dead:
        text = ngettext(
            "It runs, but %(count)s row is dead: mend the cause and replay it.",
            "It runs, but %(count)s rows are dead: mend the cause and replay them.",
            waiting.dead,
        )
        light, sentence = AMBER, text % {"count": number(waiting.dead)}
    elif warned:
        text = gettext("It is ready, with a warning: %(checks)s.")
        light, sentence = AMBER, text % {"checks": ", ".join(warned)}
    depth = checks["queue"].get("depth")
    deepest = gettext("not measured today") if facts.deepest is None else _most(facts.deepest)
    figures = [
        Figure(_("In the queue"), gettext("unknown") if depth is None else number(depth), deepest),
        Figure(_("Overdue and dead"), number(waiting.total), _parts(waiting.overdue, waiting.dead)),
        _pulse(facts, _("Beat ticked"), "beat", _("worker finished"), "consumed"),
        _pulse(facts, _("Watchdog looked"), "watchdog", _("heartbeat taken"), "heartbeat"),
    ]
    links = [
        (_runbook("not-ready"), _("Runbook: not ready")),
        (_runbook("queue-backlog"), _("Runbook: queue")),
    ]
    if not in_tenant() and allowed(request, "deadline.read"):
        links.insert(0, (reverse("admin:tenancy_deadline_changelist"), _("Deadlines")))
    return Panel("runs", _("Does it run?"), light, sentence, figures, links)


def _most(count: int) -> str:
    return gettext("highest today %(count)s") % {"count": number(count)}


def _parts(late: int, dead: int) -> str:
    return gettext("%(overdue)s overdue, %(dead)s dead") % {"overdue": number(late), "dead": number(dead)}


def _pulse(facts: Facts, label: Any, name: str, other: Any, other_name: str) -> Figure:
    """How long ago one pulse was, and below it another."""
    below = f"{other} {_ago(facts.pulses.get(other_name), facts.now)}"
    return Figure(label, _ago(facts.pulses.get(name), facts.now), below)


# ---- is it talking nonsense? ---------------------------------------------------------------------------------------


def _nonsense(request: HttpRequest, facts: Facts) -> Panel:
    sees_alerts = allowed(request, "alert.read")
    alerts = facts.alerts if sees_alerts else {}
    rules = facts.rules if sees_alerts else {}
    found = sum(alerts.values())
    bad, breached = (
        [level for level in AlertSeverity if alerts.get(level)],
        rules.get(VerdictStatus.BREACH, 0),
    )
    warned, kept = rules.get(VerdictStatus.WARNING, 0), rules.get(VerdictStatus.OK, 0)
    light, sentence = GREEN, gettext("What is measured is within its limits.")
    judged = facts.pulses.get(JUDGED)
    if unjudged(judged, now=facts.now, after=judged_within()):
        ago = _ago(judged, facts.now)
        light, sentence = RED, gettext("Nobody judges the alarms: the last look was %(ago)s.") % {"ago": ago}
    elif bad:
        text = ngettext(
            "%(count)s alert is open, the worst is %(worst)s.",
            "%(count)s alerts are open, the worst is %(worst)s.",
            found,
        )
        light = AMBER if bad[0] == AlertSeverity.MEDIUM else RED
        sentence = text % {"count": number(found), "worst": bad[0].label}
    elif breached:
        text = ngettext("%(count)s rule is in breach.", "%(count)s rules are in breach.", breached)
        light, sentence = RED, text % {"count": number(breached)}
    elif not sees_alerts and facts.requests.total_5xx:
        light, sentence = AMBER, gettext("Some answers failed on our side.")
    elif warned:
        text = ngettext(
            "Nothing is in breach; %(count)s rule is outside of what is healthy.",
            "Nothing is in breach; %(count)s rules are outside of what is healthy.",
            warned,
        )
        light, sentence = AMBER, text % {"count": number(warned)}
    elif not kept and not facts.requests.count:
        light, sentence = GREY, gettext("No data: nothing was measured yet.")
    figures = []
    if sees_alerts:
        by_level = ", ".join(f"{number(alerts.get(level, 0))} {level.label}" for level in AlertSeverity)
        below = gettext("%(warning)s warning, %(none)s without data") % {
            "warning": number(warned),
            "none": number(rules.get(VerdictStatus.NO_DATA, 0)),
        }
        figures += [
            Figure(_("Alerts open"), number(found), by_level),
            Figure(_("Rules in breach"), number(breached), below),
        ]
    figures.append(_failed(facts.requests))
    if allowed(request, "security_event.read"):
        minutes = settings.THRESHOLDS.security.WINDOW_SECONDS // 60
        below = gettext("in %(count)s minutes") % {"count": number(minutes)}
        figures.append(Figure(_("Security signals"), number(facts.signals), below))
    links = [(reverse("admin:observability_alert_changelist"), _("Alerts"))] if sees_alerts else []
    links.append((_runbook("elevated-latency"), _("Runbook: slow or failing")))
    return Panel("nonsense", _("Is it talking nonsense?"), light, sentence, figures, links)


def _failed(requests: Figures) -> Figure:
    minutes = number(settings.THRESHOLDS.health.PAGE_MINUTES)
    label = _("Failed on our side (5xx)")
    if not requests.count:
        return Figure(label, "–", gettext("no requests in %(minutes)s min") % {"minutes": minutes})
    text = ngettext(
        "of %(count)s request in %(minutes)s min, p95 %(ms)s ms",
        "of %(count)s requests in %(minutes)s min, p95 %(ms)s ms",
        requests.count,
    )
    below = text % {"count": number(requests.count), "minutes": minutes, "ms": _ms(requests)}
    return Figure(label, _share(requests.total_5xx, requests.count), below)


# ---- how many incidents? -------------------------------------------------------------------------------------------


def _incidents(facts: Facts) -> Panel:
    question = _("How many incidents?")
    seen = facts.landscape
    if seen is None or not seen.tenants:
        return Panel(
            "incidents", question, GREY, gettext("No data: there is no tenant that could be asked."), [], []
        )
    every = list(seen.tenants.values())
    found, breached = sum(each.total for each in every), sum(each.breached for each in every)
    worst = next((level for level in seen.levels if any(each.open.get(level) for each in every)), None)
    light, sentence = GREEN, gettext("No incident is open.")
    if breached:
        text = ngettext(
            "%(count)s incident is breached now.", "%(count)s incidents are breached now.", breached
        )
        light, sentence = RED, text % {"count": number(breached)}
    elif seen.unread:
        text = ngettext(
            "%(count)s tenant could not be asked just now.",
            "%(count)s tenants could not be asked just now.",
            len(seen.unread),
        )
        light, sentence = AMBER, text % {"count": number(len(seen.unread))}
    elif worst == next(iter(seen.levels)):
        light, sentence = AMBER, gettext("Nothing is breached, but the worst kind is open.")
    elif found:
        text = ngettext(
            "%(count)s incident is open, none breached.",
            "%(count)s incidents are open, none breached.",
            found,
        )
        sentence = text % {"count": number(found)}
    last = max((each.last_at for each in every if each.last_at), default=None)
    figures = [
        Figure(_("Open now"), number(found), _by_level(seen.levels, every)),
        Figure(_("Breached now"), number(breached)),
        Figure(_("Reported today"), number(sum(each.reported for each in every))),
        Figure(_("Last reported"), _ago(last, facts.now), moment(last) if last else ""),
    ]
    return Panel("incidents", question, light, sentence, figures, [(seen.url, _("Incidents"))])


def _by_level(levels: Iterable[str], every: Sequence[Incidents]) -> str:
    counts = {level: sum(each.open.get(level, 0) for each in every) for level in levels}
    return " · ".join(f"{level} {number(count)}" for level, count in counts.items())


# ---- does feedback come in? ----------------------------------------------------------------------------------------


def _feedback(request: HttpRequest, facts: Facts) -> Panel:
    last = [each.days[-1] for each in facts.tenants if each.days]
    resolved, given = sum(day.resolved for day in last), sum(day.feedback for day in last)
    light, sentence = GREY, gettext("No data: feedback comes with a tenant's pilot, and none sends any yet.")
    if resolved:
        light, sentence = _coverage(given, resolved)
    figures = [
        Figure(
            _("Coverage"),
            _share(given, resolved) if resolved else "–",
            gettext("of the last day's summaries"),
        ),
        Figure(_("Resolved incidents"), number(resolved)),
        Figure(_("With feedback"), number(given)),
    ]
    links = [(reverse("admin:observability_runsummary_changelist"), _("Run summaries"))]
    links.append((_runbook("feedback-coverage-drop"), _("Runbook: feedback")))
    return Panel("feedback", _("Does feedback come in?"), light, sentence, figures, links)


def _coverage(given: int, resolved: int) -> tuple[Light, str]:
    """By the alarm's own limits; few are judged like many here, for nobody is called by this page."""
    (alarm,) = (alarm for alarm in settings.THRESHOLDS.watched() if alarm.name == "feedback_coverage")
    assert alarm.below is not None
    assert alarm.target_from is not None
    if given < alarm.below * resolved:
        return RED, gettext("Hardly any: operators resolve and say nothing.")
    if given <= alarm.target_from * resolved:
        return AMBER, gettext("Some: less than is healthy.")
    return GREEN, gettext("It comes in.")


# ---- each tenant ---------------------------------------------------------------------------------------------------

WIDE, HIGH, GAP = 5, 24, 3  # not tunable: units of a drawing


def _row(about: About) -> Row:
    requests = about.requests
    values = [day.charted for day in about.days]
    bars = [Bar(at * (WIDE + GAP), height, HIGH - height) for at, height in enumerate(heights(values, HIGH))]
    said = f"{label_of(charted())}: {', '.join(map(number, values))}"
    return Row(
        about,
        reverse("admin:tenancy_tenant_change", args=[about.tenant.pk]) if not in_tenant() else "",
        sum(about.alerts.values()),
        _share(requests.total_5xx, requests.count) if requests.count else "–",
        _ms(requests) if requests.count else "–",
        about.days[-1] if about.days else None,
        bars,
        said,
    )


def _worst_first(about: About) -> tuple[Any, ...]:
    incidents = about.incidents or Incidents({})
    alerts = [-about.alerts.get(level, 0) for level in AlertSeverity]
    failed = about.requests.total_5xx / about.requests.count if about.requests.count else 0
    return (-incidents.breached, *alerts, -failed, -incidents.total, about.tenant.name, about.tenant.pk)


# ---- the pages -----------------------------------------------------------------------------------------------------


def show_health(request: HttpRequest) -> TemplateResponse:
    """The operators' page: all tenants together, and each in a row."""
    now = timezone.now()
    active = Tenant.objects.exclude(schema_name=PUBLIC).filter(state=TenantState.ACTIVE)
    facts = read_facts(request, list(active), now=now, today=_today(now))
    every = sorted(facts.tenants, key=_worst_first)
    shown = every[: settings.THRESHOLDS.health.PAGE_TENANTS]
    context = _context(request, facts, settings.BASE_URL) | {
        "rows": [_row(about) for about in shown],
        "more": len(every) - len(shown),
        "charted": label_of(charted()),
        "days": settings.THRESHOLDS.summary.TREND_DAYS,
        "drawing": (settings.THRESHOLDS.summary.TREND_DAYS * (WIDE + GAP) - GAP, HIGH, WIDE),
    }
    return TemplateResponse(request, "console/health.html", context)


def show_own_health(request: HttpRequest) -> TemplateResponse:
    """A tenant's page: the same questions about it alone."""
    now, tenant = timezone.now(), current_tenant()
    facts = read_facts(request, [tenant], now=now, today=_today(now), only=tenant)
    return TemplateResponse(request, "console/health.html", _context(request, facts, base_url(tenant)))


def _context(request: HttpRequest, facts: Facts, base: str) -> dict[str, Any]:
    summaries = f"{base}/api/v1/run-summaries/latest" + ("" if in_tenant() else "?tenant=SLUG")
    return {
        "panels": [
            _runs(request, facts),
            _nonsense(request, facts),
            _incidents(facts),
            _feedback(request, facts),
        ],
        "as_of": facts.now,
        "every": settings.THRESHOLDS.health.PAGE_SECONDS,
        "commands": [
            (_("Readiness"), f"curl -s {base}{health.READY} | jq"),
            (_("Last run summary"), f'curl -s -H "Authorization: Bearer $TOKEN" "{summaries}" | jq'),
        ],
    }


def _today(now: datetime) -> datetime:
    """When the reader's day began."""
    zone = timezone.get_current_timezone()
    return periods.begins(periods.day_of(now, zone), zone)


def _runbook(key: str) -> str:
    return reverse("admin:runbooks_key", args=[key])


def _share(part: int, whole: int) -> str:
    return gettext("%(share)s %%") % {"share": number(100 * part / whole, 1)}


def _ms(requests: Figures) -> str:
    return "–" if requests.p95_ms is None else number(requests.p95_ms)


def _ago(at: datetime | None, now: datetime) -> str:
    """How long ago, in the largest unit."""
    if at is None:
        return gettext("never")
    seconds = max(0, int((now - at).total_seconds()))
    for unit, text, length in (
        ("d", gettext("%(d)d d"), timedelta(days=1)),
        ("h", gettext("%(h)d h"), timedelta(hours=1)),
        ("m", gettext("%(m)d min"), timedelta(minutes=1)),
    ):
        if count := seconds // int(length.total_seconds()):
            return gettext("%(time)s ago") % {"time": text % {unit: count}}
    return gettext("%(s)d s ago") % {"s": seconds}


for site, show in ((public_site, show_health), (tenant_site, show_own_health)):
    site.add_page(
        Page(
            path="health",
            title=_("System health"),
            icon="monitor_heart",
            section="",
            place=0,
            action="health.read",
            view=show,
        )
    )

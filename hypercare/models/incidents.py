"""Incidents, what is said about them, and what was built before that they come from."""

import re
from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext_lazy as _

from hypercare.models.changes import ChangeRequest
from hypercare.models.projects import Project, sees_all
from hypercare.rules import fingerprint, fold
from hypercare.states import (
    DONE_STATES,
    OPEN_STATES,
    ClockKind,
    IncidentState,
    IncidentType,
    RootCauseCategory,
    Severity,
    Source,
    SupportLevel,
    WorkItemKind,
)
from tenancy.actors import Actor
from tenancy.fields import UserRef, together
from tenancy.models import Tenant
from tenancy.rows import TenantManager, TenantModel, TenantQuerySet


class BacklogItem(TenantModel):
    """A WRICEF object of the programme that an incident may come from, as the customer's backlog names it."""

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="backlog_items", verbose_name=_("project")
    )
    kind = models.CharField(_("kind"), max_length=1, choices=WorkItemKind)
    key = models.CharField(_("key"), max_length=40)
    title = models.CharField(_("title"), max_length=255)
    url = models.URLField(_("address"), max_length=500, blank=True)
    created_at = models.DateTimeField(_("created at"))

    objects: ClassVar["TenantManager[BacklogItem]"] = TenantManager()

    class Meta:
        verbose_name = _("backlog item")
        verbose_name_plural = _("backlog items")
        ordering = ["key"]
        constraints = [
            models.UniqueConstraint(fields=["project", "key"], name="backlogitem_once"),
            models.CheckConstraint(name="backlogitem_kind_known", condition=Q(kind__in=WorkItemKind.values)),
            models.CheckConstraint(name="backlogitem_named", condition=~Q(key="") & ~Q(title="")),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.title}"

    @property
    def version(self) -> int:
        """Another number once somebody has changed what is edited, for those who edit together."""
        return fingerprint(self.kind, self.key, self.title, self.url)


_NUMBER = re.compile(r"(inc-)?([0-9]{1,18})", re.ASCII | re.IGNORECASE)
FULFILLED_AT = {ClockKind.RESPONSE: "first_response_at", ClockKind.RESOLUTION: "resolved_at"}
"""The column that says when a clock was fulfilled."""
DEADLINE = {clock: f"sla_{clock}_deadline" for clock in ClockKind}
BREACHED = {clock: f"sla_{clock}_breached" for clock in ClockKind}


def _breached(clock: ClockKind, now: datetime) -> Q:
    """That `clock` is breached at `now`: recorded as such, or still running at or past its deadline."""
    late = Q(**{f"{FULFILLED_AT[clock]}__isnull": True, f"{DEADLINE[clock]}__lte": now})
    return Q(**{BREACHED[clock]: True}) | late


class IncidentQuerySet(TenantQuerySet["Incident"]):
    def visible_to(self, actor: Actor, tenant: Tenant) -> "IncidentQuerySet":
        """The incidents of the projects that `actor` sees."""
        return self if sees_all(actor, tenant) else self.filter(project__members__user=actor.user_id)

    def open(self) -> "IncidentQuerySet":
        """Those not resolved: open, in progress, waiting."""
        return self.filter(state__in=OPEN_STATES)

    def breached(self, now: datetime) -> "IncidentQuerySet":
        """Those with a clock breached at `now`, recorded or not: reads do not wait for sweeps."""
        return self.filter(self.is_breached(now))

    @staticmethod
    def is_breached(now: datetime, clock: ClockKind | None = None) -> Q:
        """The condition of `breached`, for filters and aggregates; with `clock`, of that one alone."""
        if clock is not None:
            return _breached(clock, now)
        return _breached(ClockKind.RESPONSE, now) | _breached(ClockKind.RESOLUTION, now)

    def search(self, text: str) -> "IncidentQuerySet":
        """Those that hold every word of `text`, whatever its case and accents; INC-12 and 12 are also numbers.

        What is searched is what customers see too: titles, descriptions, modules.
        """
        found = self
        for word in text.split():
            if number := _NUMBER.fullmatch(word):
                wanted = Q(number=int(number[2]))
                found = found.filter(wanted if number[1] else wanted | Q(search_text__contains=fold(word)))
            else:
                found = found.filter(search_text__contains=fold(word))
        return found

    def unrecorded(self, clock: ClockKind, now: datetime) -> "IncidentQuerySet":
        """Those whose `clock` runs, is breached at `now`, and is not recorded so."""
        fulfilled = FULFILLED_AT[clock]
        late = {
            f"{fulfilled}__isnull": True,
            f"{DEADLINE[clock]}__lte": now,
            f"sla_{clock}_breached": False,
        }
        return self.open().filter(**late)


IncidentManager = models.Manager.from_queryset(IncidentQuerySet)


class Incident(TenantModel):
    """Something that went wrong at a customer. People call it INC-12.

    The `sla_*` columns are the projection of its two clocks (see ClockEvent), written in the same transaction:
    `_deadline` is None while the clock is paused, `_elapsed` what a fulfilled clock counted. `_breached` is the
    record that the breach of this cycle was told, made at `_breached_at`; `_warned` the highest percentage of this
    cycle that was warned of. Whether a clock is breached now is asked of `is_breached`.

    `version` counts the changes, for those who edit together. `search_text` is what is searched (`rules.fold`).
    """

    number = models.PositiveBigIntegerField(
        _("number"),
        unique=True,
        editable=False,
        # A sequence of this schema: creating does not serialise, and a rolled-back one leaves a gap.
        db_default=Func(
            Value("hypercare_incident_number"), function="nextval", output_field=models.BigIntegerField()
        ),
    )
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="incidents", verbose_name=_("project")
    )
    title = models.CharField(_("title"), max_length=255)
    description = models.TextField(_("description"), blank=True)
    source = models.CharField(_("source"), max_length=16, choices=Source, default=Source.PERSON)
    state = models.CharField(_("state"), max_length=16, choices=IncidentState, default=IncidentState.OPEN)
    severity = models.CharField(_("severity"), max_length=2, choices=Severity, default=Severity.P3)
    incident_type = models.CharField(_("type"), max_length=16, choices=IncidentType, blank=True)
    affected_module = models.CharField(_("module"), max_length=20, blank=True)
    affected_users_count = models.PositiveIntegerField(_("affected users"), null=True, blank=True)
    reported_by = UserRef(verbose_name=_("reported by"), null=True, blank=True)
    created_at = models.DateTimeField(_("reported at"))
    assigned_to = UserRef(verbose_name=_("assigned to"), null=True, blank=True)
    support_level = models.CharField(_("support level"), max_length=2, choices=SupportLevel, blank=True)

    sla_response_deadline = models.DateTimeField(_("response due at"), null=True, blank=True, editable=False)
    sla_response_warned = models.PositiveSmallIntegerField(
        _("response warned of, percent"), default=0, editable=False
    )
    sla_response_elapsed = models.DurationField(_("response took"), null=True, blank=True, editable=False)
    sla_response_breached = models.BooleanField(_("response breached"), default=False, editable=False)
    sla_response_breached_at = models.DateTimeField(
        _("response breach recorded at"), null=True, blank=True, editable=False
    )
    sla_resolution_deadline = models.DateTimeField(
        _("resolution due at"), null=True, blank=True, editable=False
    )
    sla_resolution_warned = models.PositiveSmallIntegerField(
        _("resolution warned of, percent"), default=0, editable=False
    )
    sla_resolution_elapsed = models.DurationField(_("resolution took"), null=True, blank=True, editable=False)
    sla_resolution_breached = models.BooleanField(_("resolution breached"), default=False, editable=False)
    sla_resolution_breached_at = models.DateTimeField(
        _("resolution breach recorded at"), null=True, blank=True, editable=False
    )

    first_response_at = models.DateTimeField(_("first response at"), null=True, blank=True)
    first_response_by = UserRef(verbose_name=_("first response by"), null=True, blank=True)
    resolved_at = models.DateTimeField(_("resolved at"), null=True, blank=True)
    resolved_by = UserRef(verbose_name=_("resolved by"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    closed_by = UserRef(verbose_name=_("closed by"), null=True, blank=True)
    reopened_count = models.PositiveIntegerField(_("times reopened"), default=0)
    waiting_since = models.DateTimeField(_("waiting since"), null=True, blank=True)
    waiting_reason = models.CharField(_("waiting for"), max_length=500, blank=True)
    waiting_owner = UserRef(verbose_name=_("who has to answer"), null=True, blank=True)
    root_cause = models.TextField(_("root cause"), blank=True)
    root_cause_category = models.CharField(
        _("root cause category"), max_length=16, choices=RootCauseCategory, blank=True
    )
    resolution_notes = models.TextField(_("resolution notes"), blank=True)
    backlog_item = models.ForeignKey(
        BacklogItem,
        on_delete=models.PROTECT,
        related_name="incidents",
        verbose_name=_("backlog item"),
        null=True,
        blank=True,
    )
    requires_change_request = models.BooleanField(_("needs a change request"), default=False)
    change_request = models.ForeignKey(
        ChangeRequest,
        on_delete=models.PROTECT,
        related_name="incidents",
        verbose_name=_("change request"),
        null=True,
        blank=True,
    )
    search_text = models.TextField(_("search text"), blank=True, editable=False)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)

    objects: ClassVar["IncidentManager[Incident]"] = IncidentManager()

    class Meta:
        verbose_name = _("incident")
        verbose_name_plural = _("incidents")
        ordering = ["-number"]
        indexes = [
            models.Index(fields=["project", "-number"], name="incident_by_project"),
            models.Index(
                fields=["project", "severity"], name="incident_open", condition=Q(state__in=OPEN_STATES)
            ),
            models.Index(fields=["project", "resolved_at"], name="incident_by_resolution"),
            models.Index(fields=["project", "created_at"], name="incident_by_report"),
        ]
        constraints = [
            models.CheckConstraint(name="incident_has_title", condition=~Q(title="")),
            models.CheckConstraint(name="incident_source_known", condition=Q(source__in=Source.values)),
            models.CheckConstraint(name="incident_state_known", condition=Q(state__in=IncidentState.values)),
            models.CheckConstraint(name="incident_severity_known", condition=Q(severity__in=Severity.values)),
            models.CheckConstraint(
                name="incident_type_known", condition=Q(incident_type__in=["", *IncidentType.values])
            ),
            models.CheckConstraint(
                name="incident_level_known", condition=Q(support_level__in=["", *SupportLevel.values])
            ),
            models.CheckConstraint(
                name="incident_cause_known",
                condition=Q(root_cause_category__in=["", *RootCauseCategory.values]),
            ),
            models.CheckConstraint(
                name="incident_first_response_pair",
                condition=together(Q(first_response_at__isnull=True), Q(first_response_by__isnull=True)),
            ),
            models.CheckConstraint(
                name="incident_open_is_unanswered",
                condition=~Q(state=IncidentState.OPEN) | Q(first_response_at__isnull=True),
            ),
            models.CheckConstraint(
                name="incident_resolved_pair",
                condition=together(Q(resolved_at__isnull=True), Q(resolved_by__isnull=True)),
            ),
            models.CheckConstraint(
                name="incident_resolved_has_time",
                condition=together(Q(state__in=DONE_STATES), Q(resolved_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="incident_resolved_has_reason",
                condition=~Q(state__in=DONE_STATES) | (~Q(root_cause="") & ~Q(resolution_notes="")),
            ),
            models.CheckConstraint(
                name="incident_closed_pair",
                condition=together(Q(closed_at__isnull=True), Q(closed_by__isnull=True)),
            ),
            models.CheckConstraint(
                name="incident_closed_has_time",
                condition=together(Q(state=IncidentState.CLOSED), Q(closed_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="incident_waiting_has_owner",
                condition=Q(
                    state=IncidentState.WAITING, waiting_since__isnull=False, waiting_owner__isnull=False
                )
                & ~Q(waiting_reason="")
                | ~Q(state=IncidentState.WAITING)
                & Q(waiting_since__isnull=True, waiting_owner__isnull=True, waiting_reason=""),
            ),
            models.CheckConstraint(
                name="incident_response_breach_pair",
                condition=together(Q(sla_response_breached=True), Q(sla_response_breached_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="incident_resolution_breach_pair",
                condition=together(
                    Q(sla_resolution_breached=True), Q(sla_resolution_breached_at__isnull=False)
                ),
            ),
            models.CheckConstraint(
                name="incident_due_after_report",
                condition=Q(sla_response_deadline__gte=F("created_at"))
                & Q(sla_resolution_deadline__gte=F("created_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.title}"

    @property
    def key(self) -> str:
        """The number as people say it: INC-12."""
        return f"INC-{self.number}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    def deadline(self, clock: ClockKind) -> datetime | None:
        """When `clock` is, or was, due; None while it is paused."""
        due_at: datetime | None = getattr(self, DEADLINE[clock])
        return due_at

    def fulfilled_at(self, clock: ClockKind) -> datetime | None:
        """When `clock` was fulfilled, or None while it runs."""
        at: datetime | None = getattr(self, FULFILLED_AT[clock])
        return at

    def is_breached(self, clock: ClockKind, now: datetime) -> bool:
        """Whether `clock` is breached at `now`, recorded or not; the same answer as `replay`."""
        if getattr(self, BREACHED[clock]):
            return True
        due_at: datetime | None = getattr(self, DEADLINE[clock])
        return due_at is not None and due_at <= now and getattr(self, FULFILLED_AT[clock]) is None


class Comment(TenantModel):
    """What somebody says about an incident. An internal one is for those who work on it, never for customers."""

    incident = models.ForeignKey(
        Incident, on_delete=models.PROTECT, related_name="comments", verbose_name=_("incident")
    )
    author = UserRef(verbose_name=_("author"))
    content = models.TextField(_("text"))
    is_internal = models.BooleanField(_("internal"), default=False)
    created_at = models.DateTimeField(_("written at"))

    objects: ClassVar["TenantManager[Comment]"] = TenantManager()

    class Meta:
        verbose_name = _("comment")
        verbose_name_plural = _("comments")
        ordering = ["id"]
        indexes = [models.Index(fields=["incident", "id"], name="comment_by_incident")]
        constraints = [models.CheckConstraint(name="comment_has_content", condition=~Q(content=""))]

    def __str__(self) -> str:
        return f"{self.incident} · {self.created_at:%Y-%m-%d %H:%M}"

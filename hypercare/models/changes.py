"""Change requests after the go-live, what the board says of them, and the counter of their numbers."""

import re
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from hypercare.models.projects import Project, ProjectMember, sees_all
from hypercare.rules import fold
from hypercare.states import UNVOTED_STATES, ChangeState, ChangeType, Severity, Vote
from tenancy.actors import Actor
from tenancy.fields import UserRef, together
from tenancy.models import Tenant
from tenancy.rows import TenantManager, TenantModel, TenantQuerySet
from tenancy.states import Role

_NUMBER = re.compile(r"(cr-?)?0*([1-9][0-9]{0,8})", re.ASCII | re.IGNORECASE)


class ChangeRequestQuerySet(TenantQuerySet["ChangeRequest"]):
    def visible_to(self, actor: Actor, tenant: Tenant) -> "ChangeRequestQuerySet":
        """Those of the projects that `actor` sees; for a customer who is not on the board, their own alone."""
        seen = self if sees_all(actor, tenant) else self.filter(project__members__user=actor.user_id)
        if actor.at_least(Role.AGENT):
            return seen
        boards = ProjectMember.objects.filter(user=actor.user_id, is_board_member=True).values("project")
        return seen.filter(Q(requested_by=actor.user_id) | Q(project__in=boards))

    def search(self, text: str) -> "ChangeRequestQuerySet":
        """Those that hold every word of `text`, whatever its case and accents; CR-003, cr3 and 3 are also numbers.

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


ChangeRequestManager = models.Manager.from_queryset(ChangeRequestQuerySet)


class ChangeRequest(TenantModel):
    """A change of a productive system after its go-live. People call it CR-003; the numbers have no gaps.

    `approved_*` is the approval that completed the quorum, `rejected_*` the rejection. `version` counts the changes,
    for those who edit together. `search_text` is what is searched (`rules.fold`).
    """

    number = models.PositiveIntegerField(_("number"), unique=True, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="change_requests", verbose_name=_("project")
    )
    title = models.CharField(_("title"), max_length=255)
    description = models.TextField(_("description"), blank=True)
    change_type = models.CharField(_("type"), max_length=16, choices=ChangeType)
    severity = models.CharField(_("priority"), max_length=2, choices=Severity, default=Severity.P3)
    affected_module = models.CharField(_("module"), max_length=20, blank=True)
    state = models.CharField(_("state"), max_length=20, choices=ChangeState, default=ChangeState.DRAFT)
    impact_assessment = models.TextField(_("impact assessment"), blank=True)
    rollback_plan = models.TextField(_("rollback plan"), blank=True)
    test_required = models.BooleanField(_("test required"), default=True)
    test_evidence = models.TextField(_("test evidence"), blank=True)
    planned_implementation_date = models.DateField(_("planned for"), null=True, blank=True)
    actual_implementation_date = models.DateField(_("implemented on"), null=True, blank=True)

    requested_by = UserRef(verbose_name=_("requested by"), null=True, blank=True)
    created_at = models.DateTimeField(_("drafted at"))
    submitted_by = UserRef(verbose_name=_("submitted by"), null=True, blank=True)
    submitted_at = models.DateTimeField(_("submitted at"), null=True, blank=True)
    approved_by = UserRef(verbose_name=_("approved by"), null=True, blank=True)
    approved_at = models.DateTimeField(_("approved at"), null=True, blank=True)
    rejected_by = UserRef(verbose_name=_("rejected by"), null=True, blank=True)
    rejected_at = models.DateTimeField(_("rejected at"), null=True, blank=True)
    rejection_reason = models.TextField(_("reason of the rejection"), blank=True)
    started_by = UserRef(verbose_name=_("started by"), null=True, blank=True)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    implemented_by = UserRef(verbose_name=_("implemented by"), null=True, blank=True)
    implemented_at = models.DateTimeField(_("implementation recorded at"), null=True, blank=True)
    closed_by = UserRef(verbose_name=_("closed by"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    search_text = models.TextField(_("search text"), blank=True, editable=False)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)

    objects: ClassVar["ChangeRequestManager[ChangeRequest]"] = ChangeRequestManager()

    class Meta:
        verbose_name = _("change request")
        verbose_name_plural = _("change requests")
        ordering = ["-number"]
        indexes = [models.Index(fields=["project", "-number"], name="changerequest_by_project")]
        constraints = [
            models.CheckConstraint(name="changerequest_has_title", condition=~Q(title="")),
            models.CheckConstraint(name="changerequest_numbered", condition=Q(number__gte=1)),
            models.CheckConstraint(
                name="changerequest_type_known", condition=Q(change_type__in=ChangeType.values)
            ),
            models.CheckConstraint(
                name="changerequest_severity_known", condition=Q(severity__in=Severity.values)
            ),
            models.CheckConstraint(
                name="changerequest_state_known", condition=Q(state__in=ChangeState.values)
            ),
            *[
                models.CheckConstraint(
                    name=f"changerequest_{step}_pair",
                    condition=together(Q(**{f"{step}_at__isnull": True}), Q(**{f"{step}_by__isnull": True})),
                )
                for step in ("submitted", "approved", "rejected", "started", "implemented", "closed")
            ],
            models.CheckConstraint(
                name="changerequest_approved_has_time",
                condition=together(Q(state__in=UNVOTED_STATES), Q(approved_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="changerequest_rejected_has_reason",
                condition=together(Q(state=ChangeState.REJECTED), Q(rejected_at__isnull=False))
                & together(Q(state=ChangeState.REJECTED), ~Q(rejection_reason="")),
            ),
            models.CheckConstraint(
                name="changerequest_implemented_has_date",
                condition=together(
                    Q(state__in=[ChangeState.IMPLEMENTED, ChangeState.CLOSED]),
                    Q(implemented_at__isnull=False),
                )
                & (Q(implemented_at__isnull=True) | Q(actual_implementation_date__isnull=False)),
            ),
            models.CheckConstraint(
                name="changerequest_implemented_is_tested",
                condition=Q(implemented_at__isnull=True) | Q(test_required=False) | ~Q(test_evidence=""),
            ),
            models.CheckConstraint(
                name="changerequest_closed_has_time",
                condition=together(Q(state=ChangeState.CLOSED), Q(closed_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="changerequest_can_be_rolled_back",
                condition=Q(state=ChangeState.DRAFT) | ~Q(rollback_plan=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.title}"

    @property
    def key(self) -> str:
        """The number as people say it: CR-003."""
        return f"CR-{self.number:03}"


class ChangeVote(TenantModel):
    """What one board member said of a change request. `voided_at`: an edit made it void."""

    change_request = models.ForeignKey(
        ChangeRequest, on_delete=models.PROTECT, related_name="votes", verbose_name=_("change request")
    )
    user = UserRef(verbose_name=_("board member"))
    vote = models.CharField(_("vote"), max_length=8, choices=Vote)
    reason = models.TextField(_("reason"), blank=True)
    created_at = models.DateTimeField(_("voted at"))
    voided_at = models.DateTimeField(_("void since"), null=True, blank=True)

    objects: ClassVar["TenantManager[ChangeVote]"] = TenantManager()

    class Meta:
        verbose_name = _("vote on a change request")
        verbose_name_plural = _("votes on change requests")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["change_request", "user"],
                name="changevote_one_valid",
                condition=Q(voided_at__isnull=True),
            ),
            models.CheckConstraint(name="changevote_known", condition=Q(vote__in=Vote.values)),
            models.CheckConstraint(
                name="changevote_rejection_has_reason", condition=~Q(vote=Vote.REJECT) | ~Q(reason="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.vote}"


class ChangeCounter(TenantModel):
    """The last number given to a change request: one row a tenant, locked until its transaction ends (no gaps)."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)  # type: ignore[assignment]  # elsewhere a UUID
    value = models.PositiveIntegerField(_("last number"))

    objects: ClassVar["TenantManager[ChangeCounter]"] = TenantManager()

    class Meta:
        verbose_name = _("counter of change requests")
        verbose_name_plural = _("counters of change requests")
        constraints = [models.CheckConstraint(name="changecounter_one_row", condition=Q(id=1))]

    def __str__(self) -> str:
        return str(self.value)

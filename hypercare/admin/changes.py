"""The tenant's console: change requests, what the board says of them, and their verbs."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.contrib.admin import SimpleListFilter, display, register
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from hypercare import services
from hypercare.admin.incidents import WORK, Cleaned, ProjectFilter
from hypercare.admin.looks import severity_badge
from hypercare.admin.stories import story_of
from hypercare.forms import ChangeForm, DraftForm, ImplementForm, RejectForm
from hypercare.models import ChangeRequest, ChangeVote
from hypercare.states import ChangeState, Vote
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.permissions import may, may_ever
from tenancy.web.admin import (
    Inline,
    Made,
    MemberFilter,
    ModelAdmin,
    Verb,
    actor_in,
    pill,
    tenant_site,
)
from tenancy.web.authentication import actor_of

STATE_TONES = {
    ChangeState.PENDING_APPROVAL: "soon",
    ChangeState.REJECTED: "late",
    ChangeState.IMPLEMENTED: "ok",
    ChangeState.CLOSED: "ok",
}
VOTE_TONES = {Vote.APPROVE: "ok", Vote.REJECT: "late"}


# ---- verbs ------------------------------------------------------------------------------------------------------


def _draft(row: None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    change = services.draft_change(**cleaned, by=by, now=now)
    return Made(_("%(key)s is drafted.") % {"key": change.key}, change)


def _edit(row: ChangeRequest, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.edit_change(change=row, **cleaned, by=by, now=now)
    return _("%(key)s is changed.") % {"key": row.key}


def _move(service: Callable[..., ChangeRequest]) -> Callable[..., str]:
    """The verb that calls `service` with what its form asks for."""

    def call(row: ChangeRequest, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
        given: Mapping[str, Any] = {name: value for name, value in cleaned.items() if value is not None}
        moved = service(change=row, **given, by=by, now=now)
        said = {"key": moved.key, "state": moved.get_state_display()}
        return _("%(key)s: %(state)s.") % said

    return call


# ---- lists ------------------------------------------------------------------------------------------------------


class VoteFilter(SimpleListFilter):
    """What waits for the actor's own vote."""

    title = _("my vote")
    parameter_name = "my_vote"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("due", _("waits for my vote"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        user_id = actor_of(request).user_id
        if self.value() != "due":
            return queryset
        return queryset.filter(services.waits_for_vote_of(user_id)) if user_id else queryset.none()


class RequesterFilter(MemberFilter):
    title = _("requested by")
    parameter_name = "requested_by"


class VoteInline(Inline):
    model = ChangeVote
    read_action = "change.read"
    verbose_name_plural = _("votes")
    fields = ["user", "said", "reason", "created_at", "voided_at"]
    readonly_fields = fields
    ordering = ["id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChangeVote]:
        return super().get_queryset(request).select_related("user", "change_request")

    @display(description=_("vote"))
    def said(self, row: ChangeVote) -> SafeString:
        return pill(row.get_vote_display(), "" if row.voided_at else VOTE_TONES[Vote(row.vote)])


@register(ChangeRequest, site=tenant_site)
class ChangeRequestAdmin(ModelAdmin):
    title = _("Change requests")
    icon = "published_with_changes"
    section = WORK
    place = 1
    read_action = "change.read"
    list_display = [
        "badge",
        "what",
        "standing",
        "votes",
        "affected_module",
        "asker",
        "planned",
    ]
    list_display_links = ["what"]
    list_filter = [VoteFilter, "state", "severity", "change_type", ProjectFilter, RequesterFilter]
    search_fields = ["title", "number", "affected_module"]
    search_help_text = _("A number, or words of the title")
    date_hierarchy = "created_at"
    change_form_outer_after_template = "console/timeline.html"
    inlines = [VoteInline]
    list_verbs = [
        Verb(
            "draft",
            _("New change request…"),
            "change.draft",
            _draft,
            DraftForm,
            "add",
            ActionVariant.PRIMARY,
            _("A draft: the board sees it to decide on when it is submitted."),
        )
    ]
    verbs = [
        Verb(
            "submit",
            _("Submit to the board"),
            "change.submit",
            _move(services.submit_change),
            icon="send",
            variant=ActionVariant.PRIMARY,
            explain=_("The members of the change board are asked by mail."),
        ),
        Verb(
            "approve",
            _("Approve"),
            "change.decide",
            _move(services.approve_change),
            icon="thumb_up",
            variant=ActionVariant.SUCCESS,
            explain=_("Your vote for it. It is approved when as many have approved as the project needs."),
        ),
        Verb(
            "reject",
            _("Reject…"),
            "change.decide",
            _move(services.reject_change),
            RejectForm,
            "thumb_down",
            ActionVariant.DANGER,
            _("One vote against it rejects it."),
        ),
        Verb(
            "start",
            _("Start"),
            "change.start",
            _move(services.start_change),
            icon="play_arrow",
            variant=ActionVariant.PRIMARY,
            explain=_("Work on what the board approved begins. It cannot be edited any more."),
        ),
        Verb(
            "implement",
            _("Implemented…"),
            "change.implement",
            _move(services.implement_change),
            ImplementForm,
            "task_alt",
            ActionVariant.SUCCESS,
        ),
        Verb(
            "close",
            _("Close"),
            "change.close",
            _move(services.close_change),
            icon="done_all",
            variant=ActionVariant.SUCCESS,
        ),
        Verb(
            "redraft",
            _("Make a draft again"),
            "change.change",
            _move(services.redraft_change),
            icon="undo",
            explain=_("What the board said stays written; the votes do not count any more."),
        ),
        Verb(
            "edit",
            _("Edit…"),
            "change.change",
            _edit,
            ChangeForm,
            "edit",
            explain=_("An edit makes the votes void; what was approved goes back to the board."),
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChangeRequest]:
        seen = ChangeRequest.objects.visible_to(actor_of(request), current_tenant())
        valid = Q(votes__vote=Vote.APPROVE, votes__voided_at=None)
        counted = seen.annotate(
            approvals=Count("votes", filter=valid, distinct=True), needed=F("project__change_quorum")
        )
        return counted.select_related("project", "requested_by", "approved_by", "rejected_by").order_by(
            "-number"
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """As the API searches: every word, and CR-003 by its number."""
        found = ChangeRequest.objects.search(search_term).values("pk")
        return (queryset.filter(pk__in=found) if search_term.strip() else queryset), False

    def get_fields(self, request: HttpRequest, obj: ChangeRequest | None = None) -> list[Any]:
        """What says something about this one: no empty rows for what has not happened."""
        if obj is None:
            return ["title"]
        fields: list[Any] = [
            ("badge", "standing"),
            ("project", "affected_module"),
            ("change_type", "votes"),
            ("asker", "created_at"),
            ("planned", "implemented"),
            "description",
            "impact_assessment",
            "rollback_plan",
            ("test_required", "test_evidence"),
            "incidents",
        ]
        if obj.approved_at:
            fields.append(("approved_by", "approved_at"))
        if obj.rejected_at:
            fields.append(("rejected_by", "rejection_reason"))
        return fields

    def get_readonly_fields(self, request: HttpRequest, obj: ChangeRequest | None = None) -> list[str]:
        shown = self.get_fields(request, obj)
        return [name for field in shown for name in ([field] if isinstance(field, str) else field)]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        extra = {} if row is None else self._story(row, actor_of(request))
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **extra})

    def _story(self, row: ChangeRequest, by: Actor) -> dict[str, Any]:
        events = list(services.change_timeline(change=row, by=by))
        return {"title": row.key, "subtitle": row.title, "timeline": story_of(events, by=by)}

    # -- who may what: the board's verbs depend on the row, not on the role alone

    def _require(self, verb: Verb, request: HttpRequest) -> Actor:
        actor = actor_in(request)
        if actor is None or not (may(actor, self.read_action) and may_ever(actor, verb.action)):
            raise PermissionDenied
        return actor

    def _filter_unfold_actions_by_permissions(
        self, request: HttpRequest, actions: list[Any], object_id: Any = None
    ) -> list[Any]:
        actor = actor_in(request)
        offered = [action for action in actions if actor and may_ever(actor, action.method.verb.action)]
        row = self.get_object(request, str(object_id)) if object_id is not None and offered else None
        if row is None or actor is None:
            return offered if object_id is None else []
        allowed = services.allowed_actions(
            row,
            by=actor,
            on_board=actor.user_id in services.board_of(row.project),
            has_voted=row.votes.filter(user=actor.user_id, voided_at=None).exists(),
        )
        return [action for action in offered if action.method.verb.name in allowed]

    # -- columns

    @display(description=_("priority"), ordering="severity")
    def badge(self, row: ChangeRequest) -> SafeString:
        return severity_badge(row.severity)

    @display(description=_("change request"), ordering="number")
    def what(self, row: ChangeRequest) -> SafeString:
        return format_html('<span class="hc-what">{}<small>{}</small></span>', row.title, row.key)

    @display(description=_("state"), ordering="state")
    def standing(self, row: ChangeRequest) -> SafeString:
        return pill(row.get_state_display(), STATE_TONES.get(ChangeState(row.state), ""))

    @display(description=_("approvals"))
    def votes(self, row: Any) -> str:
        return gettext("%(given)d of %(needed)d") % {"given": row.approvals, "needed": row.needed}

    @display(description=_("requested by"), ordering="requested_by__name")
    def asker(self, row: ChangeRequest) -> Any:
        return str(row.requested_by) if row.requested_by else _("the system")

    @display(description=_("planned for"), ordering="planned_implementation_date")
    def planned(self, row: ChangeRequest) -> str:
        return str(row.planned_implementation_date or "–")

    @display(description=_("implemented on"))
    def implemented(self, row: ChangeRequest) -> str:
        return str(row.actual_implementation_date or "–")

    @display(description=_("incidents"))
    def incidents(self, row: ChangeRequest) -> SafeString | str:
        links = ((f"../../../incident/{one.pk}/change/", one) for one in row.incidents.order_by("number"))
        return format_html_join(", ", '<a class="hc-what" href="{}">{}</a>', links) or "–"

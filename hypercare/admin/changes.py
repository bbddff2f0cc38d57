"""The tenant's console: change requests, and what the board says of them."""

from typing import Any

from django.contrib.admin import display, register
from django.core.exceptions import PermissionDenied
from django.db.models import Case, Count, F, Q, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from hypercare import services
from hypercare.admin.boards import board_in_words
from hypercare.admin.change_verbs import LIST_VERBS, VERBS
from hypercare.admin.filters import ModuleFilter, ProjectFilter, RequesterFilter, VoteFilter
from hypercare.admin.incidents import WORK
from hypercare.admin.looks import severity_badge
from hypercare.admin.stories import story_of
from hypercare.models import ChangeRequest, ChangeVote
from hypercare.states import ChangeState, Vote
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.permissions import may, may_ever
from tenancy.web.admin import Inline, ModelAdmin, Verb, actor_in, pill, tenant_site
from tenancy.web.authentication import actor_of

STATE_TONES = {
    ChangeState.PENDING_APPROVAL: "soon",
    ChangeState.REJECTED: "late",
    ChangeState.IMPLEMENTED: "ok",
    ChangeState.CLOSED: "ok",
}
VOTE_TONES = {Vote.APPROVE: "ok", Vote.REJECT: "late"}


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
    list_filter = [
        VoteFilter,
        "state",
        "severity",
        "change_type",
        ProjectFilter,
        ModuleFilter,
        RequesterFilter,
        "planned_implementation_date",
    ]
    empty = _("Nothing has been asked to be changed yet.")
    search_fields = ["title", "number", "affected_module"]
    search_help_text = _("A number, or words of the title")
    date_hierarchy = "created_at"
    change_form_before_template = "console/change_board.html"
    change_form_outer_after_template = "console/timeline.html"
    list_verbs = LIST_VERBS
    verbs = VERBS

    def get_inlines(self, request: HttpRequest, obj: ChangeRequest | None = None) -> list[Any]:
        """The votes, once there are any: before, the page says who can vote."""
        return [VoteInline] if obj is not None and obj.votes.exists() else []

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChangeRequest]:
        seen = ChangeRequest.objects.visible_to(actor_of(request), current_tenant())
        valid = Q(votes__vote=Vote.APPROVE, votes__voided_at=None)
        user_id = actor_of(request).user_id
        is_due = services.waits_for_vote_of(user_id) if user_id else Q(pk__isnull=True)
        counted = seen.annotate(
            approvals=Count("votes", filter=valid, distinct=True),
            needed=F("project__change_quorum"),
            waits_for_me=Case(When(is_due, then=Value(True)), default=Value(False)),
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
        return {
            "title": row.key,
            "subtitle": row.title,
            "board": board_in_words(row, by),
            "timeline": story_of(events, by=by),
        }

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
        if object_id is None or not offered:
            return offered
        row = self.get_object(request, str(object_id))
        return [action for action in offered if row is not None and action.method.verb.available(row)]

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

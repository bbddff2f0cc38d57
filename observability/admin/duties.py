"""Who hears of alerts, and when nobody does: duties and silences."""

from datetime import datetime
from typing import Any

from django.contrib.admin import SimpleListFilter, display, register
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from observability import services
from observability.forms.alerts import ANY, DutyForm, SilenceForm
from observability.messages import whose
from observability.models import Duty, Silence
from observability.states import Owner
from tenancy.actors import Actor
from tenancy.admin.filters import OfTenant
from tenancy.admin.sections import MACHINERY, Cleaned
from tenancy.web.admin import Made, ModelAdmin, Verb, moment, pill, public_site


def _silence(row: None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    made = services.silence(
        rule="" if cleaned["rule"] == ANY else cleaned["rule"],
        tenant=cleaned["tenant"],
        ends_at=cleaned["ends_at"],
        reason=cleaned["reason"],
        by=by,
        now=now,
    )
    until = timezone.localtime(made.ends_at).strftime("%Y-%m-%d %H:%M")
    return Made(_("Nobody is told until %(until)s. It goes on being counted.") % {"until": until}, made)


def _end(row: Silence, cleaned: Cleaned, *, by: Actor, now: datetime) -> str:
    services.end_silence(silence=row, by=by, now=now)
    return str(_("The silence has ended. What is still in breach is told within a minute."))


def _is_live(row: Silence, now: datetime) -> bool:
    return row.ended_at is None and row.starts_at <= now < row.ends_at


class SilenceFilter(SimpleListFilter):
    title = _("state")
    parameter_name = "live"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("in force")), ("no", _("ended"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        live = services.is_live(timezone.now())
        return {"yes": queryset.filter(live), "no": queryset.exclude(live)}.get(self.value() or "", queryset)


@register(Silence, site=public_site)
class SilenceAdmin(ModelAdmin):
    title = _("Silences")
    icon = "notifications_off"
    section = MACHINERY
    read_action = "alert.read"
    list_display = ["what", "whose", "standing", "until", "reason", "created_by"]
    list_filter = [SilenceFilter, ("tenant", OfTenant)]
    list_filter_submit = True
    list_select_related = ["tenant", "created_by"]
    search_fields = ["rule", "reason", "tenant__slug"]
    ordering = ["-ends_at", "-id"]
    empty = _("Nothing is silenced: every alert is told.")
    fields = [("what", "whose"), ("standing", "reason"), ("began", "until"), ("created_by", "ended")]
    list_verbs = [
        Verb(
            "silence",
            _("Silence…"),
            "alert.silence",
            _silence,
            SilenceForm,
            "add",
            ActionVariant.PRIMARY,
            _("Nobody is told until the end that you give. It goes on being counted."),
        )
    ]
    verbs = [
        Verb(
            "end",
            _("End now…"),
            "alert.silence",
            _end,
            icon="notifications_active",
            variant=ActionVariant.PRIMARY,
            explain=_("What is still in breach is told within a minute."),
            available=lambda row: _is_live(row, timezone.now()),
        )
    ]

    @display(description=_("rule"), ordering="rule")
    def what(self, row: Silence) -> str:
        return row.rule or gettext("every rule")

    @display(description=_("tenant"), ordering="tenant__name")
    def whose(self, row: Silence) -> str:
        return whose(row.tenant) if row.tenant else gettext("all tenants and the platform")

    @display(description=_("state"))
    def standing(self, row: Silence) -> SafeString:
        return pill(_("in force"), "soon") if _is_live(row, timezone.now()) else pill(_("ended"))

    @display(description=_("from"))
    def began(self, row: Silence) -> SafeString | str:
        return moment(row.starts_at)

    @display(description=_("until"), ordering="ends_at")
    def until(self, row: Silence) -> SafeString | str:
        return moment(row.ends_at)

    @display(description=_("ended early at"))
    def ended(self, row: Silence) -> SafeString | str:
        return moment(row.ended_at)


def _give(row: None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    duty = services.put_on_duty(user=cleaned["user"], owner=cleaned["owner"], by=by, now=now)
    said = {"name": duty.user.name, "duty": Owner(duty.owner).label}
    return Made(_("%(name)s hears of the alerts of “%(duty)s” from now on.") % said, duty)


def _take(row: Duty, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    services.take_off_duty(duty=row, by=by, now=now)
    said = {"name": row.user.name, "duty": Owner(row.owner).label}
    return Made(_("%(name)s hears of the alerts of “%(duty)s” no longer.") % said, None)


@register(Duty, site=public_site)
class DutyAdmin(ModelAdmin):
    title = _("On duty")
    icon = "support_agent"
    section = MACHINERY
    read_action = "duty.read"
    list_display = ["role", "user", "began", "reached"]
    list_display_links = ["user"]
    list_filter = ["owner"]
    list_select_related = ["user"]
    search_fields = ["user__name"]
    ordering = ["owner", "user__name", "id"]
    empty = _("Nobody is on duty: platform staff are mailed every alert. Give each duty to somebody.")
    fields = [("role", "user"), ("began", "reached")]
    list_verbs = [
        Verb("give", _("Put on duty…"), "duty.change", _give, DutyForm, "add", ActionVariant.PRIMARY)
    ]
    verbs = [
        Verb(
            "end",
            _("Take off duty…"),
            "duty.change",
            _take,
            icon="person_remove",
            variant=ActionVariant.WARNING,
            explain=_("If nobody is left on this duty, platform staff are mailed its alerts."),
        )
    ]

    @display(description=_("duty"), ordering="owner")
    def role(self, row: Duty) -> str:
        return str(row.get_owner_display())

    @display(description=_("since"), ordering="since")
    def began(self, row: Duty) -> SafeString | str:
        return moment(row.since)

    @display(description=_("told"))
    def reached(self, row: Duty) -> SafeString:
        """Somebody who left us keeps the row, and hears nothing."""
        if row.user.is_active and row.user.staff_role:
            return pill(_("by e-mail"), "ok")
        return pill(_("not at all: none of us any more"), "late")

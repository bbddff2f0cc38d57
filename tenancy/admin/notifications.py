"""What somebody wants to be told: everybody's own page."""

from datetime import datetime
from typing import Any

from django.contrib.admin import display, register
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from tenancy import services
from tenancy.actors import Actor
from tenancy.admin.scopes import scope_name
from tenancy.admin.sections import Cleaned
from tenancy.context import current_tenant
from tenancy.errors import NotAllowed
from tenancy.forms import DefaultPreferenceForm, ScopedPreferenceForm
from tenancy.models import Preference, User
from tenancy.web.admin import Made, ModelAdmin, Verb, tenant_site
from tenancy.web.authentication import actor_of


def _set(row: None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    preference = services.set_preference(
        user=_oneself(by), tenant=current_tenant(), **cleaned, by=by, now=now
    )
    return Made(str(_("Your notifications are set.")), preference)


def _clear(row: Preference, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    services.clear_preference(user=row.user, tenant=row.tenant, scope=row.scope, by=by, now=now)
    return Made(str(_("That is forgotten.")), None)


def _oneself(by: Actor) -> User:
    user = User.objects.filter(pk=by.user_id or 0).first()
    if user is None:
        raise NotAllowed(_("Everybody sets their own notifications."), code="not_yours")
    return user


@register(Preference, site=tenant_site)
class PreferenceAdmin(ModelAdmin):
    title = _("My notifications")
    icon = "notifications"
    read_action = "me.read"
    list_before_template = "console/notifications.html"
    list_display = ["project", "level", "quiet"]
    fields = [("project", "level"), "quiet"]
    list_verbs = [
        Verb(
            "default",
            _("Set for all projects…"),
            "me.change",
            _set,
            DefaultPreferenceForm,
            "tune",
            ActionVariant.PRIMARY,
            _(
                "Holds for every project that you set nothing for. Without it, you are told everything, always."
            ),
            button=_("Save"),
        ),
        Verb(
            "project",
            _("Set for a project…"),
            "me.change",
            _set,
            ScopedPreferenceForm,
            "add",
            button=_("Save"),
        ),
    ]
    verbs = [Verb("clear", _("Clear…"), "me.change", _clear, icon="backspace")]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Preference]:
        # Preferences are shared rows, and a colleague's are nobody's business.
        own = super().get_queryset(request).filter(tenant=current_tenant(), user=actor_of(request).user_id)
        return own.select_related("user", "tenant").annotate(scope_name=scope_name(request))

    @display(description=_("project"))
    def project(self, row: Any) -> str:
        name: str = row.scope_name
        return name

    @display(description=_("quiet hours"))
    def quiet(self, row: Preference) -> str:
        if row.quiet_from is None or row.quiet_until is None:
            return "–"
        return f"{row.quiet_from:%H:%M} – {row.quiet_until:%H:%M}"

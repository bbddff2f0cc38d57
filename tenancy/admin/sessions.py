"""Who is signed in, on which browser: everybody's own, and those of the people whom one looks after."""

import re
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, cast

from django.contrib.admin import display, register
from django.db.models import Case, Q, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.enums import ActionVariant

from tenancy import services
from tenancy.actors import Actor
from tenancy.admin.sections import PEOPLE, Cleaned
from tenancy.context import connection
from tenancy.models import Membership, Session
from tenancy.permissions import may
from tenancy.sessions import SessionStore
from tenancy.web.admin import Made, ModelAdmin, Verb, actor_in, moment, pill, public_site, tenant_site

METHODS = {
    "password": _("password"),
    "totp": _("app"),
    "recovery_codes": _("recovery code"),
    "mfa": _("code"),
}
# A browser also names those that it wants to be taken for: the first that is found here is what it is.
BROWSERS = [
    ("Edge", re.compile(r"Edg(?:A|iOS)?/(\d+)")),
    ("Opera", re.compile(r"OPR/(\d+)")),
    ("Samsung Internet", re.compile(r"SamsungBrowser/(\d+)")),
    ("Firefox", re.compile(r"(?:Firefox|FxiOS)/(\d+)")),
    ("Chrome", re.compile(r"(?:Chrome|CriOS)/(\d+)")),
    ("Safari", re.compile(r"Version/(\d+).*Safari/")),
]
SYSTEMS = [
    ("iOS", re.compile("iPhone|iPad")),
    ("Android", re.compile("Android")),
    ("Windows", re.compile("Windows")),
    ("macOS", re.compile("Mac OS X")),
    ("ChromeOS", re.compile("CrOS")),
    ("Linux", re.compile("Linux")),
]


def browser_of(user_agent: str) -> str:
    """Firefox 140 · Windows: what a browser says that it is, in short; as it says it if that is no known one."""
    names = [f"{name} {found[1]}" for name, pattern in BROWSERS if (found := pattern.search(user_agent))]
    systems = [name for name, pattern in SYSTEMS if pattern.search(user_agent)]
    return " · ".join([*names[:1], *systems[:1]]) if names else user_agent


def _end(row: Session, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
    services.end_session(session=row, by=by, now=now)
    return Made(_("%(name)s is signed out there.") % {"name": row.user}, None)


def _end_others(
    row: None, cleaned: Cleaned, *, by: Actor, now: datetime, user: Any = None, keep: str = ""
) -> Made:
    count = services.end_other_sessions(user=user, tenant=connection.tenant, keep=keep, by=by, now=now)
    said = ngettext("%(count)d browser is signed out.", "%(count)d browsers are signed out.", count)
    return Made(said % {"count": count}, None)


def _digest(request: HttpRequest) -> str:
    """What the table calls the session that asks."""
    return cast(SessionStore, request.session).digest


class AnySessionAdmin(ModelAdmin):
    """The sessions of this host. The table's keys are digests, so that nothing here opens a door."""

    title = _("Sessions")
    icon = "devices"
    section = PEOPLE
    place = 60
    read_action = "session.read"
    list_display = ["who", "this", "browser", "address", "seen", "began", "how"]
    search_fields = ["user__name", "user__email"]
    list_select_related = ["user", "tenant"]
    ordering = ["-seen_at", "session_key"]
    fields = [("who", "how"), ("seen", "address"), ("began", "until"), "browser", "says"]
    list_verbs = [
        Verb(
            "end-others",
            _("Sign out all my others…"),
            "session.end",
            _end_others,
            icon="logout",
            variant=ActionVariant.WARNING,
            explain=_("Every browser on which you are signed in here, but this one."),
        )
    ]
    verbs = [
        Verb(
            "end",
            _("Sign out…"),
            "session.end",
            _end,
            icon="logout",
            variant=ActionVariant.WARNING,
            explain=_("The browser is signed out with its next click."),
        )
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Session]:
        # Sessions are shared rows: the schema does not keep other tenants' out, this does.
        live = (
            super()
            .get_queryset(request)
            .filter(tenant=connection.tenant, user__isnull=False, expire_date__gt=timezone.now())
        )
        actor = actor_in(request)
        own = Q(user=actor.user_id if actor else None)
        others = self.others() if actor and may(actor, "session.end.any") else Q(pk__in=[])
        this = Case(When(pk=_digest(request), then=Value(True)), default=Value(False))
        return live.filter(own | others).select_related("user", "tenant").annotate(is_this=this)

    def others(self) -> Q:
        """Whose sessions those see who look after people here."""
        raise NotImplementedError

    def _ask(self, verb: Verb, request: HttpRequest, *, row: Any, actor: Actor) -> HttpResponse:
        if verb.name == "end-others":
            call = partial(_end_others, user=request.user, keep=_digest(request))
            verb = replace(verb, call=call)
        return super()._ask(verb, request, row=row, actor=actor)

    @display(description=_("person"), ordering="user__name")
    def who(self, row: Session) -> str:
        return str(row.user)

    @display(description=_("this one"))
    def this(self, row: Any) -> SafeString | str:
        return pill(_("this one"), "ok") if row.is_this else ""

    @display(description=_("browser"))
    def browser(self, row: Session) -> SafeString | str:
        if not row.user_agent:
            return "–"
        return format_html('<span title="{}">{}</span>', row.user_agent, browser_of(row.user_agent))

    @display(description=_("user agent"))
    def says(self, row: Session) -> str:
        return row.user_agent or "–"

    @display(description=_("last seen at"), ordering="seen_at")
    def seen(self, row: Session) -> SafeString | str:
        return moment(row.seen_at)

    @display(description=_("signed in at"), ordering="created_at")
    def began(self, row: Session) -> SafeString | str:
        return moment(row.created_at)

    @display(description=_("expires at"), ordering="expire_date")
    def until(self, row: Session) -> SafeString | str:
        return moment(row.expire_date)

    @display(description=_("signed in by"))
    def how(self, row: Session) -> str:
        return ", ".join(str(METHODS.get(method, method)) for method in row.methods.split()) or "–"


@register(Session, site=tenant_site)
class TenantSessionAdmin(AnySessionAdmin):
    def others(self) -> Q:
        members = Membership.objects.filter(tenant=connection.tenant)
        return Q(user__in=members.values("user"))


@register(Session, site=public_site)
class StaffSessionAdmin(AnySessionAdmin):
    def others(self) -> Q:
        return ~Q(user__staff_role="")

"""The console's base: two sites, and a ModelAdmin that shows rows and offers verbs, and never saves.

Every write is a `Verb`: a form, a right, and a service called with the actor and the time. Django's own add,
change and delete pages are closed; LogEntry stays empty, because history is the journal (architecture.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial, reduce
from operator import or_
from typing import Any, NoReturn
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.utils import quote, unquote
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Func, Model, Q, QuerySet, TextField
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin as UnfoldModelAdmin
from unfold.admin import TabularInline as UnfoldTabularInline
from unfold.enums import ActionVariant
from unfold.forms import AdminOwnPasswordChangeForm, AuthenticationForm
from unfold.sites import UnfoldAdminSite

from tenancy import services
from tenancy.access import Denied, resolve
from tenancy.actors import Actor
from tenancy.context import current_tenant, in_tenant
from tenancy.errors import Refusal
from tenancy.models import User
from tenancy.permissions import may
from tenancy.states import ActorKind, Role
from tenancy.transactions import ref
from tenancy.web.forms import VerbForm

BULK_LIMIT = 200
"""Most rows that one selection may change: as many as one page can show."""


SAID_ONE_BY_ONE = 5
"""A selection larger than this is told about in one line."""


class ConsoleWrites(RuntimeError):
    """The console tried to save a row itself. A defect of ours: verbs save, through services."""


# ---- who ------------------------------------------------------------------------------------------------------


def opens_console(actor: Actor | None) -> bool:
    """Whether the console of this host is for `actor`: staff in public, at least an agent in a tenant."""
    if actor is None:
        return False
    return actor.at_least(Role.AGENT) if in_tenant() else actor.kind == ActorKind.STAFF


def actor_in(request: HttpRequest) -> Actor | None:
    """The actor that the access middleware found, or None."""
    actor = getattr(request, "actor", None)
    return actor if isinstance(actor, Actor) else None  # the middleware's is lazy, and may hold None


def allowed(request: HttpRequest, action: str) -> bool:
    actor = actor_in(request)
    return actor is not None and may(actor, action)


class LoginForm(AuthenticationForm):
    """Email and password, for those whom the console of this host is for."""

    username = forms.EmailField(label=_("Email"), max_length=254)
    error_messages = {
        "invalid_login": _(
            "This email and password do not open %(place)s. Check both; if you are one of us, "
            "you also need a support grant that has not ended."
        ),
        "inactive": _("This account is switched off."),
        "not_for_you": _(
            "You are signed up in %(place)s, but its console is for the people who handle incidents."
        ),
    }

    def __init__(self, request: HttpRequest | None = None, *args: Any, **kwargs: Any):
        super().__init__(request, *args, **kwargs)
        self.fields["username"].widget.attrs |= {"autocomplete": "username", "inputmode": "email"}
        self.fields["password"].widget.attrs |= {"autocomplete": "current-password"}

    def confirm_login_allowed(self, user: Any) -> None:
        actor = resolve(user, self.request.tenant, now=timezone.now())
        if isinstance(actor, Denied) or not opens_console(actor):
            raise self._error("not_for_you")

    def get_invalid_login_error(self) -> ValidationError:
        return self._error("invalid_login")

    def _error(self, code: str) -> ValidationError:
        return ValidationError(self.error_messages[code], code=code, params={"place": place()})


def place() -> str:
    """What this host is called: the tenant's name, or the operations console."""
    return current_tenant().name if in_tenant() else str(_("the operations console"))


class ChangePassword(PasswordChangeView):
    """Django's page for one's own password, saved by our service."""

    form_class = AdminOwnPasswordChangeForm

    def form_valid(self, form: Any) -> HttpResponse:
        actor = actor_in(self.request)
        if actor is None:
            raise PermissionDenied
        try:
            services.set_password(
                user=form.user, password=form.cleaned_data["new_password1"], by=actor, now=timezone.now()
            )
        except Refusal as refusal:
            form.add_error(None, str(refusal))
            return self.form_invalid(form)
        update_session_auth_hash(self.request, form.user)
        return HttpResponseRedirect(str(self.get_success_url()))


# ---- sites ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of a site's first page: a template and what it shows."""

    template: str
    context: Callable[[HttpRequest], dict[str, Any]]


class ConsoleSite(UnfoldAdminSite):
    """One of our two sites. Both are called `admin` (Unfold's templates say so); each host has its own urlconf."""

    login_form = LoginForm
    index_template = "console/index.html"
    index_title = _("Overview")
    journal_url = ""

    def __init__(self) -> None:
        super().__init__("admin")
        self.panels: list[Panel] = []

    def show_first(self, template: str, context: Callable[[HttpRequest], dict[str, Any]]) -> None:
        """Add a part to the first page; the registry that higher apps fill."""
        self.panels.append(Panel(template, context))

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_authenticated and opens_console(actor_in(request))

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        actor = actor_in(request)
        return context | {
            "site_url": None,
            "styles": [static("console/console.css")],
            "under_grant": actor is not None and actor.kind == ActorKind.SUPPORT,
            "read_only": actor is not None and actor.read_only,
        }

    def get_urls(self) -> list[Any]:
        # `search` keeps results in the cache and `view_on_site` opens any row by its content type: neither here.
        return [
            url for url in super().get_urls() if getattr(url, "name", "") not in {"search", "view_on_site"}
        ]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        parts = [(panel.template, panel.context(request)) for panel in self.panels]
        return super().index(request, {**(extra_context or {}), "parts": parts})

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        request.current_app = self.name
        view = ChangePassword.as_view(
            success_url=reverse("admin:password_change_done"),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return view(request)

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """The side menu: each section's lists that the actor may read."""
        index = reverse("admin:index")
        first = {
            "title": _("Overview"),
            "icon": "space_dashboard",
            "link": index,
            "active": request.path == index,
        }
        groups: dict[Any, list[dict[str, Any]]] = {"": [first | {"has_permission": True}]}
        ours = [(model, admin) for model, admin in self._registry.items() if isinstance(admin, ModelAdmin)]
        for model, admin in sorted(ours, key=lambda pair: pair[1].place):
            if admin.has_view_permission(request):
                link = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
                item = {
                    "title": admin.title or model._meta.verbose_name_plural,
                    "icon": admin.icon,
                    "link": link,
                }
                groups.setdefault(admin.section, []).append(
                    item | {"active": request.path.startswith(link), "has_permission": True}
                )
        return [{"title": title, "items": items} for title, items in groups.items()]


class TenantSite(ConsoleSite):
    """The console on a tenant's host: for its agents and above, and for us under a grant."""

    settings_name = "UNFOLD"
    journal_url = "admin:journal_event_changelist"

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        return context | {
            "site_header": place(),
            "site_title": place(),
            "site_subheader": context["site_title"],
        }


class PublicSite(ConsoleSite):
    """The console on the public host: for staff."""

    settings_name = "UNFOLD_PUBLIC"
    journal_url = "admin:tenancy_operatorevent_changelist"


tenant_site = TenantSite()
public_site = PublicSite()


# ---- verbs ----------------------------------------------------------------------------------------------------


def _always(row: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Made:
    """What a verb says that made `row`: its page comes next."""

    said: str
    row: Model | None

    def __str__(self) -> str:
        return self.said


@dataclass(frozen=True, slots=True)
class Verb:
    """One service, offered as a button with a form.

    `call(row, cleaned, by=, now=)` runs the service and returns what happened, for people; a Refusal is shown
    in the form. `action` is the row of the permissions table. `available` hides the button where the state
    makes it pointless; the service still decides. `bulk` is the action that a selection needs besides.
    """

    name: str
    label: Any
    action: str
    call: Callable[..., str | Made]
    form: type[VerbForm] = VerbForm
    icon: str = ""
    variant: ActionVariant = ActionVariant.DEFAULT
    explain: Any = ""
    available: Callable[[Any], bool] = field(default=_always)
    bulk: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a verb did to a selection."""

    done: Sequence[str] = ()
    refused: Sequence[str] = ()


# ---- rows -----------------------------------------------------------------------------------------------------


class ReadOnly:
    """What an admin or an inline may show, by our table of role x action. Nothing may be added, changed, deleted."""

    read_action = ""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return allowed(request, self.read_action)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return allowed(request, self.read_action)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Inline(ReadOnly, UnfoldTabularInline):
    """Rows shown below their parent."""

    extra = 0
    max_num = 0
    can_delete = False
    hide_title = True


class ModelAdmin(ReadOnly, UnfoldModelAdmin):
    """A list and a page of rows, with verbs. Read-only: whatever would save raises ConsoleWrites."""

    title: Any = ""
    icon = "list"
    section: Any = ""
    place = 50
    """Where its section stands in the side menu; small comes first."""
    verbs: Sequence[Verb] = ()
    list_verbs: Sequence[Verb] = ()

    list_select_related: bool | Sequence[str] = ()
    list_per_page = 50
    list_max_show_all = BULK_LIMIT
    show_full_result_count = False
    list_filter_submit = False
    list_disable_select_all = True
    compressed_fields = True

    def __init__(self, model: type[Model], admin_site: Any):
        self.actions_row = self.actions_detail = tuple(
            self._offer(verb, self._row_verb) for verb in self.verbs
        )
        self.actions_list = tuple(self._offer(verb, self._list_verb) for verb in self.list_verbs)
        super().__init__(model, admin_site)

    def _offer(self, verb: Verb, view: Callable[..., HttpResponse]) -> str:
        """Make `verb` the page that Unfold looks for under its name."""
        page = partial(view, verb)
        about = {
            "verb": verb,
            "short_description": verb.label,
            "url_path": f"do/{verb.name}",
            "icon": verb.icon,
            "variant": verb.variant,
            "attrs": {},
        }
        for name, value in about.items():
            setattr(page, name, value)
        setattr(self, f"do_{verb.name}", page)
        return f"do_{verb.name}"

    def _filter_unfold_actions_by_permissions(
        self, request: HttpRequest, actions: list[Any], object_id: Any = None
    ) -> list[Any]:
        offered = [action for action in actions if allowed(request, action.method.verb.action)]
        if object_id is None or not offered:
            return offered
        row = self.get_object(request, unquote(str(object_id)))
        return [action for action in offered if row is not None and action.method.verb.available(row)]

    # -- verbs

    def _list_verb(self, verb: Verb, request: HttpRequest) -> HttpResponse:
        return self._ask(verb, request, row=None, actor=self._require(verb, request))

    def _row_verb(self, verb: Verb, request: HttpRequest, object_id: str) -> HttpResponse:
        actor = self._require(verb, request)
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        return self._ask(verb, request, row=row, actor=actor)

    def _home(self, row: Any) -> str:
        """The page of `row`; without one, the list."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        return reverse(f"{name}_change", args=[quote(row.pk)]) if row else reverse(f"{name}_changelist")

    def _require(self, verb: Verb, request: HttpRequest) -> Actor:
        actor = actor_in(request)
        if actor is None or not (may(actor, self.read_action) and may(actor, verb.action)):
            raise PermissionDenied
        return actor

    def _ask(self, verb: Verb, request: HttpRequest, *, row: Any, actor: Actor) -> HttpResponse:
        subjects = [row] if row else []
        form = verb.form(request.POST if request.method == "POST" else None, actor=actor, subjects=subjects)
        if form.is_valid():
            try:
                said = verb.call(row, form.cleaned_data, by=actor, now=timezone.now())
            except Refusal as refusal:
                form.refuse(refusal)
            else:
                messages.success(request, str(said))
                return HttpResponseRedirect(self._home(said.row if isinstance(said, Made) else row))
        return self._page(verb, request, form, subject=str(row) if row else "", back=self._home(row))

    def _selection_verb(
        self, verb: Verb, admin: Any, request: HttpRequest, queryset: QuerySet[Any]
    ) -> HttpResponse | None:
        actor = self._require(verb, request)
        rows = list(queryset[: BULK_LIMIT + 1])
        if len(rows) > BULK_LIMIT:
            messages.warning(request, _("Please select %(limit)s rows at most.") % {"limit": BULK_LIMIT})
            return None
        form = verb.form(request.POST if "apply" in request.POST else None, actor=actor, subjects=rows)
        if form.is_valid():
            self._tell(request, self._apply(verb, rows, form.cleaned_data, actor=actor))
            return None
        subject = ngettext("%(count)d selected", "%(count)d selected", len(rows)) % {"count": len(rows)}
        return self._page(verb, request, form, subject=subject, back=request.get_full_path(), rows=rows)

    def _apply(self, verb: Verb, rows: list[Any], cleaned: dict[str, Any], *, actor: Actor) -> Outcome:
        """One service call, so one transaction, per row: a refused row does not undo the others."""
        done, refused = [], []
        now = timezone.now()
        for row in rows:
            try:
                done.append(str(verb.call(row, cleaned, by=actor, now=now)))
            except Refusal as refusal:
                refused.append(f"{row}: {refusal}")
        return Outcome(done, refused)

    def _tell(self, request: HttpRequest, outcome: Outcome) -> None:
        if len(outcome.done) > SAID_ONE_BY_ONE:
            messages.success(request, _("%(count)d rows: done.") % {"count": len(outcome.done)})
        else:
            for said in outcome.done:
                messages.success(request, said)
        for why in outcome.refused:
            messages.warning(request, why)

    def _page(
        self,
        verb: Verb,
        request: HttpRequest,
        form: VerbForm,
        *,
        subject: str,
        back: str,
        rows: Sequence[Any] = (),
    ) -> TemplateResponse:
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": verb.label,
            "subtitle": subject,
            "verb": verb,
            "form": form,
            "button": str(verb.label).rstrip("…"),
            "back": back,
            "rows": rows,
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "danger": verb.variant is ActionVariant.DANGER,
        }
        status = 200 if not form.errors else 422
        return TemplateResponse(request, "console/verb.html", context, status=status)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        if IS_POPUP_VAR in request.GET:
            return {}
        bulk = [verb for verb in self.verbs if verb.bulk and self._may_bulk(verb, request)]
        return {verb.name: (partial(self._selection_verb, verb), verb.name, verb.label) for verb in bulk}

    def _may_bulk(self, verb: Verb, request: HttpRequest) -> bool:
        return allowed(request, verb.action) and allowed(request, verb.bulk)

    # -- lists

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if any("\0" in value for values in request.GET.lists() for value in (values[0], *values[1])):
            return HttpResponseRedirect(request.path)  # PostgreSQL has no NUL: nothing can match
        title = self.title or self.opts.verbose_name_plural
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Rows that hold every word in one of the search fields; "istanbul" finds "İSTANBUL"."""
        folded = {f"folded_{name}": Fold(name) for name in self.get_search_fields(request)}
        if folded and search_term.strip():
            queryset = queryset.alias(**folded)
            for word in search_term.split():
                found = [Q(**{f"{name}__contains": fold(word)}) for name in folded]
                queryset = queryset.filter(reduce(or_, found))
        return queryset, False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only what a filter offers: `?password__startswith=` is a way to read what no column shows."""
        roots = {self.date_hierarchy, "subject"}
        for item in self.get_list_filter(request) if request else self.list_filter:
            if isinstance(item, str):
                roots.add(item)
            elif isinstance(item, tuple | list):
                roots.add(item[0])
            else:
                roots.add(getattr(item, "parameter_name", None))
        return lookup in roots or lookup.split("__", 1)[0] in roots

    # -- pages

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return super().change_view(
            request, object_id, form_url, {"show_save": False, **(extra_context or {})}
        )

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> NoReturn:
        raise Http404

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The journal's lines about this row."""
        row = self.get_object(request, unquote(object_id))
        if row is None or not self.has_view_permission(request, row):
            raise Http404
        return HttpResponseRedirect(
            f"{reverse(self.admin_site.journal_url)}?{urlencode({'subject': ref(row)})}"
        )

    # -- what would write

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> NoReturn:
        raise ConsoleWrites(self._writes("save_model"))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> NoReturn:
        raise ConsoleWrites(self._writes("save_related"))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: Any) -> NoReturn:
        raise ConsoleWrites(self._writes("save_formset"))

    def delete_model(self, request: HttpRequest, obj: Any) -> NoReturn:
        raise ConsoleWrites(self._writes("delete_model"))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> NoReturn:
        raise ConsoleWrites(self._writes("delete_queryset"))

    def _writes(self, what: str) -> str:
        return f"{type(self).__name__}.{what}: the console saves through services"

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Nothing: history is the journal."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Nothing: history is the journal."""

    def log_deletion(self, request: HttpRequest, obj: Any, object_repr: str) -> None:
        """Nothing: history is the journal."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """Nothing: history is the journal."""


class MemberFilter(SimpleListFilter):
    """One of the current tenant's members. Subclasses name the UserRef in `parameter_name`."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        members = User.objects.filter(memberships__tenant=current_tenant())
        return [("none", _("nobody")), *((str(user.pk), user.name) for user in members)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        assert self.parameter_name
        if value == "none":
            return queryset.filter(**{f"{self.parameter_name}__isnull": True})
        if value is None:
            return queryset
        known = value in dict(self.lookup_choices)
        return queryset.filter(**{self.parameter_name: value}) if known else queryset.none()


class Fold(Func):
    """A text as it is searched: lower case, and all four Turkish letters i the same. `fold` is its twin."""

    function = "translate"
    template = "lower(translate(%(expressions)s::text, 'İIı', 'iii'))"
    output_field = TextField()


def fold(text: str) -> str:
    return text.translate(str.maketrans("İIı", "iii")).lower()


# ---- how things look ------------------------------------------------------------------------------------------


def pill(text: object, tone: str = "") -> SafeString:
    """A state in words; `tone` is ok, soon, late or empty for no colour."""
    return format_html('<span class="hc-pill {}">{}</span>', f"hc-{tone}" if tone else "", text)


def moment(value: datetime | None) -> SafeString | str:
    """A time in the viewer's zone, with UTC one step away."""
    if value is None:
        return "–"
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>',
        value.isoformat(),
        value.astimezone(UTC).strftime("%Y-%m-%d %H:%M"),
        local.strftime("%Y-%m-%d %H:%M"),
    )

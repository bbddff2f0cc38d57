"""Lists and pages of rows: shown, with verbs, never saved."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial, reduce
from http import HTTPStatus
from operator import or_
from typing import Any, NoReturn
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import display
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IS_POPUP_VAR, IncorrectLookupParameters
from django.contrib.admin.utils import display_for_field, label_for_field, lookup_field, quote, unquote
from django.contrib.admin.views.main import ALL_VAR, ORDER_VAR, PAGE_VAR, SEARCH_VAR
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import ForeignKey, Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin as UnfoldModelAdmin
from unfold.admin import TabularInline as UnfoldTabularInline
from unfold.admin import checkbox
from unfold.enums import ActionVariant

from tenancy.actors import Actor
from tenancy.context import current_tenant, in_tenant
from tenancy.errors import Refusal, Stale
from tenancy.permissions import may
from tenancy.transactions import ref
from tenancy.web.admin import edits
from tenancy.web.admin.lists import Fold, fold
from tenancy.web.admin.looks import words_of
from tenancy.web.admin.verbs import Made, Outcome, Verb
from tenancy.web.admin.who import actor_in, allowed
from tenancy.web.exports import ACTION as EXPORT
from tenancy.web.exports import WRITERS, Cell, file_of, is_cell
from tenancy.web.forms import VerbForm

NOT_NARROWING = {ORDER_VAR, PAGE_VAR, ALL_VAR}
"""Parameters of a list that leave no row out."""

LOOKUPS = {*("exact", "isnull", "in", "id", "pk"), *("gte", "lte", "gt", "lt", "year", "month", "day")}
"""What may follow a filter's name in an address: nothing that reads a related row, nor the beginning of a text."""


TICK = re.sub('aria-label="[^"]*"', 'aria-label="{label}"', checkbox.render(ACTION_CHECKBOX_NAME, "{key}"))
"""A row's checkbox, rendered once: the widget takes longer than all the rest of a row."""


class ConsoleWrites(RuntimeError):
    """The console tried to save a row itself. A defect of ours: verbs save, through services."""


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
    empty: Any = _("Nothing is here yet.")
    """What the list says while it has no rows."""
    verbs: Sequence[Verb] = ()
    list_verbs: Sequence[Verb] = ()

    list_select_related: bool | Sequence[str] = ()
    list_per_page = settings.THRESHOLDS.console.PAGE_ROWS
    list_max_show_all = settings.THRESHOLDS.console.BULK_ROWS
    list_before_template = "console/above_list.html"
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

    def _title(self) -> Any:
        """What the list is called, in the side menu and above it."""
        return self.title or self.opts.verbose_name_plural

    def _require(self, verb: Verb, request: HttpRequest) -> Actor:
        actor = actor_in(request)
        if actor is None or not (may(actor, self.read_action) and may(actor, verb.action)):
            raise PermissionDenied
        return actor

    def _ask(self, verb: Verb, request: HttpRequest, *, row: Any, actor: Actor) -> HttpResponse:
        subjects = [row] if row else []
        form = self._form(
            verb, request, request.POST if request.method == "POST" else None, actor=actor, subjects=subjects
        )
        carried, afresh, status = row, False, None
        if form.is_valid():
            now = timezone.now()
            try:
                done = edits.once(
                    request, lambda: self._do(verb, request, row, form, now=now), by=actor, now=now
                )
            except Stale:
                carried, afresh, status = self._again(verb, request, row, form), True, HTTPStatus.CONFLICT
            except Refusal as refusal:
                form.refuse(refusal)
            else:
                messages.success(request, done.said)
                return HttpResponseRedirect(done.to)
        carries = edits.hidden(request, form, carried, afresh=afresh) if verb.versioned and row else {}
        subject = str(row) if row else ""
        return self._page(
            verb, request, form, subject=subject, back=self._home(row), carries=carries, status=status
        )

    def _form(
        self, verb: Verb, request: HttpRequest, data: Any, *, actor: Actor, subjects: Sequence[Any]
    ) -> VerbForm:
        form = verb.form(data, actor=actor, subjects=subjects)
        form.files = request.FILES
        form.initial.update({name: request.GET[name] for name in form.from_address if name in request.GET})
        return form

    def _do(self, verb: Verb, request: HttpRequest, row: Any, form: VerbForm, *, now: datetime) -> edits.Done:
        of_which = {"version": edits.version_of(request)} if verb.versioned and row else {}
        said = verb.call(row, form.cleaned_data, by=form.actor, now=now, **of_which)
        if isinstance(said, Made):
            return edits.Done(str(said), said.to or self._home(said.row))
        return edits.Done(str(said), self._home(row))

    def _again(self, verb: Verb, request: HttpRequest, row: Any, form: VerbForm) -> Any:
        """The row as it is now, with what others made of it beside the fields of `form`. Raises Http404."""
        is_now = self.get_object(request, str(row.pk))
        if is_now is None:
            raise Http404
        form.theirs = edits.theirs(request, is_now, verb.form(None, actor=form.actor, subjects=[is_now]))
        text = _(
            "Somebody changed this while you wrote. What you wrote is kept; save again to put it in place of theirs."
        )
        form.add_error(None, text)
        return is_now

    def _selection_verb(
        self, verb: Verb, admin: Any, request: HttpRequest, queryset: QuerySet[Any]
    ) -> HttpResponse | None:
        actor = self._require(verb, request)
        most = settings.THRESHOLDS.console.BULK_ROWS
        rows = list(queryset[: most + 1])
        if len(rows) > most:
            messages.warning(request, _("Please select %(limit)s rows at most.") % {"limit": most})
            return None
        self._miss(request, rows)
        if not rows:
            return None
        form = self._form(
            verb, request, request.POST if "apply" in request.POST else None, actor=actor, subjects=rows
        )
        if form.is_valid():
            self._tell(request, self._apply(verb, rows, form.cleaned_data, actor=actor))
            return None
        subject = ngettext("%(count)d selected", "%(count)d selected", len(rows)) % {"count": len(rows)}
        return self._page(verb, request, form, subject=subject, back=request.get_full_path(), rows=rows)

    def _miss(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Say how many of the selected rows this list does not show any more; nothing is done to them."""
        missing = len(set(request.POST.getlist(ACTION_CHECKBOX_NAME)) - {str(row.pk) for row in rows})
        if missing:
            text = ngettext(
                "%(count)d of the selected rows is not in this list any more: nothing was done to it.",
                "%(count)d of the selected rows are not in this list any more: nothing was done to them.",
                missing,
            )
            messages.warning(request, text % {"count": missing})

    def _apply(self, verb: Verb, rows: list[Any], cleaned: dict[str, Any], *, actor: Actor) -> Outcome:
        """One service call, so one transaction, per row: a refused row does not undo the others."""
        done: list[str] = []
        refused: dict[str, list[str]] = {}
        now = timezone.now()
        for row in rows:
            try:
                done.append(str(verb.call(row, cleaned, by=actor, now=now)))
            except Refusal as refusal:
                refused.setdefault(str(refusal), []).append(str(row))
        return Outcome(done, [f"{', '.join(names)}: {why}" for why, names in refused.items()])

    def _tell(self, request: HttpRequest, outcome: Outcome) -> None:
        if len(outcome.done) > settings.THRESHOLDS.console.SAID_ONE_BY_ONE:
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
        carries: Mapping[str, str] | None = None,
        status: int | None = None,
    ) -> TemplateResponse:
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": verb.title,
            "list_title": self._title(),
            "subtitle": subject,
            "verb": verb,
            "form": form,
            "button": verb.says,
            "back": back,
            "rows": rows,
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "danger": verb.variant is ActionVariant.DANGER,
            "carries": {**(carries or {}), **({} if rows else {edits.ONCE: edits.new_key()})},
        }
        if status is None:
            status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
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
        if ACTION_CHECKBOX_NAME in request.POST:
            self._keep_keys(request)
        answer = super().changelist_view(request, {"title": self._title(), **(extra_context or {})})
        if isinstance(answer, TemplateResponse) and (context := answer.context_data) and "cl" in context:
            self._equip(request, context)
        return answer

    def _keep_keys(self, request: HttpRequest) -> None:
        """Drop from a posted selection what can be no key of a row."""
        posted = request.POST.copy()
        keys = [str(key) for key in posted.getlist(ACTION_CHECKBOX_NAME)]
        posted.setlist(ACTION_CHECKBOX_NAME, [key for key in keys if self._is_key(key)])
        request.POST = posted  # type: ignore[assignment]

    def _is_key(self, text: str) -> bool:
        try:
            self.opts.pk.clean(text, None)
        except ValidationError:
            return False
        return True

    def _equip(self, request: HttpRequest, context: dict[str, Any]) -> None:
        """Give a list its rows' menus, what stands above it, and what it says when it is empty."""
        page = context["cl"]
        verbs = [action.method.verb for action in self.get_actions_row(request)]
        offered = [(verb, str(verb.label)) for verb in verbs]
        base = self._home(None)
        for row in page.result_list:
            row.menu = self._menu(row, offered, base)
        page.is_narrowed = bool(set(page.params) - NOT_NARROWING)
        page.invites = next(iter(context.get("actions_list") or ()), None)
        page.empty = self.empty
        above = ((template, read(request, self, page)) for template, read in self.admin_site.above_lists)
        context["above"] = [(template, part) for template, part in above if part is not None]
        context["exports"] = self._exports(request) if page.result_list else []

    def _menu(self, row: Any, offered: Sequence[tuple[Verb, str]], base: str) -> list[dict[str, str]]:
        """What `row` offers in its state, of what the actor may do; asks the database nothing."""
        key = quote(row.pk)
        return [
            {"title": label, "icon": verb.icon, "url": f"{base}{key}/do/{verb.name}/"}
            for verb, label in offered
            if verb.available(row)
        ]

    @display(description=mark_safe(checkbox.render("action_toggle_all", 1)))  # noqa: S308 - a widget's own
    def action_checkbox(self, obj: Model) -> SafeString:
        return format_html(TICK, key=obj.pk, label=obj)

    # -- lists as files

    def get_custom_urls(self) -> tuple[tuple[str, str, Any], ...]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        return (*super().get_custom_urls(), ("export/<str:kind>/", name, self._export))

    def _exports(self, request: HttpRequest) -> list[tuple[str, str]]:
        """The files that this list can be, and where each is had."""
        if not allowed(request, EXPORT):
            return []
        query = request.GET.copy()
        for name in (PAGE_VAR, ALL_VAR):
            query.pop(name, None)
        return [(kind, f"{self._home(None)}export/{kind}/?{query.urlencode()}") for kind in WRITERS]

    def _export(self, request: HttpRequest, kind: str, **_about: Any) -> HttpResponseBase:
        """The list as it is filtered and ordered, all of its pages, with the columns that it shows."""
        if not (self.has_view_permission(request) and allowed(request, EXPORT)):
            raise PermissionDenied
        if kind not in WRITERS:
            raise Http404
        listed = f"{self._home(None)}?{request.GET.urlencode()}"
        try:
            page = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(self._home(None))
        columns = [name for name in page.list_display if name != "action_checkbox"]
        heads = [str(label_for_field(name, self.model, self)) for name in columns]
        owner = current_tenant().slug if in_tenant() else "operations"
        name = f"{owner}-{self.opts.model_name}-{timezone.localdate():%Y-%m-%d}"
        try:
            return file_of(kind, page.queryset, heads, partial(self._cells, columns), name=name)
        except Refusal as refusal:
            messages.warning(request, str(refusal))
            return HttpResponseRedirect(listed)

    def _cells(self, columns: Sequence[str], rows: Sequence[Any]) -> Iterator[list[Cell]]:
        self.prepare(rows)
        for row in rows:
            yield [self._cell(name, row) for name in columns]

    def _cell(self, name: str, row: Any) -> Cell:
        field, _attribute, value = lookup_field(name, row, self)
        if field is None:
            return value if is_cell(value) else words_of(value)
        if isinstance(field, ForeignKey):
            return str(related) if (related := getattr(row, field.name)) is not None else None
        return value if is_cell(value) and not field.flatchoices else str(display_for_field(value, field, ""))

    def prepare(self, rows: Sequence[Any]) -> None:
        """Read what the columns of these rows need besides, all at once."""

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        page = super().get_changelist_instance(request)
        self.prepare(page.result_list)
        return page

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

    def knows(self, parameter: str, value: str) -> bool:
        """Whether the list's address may have this parameter."""
        return parameter in (SEARCH_VAR, ORDER_VAR) or self.lookup_allowed(parameter, value)

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
        return any(
            lookup == root or (lookup.startswith(f"{root}__") and set(lookup.split("__")[1:]) <= LOOKUPS)
            for root in roots
        )

    # -- pages

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return super().change_view(
            request,
            object_id,
            form_url,
            {
                "show_save": False,
                "title": self._title(),
                "list_title": self._title(),
                **(extra_context or {}),
            },
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

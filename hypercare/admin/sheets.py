"""Importing sheets: a file, each row through the service that would write it, all of them or none."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import Any
from urllib.parse import urlencode

from django.http import FileResponse, HttpRequest
from django.urls import reverse
from django.utils import formats
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from hypercare import services
from hypercare.forms.sheets import BacklogSheetForm, IncidentSheetForm, MemberSheetForm, SheetForm
from hypercare.models import Project
from tenancy.actors import Actor
from tenancy.context import current_tenant
from tenancy.errors import Invalid
from tenancy.models import User
from tenancy.web.admin import Made, Page, Verb, tenant_site
from tenancy.web.exports import RENDERERS, write_xlsx

Cleaned = Mapping[str, Any]
Write = Callable[[dict[str, Any]], object]


def _bring(writer: Callable[..., Write], form: type[SheetForm], listed: str) -> Callable[..., Made]:
    """A verb's call: bring in the sheet's lines with what `writer` makes of the project, `by` and `now`."""

    def bring(row: None, cleaned: Cleaned, *, by: Actor, now: datetime) -> Made:
        only_check = cleaned["only_check"]
        write = writer(cleaned["project"], by=by, now=now)
        count = services.bring_in(cleaned["lines"], write, columns=form.columns, only_check=only_check)
        said = (
            ngettext(
                "%(count)d row is in order. Nothing is written yet.",
                "%(count)d rows are in order. Nothing is written yet.",
                count,
            )
            if only_check
            else ngettext("%(count)d row is brought in.", "%(count)d rows are brought in.", count)
        ) % {"count": count}
        if cleaned["left_out"]:
            columns = ", ".join(cleaned["left_out"])
            said += " " + gettext("Left out: %(columns)s.") % {"columns": columns}
        again = f"{reverse(f'admin:{listed}_do_import')}?{urlencode({'project': cleaned['project'].pk})}"
        return Made(said, None, to=again if only_check else "")

    return bring


def _incident(project: Project, *, by: Actor, now: datetime) -> Write:
    def write(line: dict[str, Any]) -> None:
        given = {name: value for name, value in line.items() if value not in (None, "")}
        day = given.pop("reported_on", None)
        if day is not None:
            # The clocks run from now: from the day of a sheet, all would be breached at once.
            reported = gettext("Reported on %(day)s.") % {"day": formats.date_format(day)}
            given["description"] = "\n\n".join(filter(None, [reported, given.get("description")]))
        services.report_incident(project=project, **given, by=by, now=now)

    return write


def _backlog_item(project: Project, *, by: Actor, now: datetime) -> Write:
    return lambda line: services.create_backlog_item(project=project, **line, by=by, now=now)


def _member(project: Project, *, by: Actor, now: datetime) -> Write:
    members = User.objects.filter(memberships__tenant=current_tenant()).values_list("email", "pk")
    known = {email.casefold(): pk for email, pk in members}

    def write(line: dict[str, Any]) -> None:
        user_id = known.get(line["email"].casefold())
        if user_id is None:
            text = _("Not a member here.")
            raise Invalid(text, fields={"email": [text]})
        services.add_member(
            project=project,
            user_id=user_id,
            support_level=line["support_level"] or None,
            is_board_member=line["is_board_member"],
            by=by,
            now=now,
        )

    return write


def _verb(
    action: str, form: type[SheetForm], writer: Callable[..., Write], listed: str, explain: Any
) -> Verb:
    call = _bring(writer, form, listed)
    return Verb("import", _("Import…"), action, call, form, "upload_file", explain=explain)


IMPORT_INCIDENTS = _verb(
    "incident.report",
    IncidentSheetForm,
    _incident,
    "hypercare_incident",
    _(
        "Reports an incident for each row. Their clocks start now; the day of the report goes into the description."
    ),
)
"""For the list of incidents."""

IMPORT_BACKLOG_ITEMS = _verb(
    "backlog_item.change",
    BacklogSheetForm,
    _backlog_item,
    "hypercare_backlogitem",
    _("Writes down a WRICEF object for each row of a sheet."),
)
"""For the list of backlog items."""

IMPORT_MEMBERS = _verb(
    "project_member.change",
    MemberSheetForm,
    _member,
    "hypercare_project",
    _("Puts a member of this tenant on the project for each row of a sheet."),
)
"""For the list of projects."""


def _empty_sheet(form: type[SheetForm], request: HttpRequest) -> FileResponse:
    """The sheet's headings, in the reader's language, as a workbook."""
    file = SpooledTemporaryFile()  # noqa: SIM115 - the answer closes it
    write_xlsx(file, [str(column.label) for column in form.columns], [])
    file.seek(0)
    media = RENDERERS["xlsx"].media_type
    return FileResponse(file, as_attachment=True, filename=f"{form.template_of}.xlsx", content_type=media)


OF_SHEETS: tuple[tuple[Verb, type[SheetForm]], ...] = (
    (IMPORT_INCIDENTS, IncidentSheetForm),
    (IMPORT_BACKLOG_ITEMS, BacklogSheetForm),
    (IMPORT_MEMBERS, MemberSheetForm),
)
for verb, form in OF_SHEETS:
    tenant_site.add_page(
        Page(
            path=f"sheets/{form.template_of}",
            title=_("Empty sheet"),
            icon="upload_file",
            section="",
            place=0,
            action=verb.action,
            view=partial(_empty_sheet, form),
            in_menu=False,
        )
    )

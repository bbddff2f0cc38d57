"""What an import asks for, and what each row of its sheet must be."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from hypercare import services
from hypercare.forms.fields import ProjectField
from hypercare.rules import LONG_TEXT, fold
from hypercare.services import Column
from hypercare.states import Severity, SupportLevel, WorkItemKind
from tenancy.errors import Invalid
from tenancy.web.forms import VerbForm

DATE_FORMATS = ["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M"]
YES = {"yes", "y", "true", "1", "x", "evet", "e", "dogru", "var"}
NO = {"", "no", "n", "false", "0", "-", "hayir", "h", "yanlis", "yok"}


class WordField(forms.ChoiceField):
    """One of a few words: its value, or what it is called in any of our languages."""

    def to_python(self, value: Any) -> str:
        return self._spellings().get(fold(str(value or "")), str(value or ""))

    def _spellings(self) -> dict[str, str]:
        choices: list[tuple[Any, Any]] = list(self.widget.choices)
        known = {fold(str(value)): str(value) for value, _label in choices}
        for code, _name in settings.LANGUAGES:
            with translation.override(code):
                known |= {fold(str(label)): str(value) for value, label in choices}
        return known


class YesNoField(forms.CharField):
    """yes, no, or empty for no, in both languages."""

    def clean(self, value: Any) -> bool:
        word = fold(str(value or ""))
        if word not in YES | NO:
            raise ValidationError(_("Write yes or no."))
        return word in YES


class IncidentLine(forms.Form):
    title = forms.CharField(max_length=255)
    severity = WordField(choices=Severity.choices, required=False)
    affected_module = forms.CharField(max_length=20, required=False)
    description = forms.CharField(max_length=LONG_TEXT, required=False)
    reported_on = forms.DateField(input_formats=DATE_FORMATS, required=False)


class BacklogItemLine(forms.Form):
    kind = WordField(choices=WorkItemKind.choices)
    key = forms.CharField(max_length=40)
    title = forms.CharField(max_length=255)
    url = forms.URLField(required=False, assume_scheme="https")


class MemberLine(forms.Form):
    email = forms.EmailField()
    support_level = WordField(choices=[("", "–"), *SupportLevel.choices], required=False)
    is_board_member = YesNoField(required=False)


class SheetForm(VerbForm):
    """A file, the project that it is for, and whether it is only looked at.

    Cleaned, it has `lines`: the number and the cleaned row of each, for `services.bring_in`, and `left_out`.
    """

    help_template = "console/sheet_help.html"
    from_address = ("project", "only_check")
    columns: Sequence[Column] = ()
    line: type[forms.Form]
    template_of = ""
    """The last part of the address that its empty sheet is downloaded from."""

    project = ProjectField(label=_("Project"))
    file = forms.FileField(
        label=_("Sheet"),
        help_text=_("XLSX or CSV. The first row has the headings."),
        widget=forms.FileInput(attrs={"accept": ".xlsx,.csv,.txt"}),
    )
    only_check = forms.BooleanField(
        label=_("Only check"), required=False, help_text=_("Says what would happen, and writes nothing.")
    )

    @property
    def template_url(self) -> str:
        return reverse(f"admin:sheets_{self.template_of}")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        file = cleaned.get("file")
        if file is not None:
            try:
                cleaned |= self._read(file)
            except Invalid as refusal:
                for why in refusal.fields["file"]:
                    self.add_error("file", str(why))
        return cleaned

    def _read(self, file: Any) -> dict[str, Any]:
        """Raises Invalid."""
        most = settings.THRESHOLDS.sheets.MOST_BYTES
        sheet = services.read_sheet(file.read(most + 1), self.columns)
        lines, refused = [], []
        for number, cells in sheet.lines:
            row = self.line(cells)
            if row.is_valid():
                lines.append((number, row.cleaned_data))
            else:
                errors = {("" if name == "__all__" else name): why for name, why in row.errors.items()}
                refused += services.told(number, errors, self.columns)
        if refused:
            raise services.refuse_lines(refused)
        return {"lines": lines, "left_out": sheet.left_out}


class IncidentSheetForm(SheetForm):
    line = IncidentLine
    template_of = "incidents"
    columns = [
        Column("title", _("Title"), ("Başlık", "Konu", "Özet", "Summary", "Subject"), required=True),
        Column("severity", _("Severity"), ("Önem derecesi", "Önem", "Öncelik", "Priority")),
        Column("affected_module", _("Module"), ("Modül",)),
        Column("description", _("Description"), ("Açıklama", "Tanım", "Details", "Detay")),
        Column(
            "reported_on",
            _("Reported on"),
            ("Bildirim tarihi", "Bildirildiği gün", "Tarih", "Date", "Açılış tarihi"),
        ),
    ]


class BacklogSheetForm(SheetForm):
    line = BacklogItemLine
    template_of = "backlog"
    columns = [
        Column("kind", _("Kind"), ("Tür", "Tip", "Type", "WRICEF"), required=True),
        Column("key", _("Key"), ("Anahtar", "Kod", "No", "ID", "Code"), required=True),
        Column("title", _("Title"), ("Başlık", "Konu", "Ad", "Name"), required=True),
        Column("url", _("Address"), ("Adres", "Bağlantı", "Link", "URL")),
    ]


class MemberSheetForm(SheetForm):
    line = MemberLine
    template_of = "members"
    columns = [
        Column("email", _("Email"), ("E-posta", "E-mail", "Mail"), required=True),
        Column("support_level", _("Support level"), ("Destek seviyesi", "Seviye", "Level")),
        Column("is_board_member", _("On the change board"), ("Değişiklik kurulunda", "Kurul", "Board")),
    ]

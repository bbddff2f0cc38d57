"""What the pages of signing in ask for, in the console's looks."""

from typing import Any, cast

from allauth.core import context
from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import INPUT_CLASSES

from tenancy.models import User
from tenancy.web.sign_in.adapters import AccountAdapter
from tenancy.web.sign_in.factors import CodeAgainForm, CodeForm


def _dress(form: forms.Form, **attrs: Any) -> None:
    for field in form.fields.values():
        field.widget.attrs |= {"class": " ".join(INPUT_CLASSES), **attrs}
        field.widget.attrs.pop("placeholder", None)


def _code_looks(form: forms.Form) -> None:
    _dress(form, autocomplete="one-time-code", inputmode="numeric", autofocus=True, maxlength=20)
    form.fields["code"].label = _("Code")
    form.fields["code"].help_text = _("Six digits from your authenticator app, or a recovery code.")


class CodePageForm(CodeForm):
    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        _code_looks(self)


class CodeAgainPageForm(CodeAgainForm):
    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        _code_looks(self)


class EnrolPageForm(forms.Form):
    code = forms.CharField(
        label=_("Code"), max_length=20, help_text=_("The six digits that the app shows now.")
    )

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        _dress(self, autocomplete="one-time-code", inputmode="numeric")


class PasswordAgainForm(forms.Form):
    password = forms.CharField(label=_("Password"), strip=False, widget=forms.PasswordInput)

    def __init__(self, *args: Any, user: User, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.user = user
        _dress(self, autocomplete="current-password", autofocus=True)

    def clean_password(self) -> str:
        password = cast(str, self.cleaned_data["password"])
        if not AccountAdapter(context.request).reauthenticate(self.user, password):
            raise ValidationError(_("This is not your password."), code="incorrect_password")
        return password


class EmailForm(forms.Form):
    email = forms.EmailField(label=_("Email"), max_length=254)

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        _dress(self, autocomplete="username", inputmode="email", autofocus=True)


class NewPasswordForm(forms.Form):
    """A password twice; the service judges it once more."""

    password = forms.CharField(label=_("New password"), strip=False, widget=forms.PasswordInput)
    again = forms.CharField(label=_("The same again"), strip=False, widget=forms.PasswordInput)

    def __init__(self, *args: Any, user: User, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.user = user
        _dress(self, autocomplete="new-password")
        self.fields["password"].help_text = " ".join(map(str, password_validators_help_texts()))

    def clean_password(self) -> str:
        password = cast(str, self.cleaned_data["password"])
        validate_password(password, self.user)
        return password

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "password" in cleaned and cleaned["password"] != cleaned.get("again"):
            self.add_error("again", _("The two passwords differ."))
        return cleaned

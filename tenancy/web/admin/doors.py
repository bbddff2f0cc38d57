"""How one signs in to a console, and changes one's password."""

from typing import Any

from django import forms
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.forms import AdminOwnPasswordChangeForm, AuthenticationForm

from tenancy import services
from tenancy.access import Denied, resolve
from tenancy.errors import Refusal
from tenancy.web.admin.who import actor_in, place


class LoginForm(AuthenticationForm):
    """Email and password, for those who have access here. Who is a customer goes on to the app."""

    username = forms.EmailField(label=_("Email"), max_length=254)
    error_messages = {
        "invalid_login": _(
            "This email and password do not open %(place)s. Check both; if you are one of us, "
            "you also need a support grant that has not ended."
        ),
        "inactive": _("This account is switched off."),
    }

    def __init__(self, request: HttpRequest | None = None, *args: Any, **kwargs: Any):
        super().__init__(request, *args, **kwargs)
        self.fields["username"].widget.attrs |= {"autocomplete": "username", "inputmode": "email"}
        self.fields["password"].widget.attrs |= {"autocomplete": "current-password"}

    def confirm_login_allowed(self, user: Any) -> None:
        if isinstance(resolve(user, self.request.tenant, now=timezone.now()), Denied):
            raise self.get_invalid_login_error()

    def get_invalid_login_error(self) -> ValidationError:
        code = "invalid_login"
        return ValidationError(self.error_messages[code], code=code, params={"place": place()})


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

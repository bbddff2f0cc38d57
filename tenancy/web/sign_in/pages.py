"""The pages of signing in, in the look of the console, on both hosts."""

from io import BytesIO
from typing import Any, cast
from urllib.parse import urlencode

import qrcode
from allauth.account.internal.flows.login import perform_password_login
from allauth.account.internal.flows.reauthentication import reauthenticate_by_password
from allauth.account.internal.stagekit import clear_login
from allauth.account.models import Login
from allauth.account.stages import LoginStageController
from allauth.mfa.stages import AuthenticateStage
from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.contrib.auth.views import LoginView, RedirectURLMixin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView
from qrcode.image.svg import SvgPathImage

from tenancy import services
from tenancy.access import Denied, resolve
from tenancy.actors import Actor
from tenancy.context import in_tenant
from tenancy.deliveries import base_url
from tenancy.errors import NotFound, Refusal
from tenancy.models import User
from tenancy.web.admin import public_site, tenant_site
from tenancy.web.admin.doors import LoginForm
from tenancy.web.admin.who import opens_console
from tenancy.web.authentication import Scoped, access_of
from tenancy.web.problems import answer
from tenancy.web.sign_in import factors
from tenancy.web.sign_in.forms import (
    CodeAgainPageForm,
    CodePageForm,
    EmailForm,
    EnrolPageForm,
    NewPasswordForm,
    PasswordAgainForm,
)


def _looks(request: HttpRequest) -> dict[str, Any]:
    """What the layout of the console needs."""
    site = tenant_site if in_tenant() else public_site
    request.current_app = site.name
    return site.each_context(request)


class Page(RedirectURLMixin):
    """A page without the console's menu. `next` leads on, on this host only."""

    request: HttpRequest
    title: Any = ""
    next_page = "/"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        inherited = super().get_context_data(**kwargs)  # type: ignore[misc]  # beside a view
        about = {"title": self.title, REDIRECT_FIELD_NAME: self.get_redirect_url()}
        return {**_looks(self.request), **inherited, **about}

    def _to(self, name: str) -> HttpResponseRedirect:
        """To another of these pages, and from there to where this one leads."""
        return HttpResponseRedirect(
            f"{reverse(name)}?{urlencode({REDIRECT_FIELD_NAME: self.get_success_url()})}"
        )


@method_decorator([never_cache, sensitive_post_parameters("password")], name="dispatch")
class SignIn(Page, LoginView):
    """Email and password. Who has a second factor is asked for a code next; one of us without one sets it up."""

    template_name = "admin/login.html"
    authentication_form = LoginForm
    title = _("Sign in")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "app_path": self.request.get_full_path()}

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        access = access_of(request)
        if isinstance(access, Denied) and access.code == "mfa_required":
            return self._to("second_factor")
        if (tenant_site if in_tenant() else public_site).has_permission(request):
            return HttpResponseRedirect(self.get_success_url())
        if in_tenant() and isinstance(access, Actor):
            return HttpResponseRedirect(self._where_for(access))
        return super().get(request, *args, **kwargs)

    def get_default_redirect_url(self) -> str:
        return reverse("admin:index")

    def _where_for(self, access: Actor | Denied) -> str:
        """Where this page leads; a customer, whom the console is not for, is led from there to the app."""
        where = self.get_success_url()
        is_theirs = isinstance(access, Denied) or opens_console(access)
        return where if is_theirs or not where.startswith(reverse("admin:index")) else reverse("home")

    def form_valid(self, form: Any) -> HttpResponse:
        user = form.get_user()
        if self.request.user.is_authenticated:
            logout(self.request)
        clear_login(self.request)
        access = resolve(user, cast(Scoped, self.request).tenant, now=timezone.now())
        login = Login(user=user, email=user.email, redirect_url=self._where_for(access))
        return cast(HttpResponse, perform_password_login(self.request, {"email": user.email}, login))


@method_decorator([never_cache, sensitive_post_parameters("code")], name="dispatch")
class GiveCode(Page, FormView):  # type: ignore[type-arg]
    """A code: the second step of signing in, or from a session that has not given one yet."""

    template_name = "account/code.html"
    title = _("Second factor")
    stage: Any = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            if not services.has_totp(request.user):
                return self._to("second_factor")
        else:
            self.stage = LoginStageController.enter(request, AuthenticateStage.key)
            if self.stage is None:
                return self._to("account_login")
        return super().dispatch(request, *args, **kwargs)

    def get_form_class(self) -> Any:
        return CodePageForm if self.stage else CodeAgainPageForm

    def get_form_kwargs(self) -> dict[str, Any]:
        user = self.stage.login.user if self.stage else self.request.user
        return {**super().get_form_kwargs(), "user": user}

    def form_valid(self, form: Any) -> HttpResponse:
        form.save()
        return self.stage.exit() if self.stage else HttpResponseRedirect(self.get_success_url())


@method_decorator([never_cache, sensitive_post_parameters("password")], name="dispatch")
class Confirm(Page, FormView):  # type: ignore[type-arg]
    """The password once more, before what opens the door is changed."""

    template_name = "account/confirm.html"
    form_class = PasswordAgainForm
    title = _("Is it you?")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return self._to("account_login")
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "user": self.request.user}

    def form_valid(self, form: Any) -> HttpResponse:
        reauthenticate_by_password(self.request)
        return HttpResponseRedirect(self.get_success_url())


class Own(Page):
    """What somebody signed in does to their second factor; first they show that it is them."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return self._back("account_login")
        access_of(request)  # from here on the page speaks the user's language
        try:
            factors.oneself(request)
            asked = factors.must_confirm(request)
            if asked:
                return self._back("mfa_authenticate" if asked == "code" else "account_confirm")
            return super().dispatch(request, *args, **kwargs)  # type: ignore[misc,no-any-return]
        except Refusal as error:
            return answer(request, 404 if isinstance(error, NotFound) else 403, error.code, error)

    def _back(self, name: str) -> HttpResponseRedirect:
        here = self.request.get_full_path() if self.request.method == "GET" else reverse("second_factor")
        return HttpResponseRedirect(f"{reverse(name)}?{urlencode({REDIRECT_FIELD_NAME: here})}")

    def _codes(self, codes: list[str]) -> HttpResponse:
        """The recovery codes, on the page that answers and nowhere else."""
        context = {**_looks(self.request), "title": _("Recovery codes"), "codes": codes}
        return TemplateResponse(
            self.request, "account/codes.html", context | {"next": self.get_success_url()}
        )


@method_decorator([never_cache, sensitive_post_parameters("code")], name="dispatch")
class SecondFactor(Own, FormView):  # type: ignore[type-arg]
    """Sets a second factor up; or says that there is one, with what can be done about it."""

    template_name = "account/second_factor.html"
    form_class = EnrolPageForm
    title = _("Second factor")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user = cast(User, self.request.user)
        about: dict[str, Any] = {"enrolled": services.has_totp(user), "one_of_us": bool(user.staff_role)}
        if about["enrolled"]:
            about["left"] = services.recovery_codes_left(user)
        else:
            secret = factors.pending_secret(self.request)
            about |= {"secret": secret, "qr": _qr(factors.totp_url(user, secret))}
        return {**super().get_context_data(**kwargs), **about}

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            codes = factors.enrol(self.request, form.cleaned_data["code"])
        except Refusal as refusal:
            form.add_error("code" if "code" in refusal.fields else None, str(refusal))
            return self.form_invalid(form)
        return self._codes(codes)


@method_decorator(never_cache, name="dispatch")
class NewCodes(Own, View):
    """New recovery codes in place of the old."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        by = factors.oneself(request)
        user = cast(User, request.user)
        return self._codes(services.renew_recovery_codes(user=user, by=by, now=timezone.now()))


@method_decorator(never_cache, name="dispatch")
class SwitchOff(Own, View):
    """Asks, and switches a member's second factor off."""

    http_method_names = ["get", "post"]

    def get(self, request: HttpRequest) -> HttpResponse:
        context = {**_looks(request), "title": _("Switch the second factor off")}
        return TemplateResponse(request, "account/switch_off.html", context)

    def post(self, request: HttpRequest) -> HttpResponse:
        by = factors.oneself(request)
        services.remove_second_factor(user=cast(User, request.user), by=by, now=timezone.now())
        return HttpResponseRedirect(reverse("second_factor"))


class SignOut(View):
    """For those to whom the console's own way out is closed."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        logout(request)
        return HttpResponseRedirect(reverse("account_login"))


@method_decorator(never_cache, name="dispatch")
class ForgotPassword(Page, FormView):  # type: ignore[type-arg]
    """Mails a link. The answer is the same whether there is such an email."""

    template_name = "account/forgot.html"
    form_class = EmailForm
    title = _("Forgotten password")

    def form_valid(self, form: Any) -> HttpResponse:
        services.ask_for_link(email=form.cleaned_data["email"], now=timezone.now())
        return self.render_to_response(self.get_context_data(sent=True))


@method_decorator([never_cache, sensitive_post_parameters("password", "again")], name="dispatch")
class SetPassword(Page, FormView):  # type: ignore[type-arg]
    """Where a mailed link leads: GET shows a form, whoever opens it; POST sets the password."""

    template_name = "account/set_password.html"
    form_class = NewPasswordForm
    title = _("New password")
    holder: User

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            self.holder = services.holder_of(kwargs["link"], now=timezone.now())
        except NotFound:
            context = {**_looks(request), "title": self.title}
            return TemplateResponse(request, "account/link_dead.html", context, status=404)
        with translation.override(self.holder.language):
            page = super().dispatch(request, *args, **kwargs)
            return page.render() if isinstance(page, TemplateResponse) else page

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "user": self.holder}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "holder": self.holder}

    def form_valid(self, form: Any) -> HttpResponse:
        password = form.cleaned_data["password"]
        try:
            user = services.set_password_by_link(
                link=self.kwargs["link"], password=password, now=timezone.now()
            )
        except Refusal as refusal:
            form.add_error("password" if "password" in refusal.fields else None, str(refusal))
            return self.form_invalid(form)
        home = services.home_of(user)
        where = f"{base_url(home)}/" if home and not in_tenant() else reverse("account_login")
        return self.render_to_response(self.get_context_data(done=True, where=where))


def _qr(text: str) -> SafeString:
    """A QR code as a picture inside the page."""
    image = qrcode.make(text, image_factory=SvgPathImage, box_size=8)  # not tunable: a picture's unit
    drawn = BytesIO()
    image.save(drawn)
    svg = drawn.getvalue().decode()
    return mark_safe(svg[svg.index("<svg") :])  # noqa: S308 - drawn here, of our own text

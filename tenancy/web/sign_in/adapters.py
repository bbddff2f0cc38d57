"""What allauth asks us: where users and secrets are, and who may do what."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.headless.adapter import DefaultHeadlessAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib.auth import authenticate
from django.http import HttpRequest

from tenancy.fields import opened, sealed
from tenancy.web.clients import address_of


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is untyped
    """Our users: no sign-up, no address of their own to manage, tries counted by axes."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Nothing: axes counts."""

    def reauthenticate(self, user: Any, password: str) -> bool:
        return bool(authenticate(self.request, email=user.email, password=password) == user)

    def get_client_ip(self, request: HttpRequest) -> str:
        return address_of(request) or ""

    def add_message(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Nothing: our pages say what happened."""

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Nothing: our mails are deliveries."""

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        return []


class HeadlessAdapter(DefaultHeadlessAdapter):  # type: ignore[misc]  # as above
    """What a signed-in browser is told about its user."""

    def serialize_user(self, user: Any) -> dict[str, Any]:
        return {"id": user.pk, "display": user.name, "email": user.email}


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # as above
    """Second factors: secrets under our keys."""

    def encrypt(self, text: str) -> str:
        return sealed(text)

    def decrypt(self, encrypted_text: str) -> str:
        return opened(encrypted_text)

    def get_totp_label(self, user: Any) -> str:
        return str(user.email)

    def can_delete_authenticator(self, authenticator: Any) -> bool:
        return not authenticator.user.staff_role

"""Encrypt what is stored under CREDENTIAL_KEYS anew under the first of them, so that older keys can go."""

from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import TextField
from django.db.models.functions import Cast

from tenancy.models import Endpoint
from tenancy.services import reseal_second_factors
from tenancy.transactions import atomic

FIELDS = ("secret", "previous_secret")


class Command(BaseCommand):
    help = (
        "Re-encrypts what endpoints store under the first of CREDENTIAL_KEYS; what is so already stays as it is."
        " Exits with 1 and names the endpoints that none of the keys opens."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        stored = (
            Endpoint.objects.select_for_update().order_by("pk").values_list("pk", *map(_as_stored, FIELDS))
        )
        size = settings.THRESHOLDS.retention.BATCH
        rotated, last, unreadable = 0, 0, []
        while True:
            with atomic():
                batch = list(stored.filter(pk__gt=last)[:size])
                for pk, *tokens in batch:
                    try:
                        clear = {field: _clear(token) for field, token in zip(FIELDS, tokens, strict=True)}
                    except InvalidToken:
                        unreadable.append(str(pk))
                        continue
                    if not all(map(_is_current, tokens)):
                        Endpoint.objects.filter(pk=pk).update(**clear)  # the field encrypts
                        rotated += 1
            if not batch:
                break
            last = batch[-1][0]
        self.stdout.write(f"{rotated} endpoints rotated")
        resealed, lost = reseal_second_factors()
        if resealed:
            self.stdout.write(f"{resealed} secrets of second factors rotated")
        if unreadable:
            raise CommandError("No key opens the credentials of endpoints " + ", ".join(unreadable))
        if lost:
            raise CommandError("No key opens the second factors of users " + ", ".join(map(str, lost)))


def _as_stored(field: str) -> Cast:
    return Cast(field, TextField())


def _clear(token: str) -> str:
    keys = MultiFernet([Fernet(key) for key in settings.CREDENTIAL_KEYS])
    return keys.decrypt(token.encode()).decode() if token else ""


def _is_current(token: str) -> bool:
    try:
        return not token or bool(Fernet(settings.CREDENTIAL_KEYS[0]).decrypt(token.encode()))
    except InvalidToken:
        return False

"""Summarise one day of a tenant, as is done by itself at its midnight."""

from argparse import ArgumentTypeError
from datetime import date, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from observability import services
from tenancy.actors import Actor
from tenancy.context import PUBLIC
from tenancy.errors import Refusal
from tenancy.models import Tenant
from tenancy.states import TenantState


class Command(BaseCommand):
    help = (
        "Summarises yesterday, or --day, or what is over of --today, in the tenant's time zone, and prints it."
        " A day that is summarised already is printed and not told again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG", required=True)
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--day", metavar="YYYY-MM-DD", type=_day, help="A day that is over.")
        which.add_argument("--today", action="store_true", help="What is over of today.")

    def handle(self, *args: Any, **options: Any) -> None:
        tenants = Tenant.objects.exclude(schema_name=PUBLIC).exclude(state=TenantState.PURGED)
        tenant = tenants.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant {options['tenant']!r}.")
        now = timezone.now()
        today = now.astimezone(tenant.time_zone).date()
        day = options["day"] or (today if options["today"] else today - timedelta(days=1))
        try:
            row = services.summarise_day(tenant=tenant, day=day, by=Actor.system("run-summary"), now=now)
        except Refusal as refusal:
            why = [str(text) for texts in refusal.fields.values() for text in texts]
            raise CommandError(" ".join(why) or str(refusal)) from None
        period = row.body["period"]
        self.stdout.write(f"{tenant.slug}: {period['start']} to {period['end']}")
        for sentence in services.sentences(row.body):
            self.stdout.write(sentence)
        for label, value in (*services.shown_counts(row.body), *services.shown_rates(row.body)):
            self.stdout.write(f"  {label}: {value}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no day: YYYY-MM-DD is expected") from None

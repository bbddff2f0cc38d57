"""One of us, from the shell: the first person of a new installation, and the way back for the last one."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from tenancy import services
from tenancy.actors import Actor
from tenancy.errors import Refusal
from tenancy.models import User
from tenancy.states import StaffRole


class Command(BaseCommand):
    help = (
        "Makes a person who works for us, or finds the one with this email, and prints a link that sets the password."
        " The operations console asks for the second factor after that. The operators' journal says what was done."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="", help="Needed for somebody new.")
        parser.add_argument("--role", choices=StaffRole.values, default=StaffRole.PLATFORM.value)
        parser.add_argument("--language", choices=dict(settings.LANGUAGES), default=settings.LANGUAGE_CODE)
        parser.add_argument("--time-zone", default=settings.TIME_ZONE)
        parser.add_argument(
            "--reset-second-factor",
            metavar="REASON",
            help="Take a lost one away first: telephone and recovery codes are gone.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now, by = timezone.now(), Actor.system("staff")
        user = User.objects.filter(email__iexact=options["email"].strip(), is_active=True).first()
        if user is not None and not user.staff_role:
            raise CommandError(f"{user.email} is a customer's person: see Users in the operations console.")
        try:
            if user is None:
                user = services.create_user(
                    email=options["email"],
                    name=options["name"],
                    password=None,
                    language=options["language"],
                    time_zone=options["time_zone"],
                    staff_role=options["role"],
                    by=by,
                    now=now,
                )
            if options["reset_second_factor"]:
                services.reset_second_factor(user=user, reason=options["reset_second_factor"], by=by, now=now)
        except Refusal as refusal:
            told = [str(why) for whys in refusal.fields.values() for why in whys]
            raise CommandError(" ".join([str(refusal), *told])) from refusal
        link = services.make_link(user=user, purpose=services.Purpose.RESET, now=now)
        self.stdout.write(f"{settings.BASE_URL}/account/password/{link}/")

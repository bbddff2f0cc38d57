"""makemessages that also collects what thresholds decide: project/thresholds.py is read before Django is set up."""

from django.core.management.commands import makemessages


class Command(makemessages.Command):
    xgettext_options = [*makemessages.Command.xgettext_options, "--keyword=_number:3"]

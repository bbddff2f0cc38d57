"""makemessages that also collects what thresholds decide: project/thresholds is read before Django is set up."""

from django.core.management.commands import makemessages


class Command(makemessages.Command):
    xgettext_options = [*makemessages.Command.xgettext_options, "--keyword=threshold:3", "--keyword=Rate:2"]

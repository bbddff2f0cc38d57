from importlib import import_module

from django.conf import settings
from django.contrib.admin.apps import SimpleAdminConfig


class ConsoleConfig(SimpleAdminConfig):
    """django.contrib.admin for our two sites: its default site stays empty, and nobody else's admin is loaded."""

    def ready(self) -> None:
        super().ready()
        for module in settings.CONSOLES:
            import_module(module)

from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from tenancy.permissions import RULES, declare


class TenancyConfig(AppConfig):
    name = "tenancy"
    verbose_name = _("Tenancy")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from tenancy import live  # noqa: PLC0415 - models load only now
        from tenancy.deliveries import fan_out  # noqa: PLC0415 - as above
        from tenancy.services import VERBS, name_verbs  # noqa: PLC0415 - as above
        from tenancy.transactions import route  # noqa: PLC0415 - as above

        declare(RULES)
        name_verbs(VERBS)
        route(fan_out)
        route(live.announce)
        import_module("tenancy.web.openapi")  # drf-spectacular's extensions register by being imported

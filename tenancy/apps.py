from importlib import import_module

from django.apps import AppConfig
from django.db.models.signals import post_delete
from django.utils.translation import gettext_lazy as _

from tenancy.permissions import RULES, declare


class TenancyConfig(AppConfig):
    name = "tenancy"
    verbose_name = _("Tenancy")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_tenants.signals import tenant_delete_callback  # noqa: PLC0415 - models load only now

        from tenancy import live  # noqa: PLC0415 - models load only now
        from tenancy.deliveries import fan_out  # noqa: PLC0415 - as above
        from tenancy.services import VERBS, name_verbs  # noqa: PLC0415 - as above
        from tenancy.transactions import route  # noqa: PLC0415 - as above

        # It hears of every model, so that each deletion of many rows would load them all; and our tenants never drop
        # their schema by it.
        post_delete.disconnect(tenant_delete_callback)
        declare(RULES)
        name_verbs(VERBS)
        route(fan_out)
        route(live.announce)
        import_module("tenancy.web.openapi")  # drf-spectacular's extensions register by being imported

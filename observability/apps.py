from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ObservabilityConfig(AppConfig):
    name = "observability"
    verbose_name = _("Observability")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from observability.channels import EmailChannel  # noqa: PLC0415 - models load only now
        from tenancy.deliveries import register_channel  # noqa: PLC0415 - as above

        register_channel(EmailChannel())

from django.apps import AppConfig
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class HypercareConfig(AppConfig):
    name = "hypercare"
    verbose_name = _("Hypercare")

    def ready(self) -> None:
        # Django imports this module before any model may be imported; ready() is the first moment for these.
        from hypercare import services  # noqa: PLC0415
        from hypercare.permissions import RULES  # noqa: PLC0415
        from tenancy import deadlines, deliveries, permissions  # noqa: PLC0415

        permissions.declare(RULES)
        deadlines.register("incident.response_due", services.on_response_due)
        deadlines.register("incident.resolution_due", services.on_resolution_due)
        deliveries.register_message(
            "incident.breached", lambda outgoing: services.write_breach(outgoing, now=timezone.now())
        )

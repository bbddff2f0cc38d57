from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ObservabilityConfig(AppConfig):
    name = "observability"
    verbose_name = _("Observability")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from observability import channels, messages  # noqa: PLC0415 - models load only now
        from tenancy.deliveries import (  # noqa: PLC0415
            ALARM,
            ANY,
            Form,
            Offered,
            register_channel,
            register_message,
        )
        from tenancy.services import Purpose  # noqa: PLC0415

        register_channel(channels.EmailChannel())
        register_channel(channels.PagerDutyChannel())
        register_channel(channels.SlackChannel())
        register_channel(channels.SlackWebhookChannel())
        register_channel(channels.WebhookChannel())
        register_message(ANY, Form.DATA, messages.write_event)
        register_message(ALARM, Form.MAIL, messages.write_alarm)
        register_message("endpoint.disabled", Form.MAIL, messages.write_disabled)
        for purpose in Purpose:
            register_message(purpose.value, Form.MAIL, messages.write_link, offered=Offered.NOBODY)
        nobody, operators = Offered.NOBODY, Offered.OPERATORS
        register_message("endpoint.tested", Form.CHAT, messages.write_test, offered=nobody)
        register_message("endpoint.tested", Form.PAGE, messages.write_test_page, offered=nobody)
        for verb in messages.MACHINERY:
            register_message(verb, Form.CHAT, messages.write_machinery, offered=operators)
            register_message(verb, Form.PAGE, messages.write_machinery_page, offered=operators)

from django.apps import AppConfig
from django.core import checks
from django.utils.translation import gettext_lazy as _


class ObservabilityConfig(AppConfig):
    name = "observability"
    verbose_name = _("Observability")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from observability import channels, messages, metrics, services  # noqa: PLC0415 - models load only now
        from observability.management.findings import lost_routes, unwatched  # noqa: PLC0415
        from observability.permissions import RULES  # noqa: PLC0415
        from observability.services import EXPIRED, LEFTOVERS  # noqa: PLC0415
        from observability.services.sources import SOURCES  # noqa: PLC0415
        from observability.services.verdicts import check_rules  # noqa: PLC0415
        from tenancy import deadlines, permissions  # noqa: PLC0415
        from tenancy.deliveries import (  # noqa: PLC0415
            ALARM,
            ANY,
            Form,
            Offered,
            register_channel,
            register_message,
        )
        from tenancy.management.commands import doctor  # noqa: PLC0415
        from tenancy.services import (  # noqa: PLC0415
            Purpose,
            name_verbs,
            register_expired,
            register_leftovers,
        )

        permissions.declare(RULES)
        metrics.declare(*metrics.CATALOGUE)
        for metric, read in SOURCES.items():
            metrics.register_source(metric, read)
        checks.register(check_rules)
        for what, rows in EXPIRED.items():
            register_expired(what, rows)
        register_leftovers(*LEFTOVERS)
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
        for verb in (services.MADE, services.WEEKLY):
            register_message(verb, Form.MAIL, messages.write_summary_mail)
            register_message(verb, Form.CHAT, messages.write_summary_chat)
        name_verbs(services.SUMMARY_VERBS)
        name_verbs(services.ALERT_VERBS)
        for verb in messages.ALERT_MAILS:
            register_message(verb, Form.MAIL, messages.write_alert, offered=nobody)
        for verb in messages.ALERT_CHATS:
            register_message(verb, Form.CHAT, messages.write_alert_chat, offered=nobody)
            register_message(verb, Form.PAGE, messages.write_alert_page, offered=nobody)
        doctor.also(lost_routes)
        doctor.also(unwatched)
        deadlines.register(services.DUE, services.on_summary_due, derive=services.waiting_for_summary)

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class HypercareConfig(AppConfig):
    name = "hypercare"
    verbose_name = _("Hypercare")

    def ready(self) -> None:
        # Django imports this module before any model may be imported; ready() is the first moment for these.
        from hypercare import services  # noqa: PLC0415
        from hypercare.models import Project  # noqa: PLC0415
        from hypercare.permissions import RULES  # noqa: PLC0415
        from hypercare.services import activity, summaries  # noqa: PLC0415
        from hypercare.states import ClockKind  # noqa: PLC0415
        from observability.health import register_section  # noqa: PLC0415
        from observability.services import register_counts, register_raiser  # noqa: PLC0415
        from tenancy import deadlines, live, permissions, transactions  # noqa: PLC0415
        from tenancy.context import current_tenant  # noqa: PLC0415
        from tenancy.deliveries import Form, each, register_message  # noqa: PLC0415
        from tenancy.services import name_verbs, offer_scopes  # noqa: PLC0415

        permissions.declare(RULES)
        register_raiser(services.AlertsRaiser())
        register_counts(
            "hypercare",
            summaries.count_for_summary,
            labels=summaries.COUNTED,
            words=summaries.words_for_summary,
            charted=summaries.REPORTED,
            levels=[summaries.OPEN],
        )
        transactions.route(activity.note_reports)
        register_section("last_activity", {"last_incident_at"}, activity.last_activity)
        name_verbs(services.VERBS)
        offer_scopes(
            lambda actor: list(Project.objects.visible_to(actor, current_tenant()).values_list("pk", "name"))
        )
        live.tell("incident", "incident", services.tell_of_incidents)
        live.tell("changerequest", "change", services.tell_of_changes)
        for subject, kind in services.TOLD_TO_US.items():
            live.tell(subject, kind, services.tell_us)
        deadlines.register(
            "incident.response_due",
            services.on_response_due,
            derive=lambda: services.waiting(ClockKind.RESPONSE),
        )
        deadlines.register(
            "incident.resolution_due",
            services.on_resolution_due,
            derive=lambda: services.waiting(ClockKind.RESOLUTION),
        )
        deadlines.register(
            "incident.response_warning",
            services.on_response_warning,
            derive=lambda: services.waiting_for_marks(ClockKind.RESPONSE),
        )
        deadlines.register(
            "incident.resolution_warning",
            services.on_resolution_warning,
            derive=lambda: services.waiting_for_marks(ClockKind.RESOLUTION),
        )
        deadlines.register("policy.begins", services.on_policy_begins, derive=services.waiting_to_begin)
        register_message(
            "incident.breached",
            Form.MAIL,
            services.write_breach,
        )
        register_message(
            "incident.warned",
            Form.MAIL,
            each(lambda outgoing: services.write_warning(outgoing, now=outgoing.now)),
        )
        for verb in services.NOTICES:
            register_message(verb, Form.MAIL, each(services.write_notice))
        for verb in services.CHATS:
            register_message(verb, Form.CHAT, services.write_chat)
        for verb in services.PAGES:
            register_message(verb, Form.PAGE, services.write_page)
        for verb in services.CHANGE_MAILS:
            register_message(
                verb, Form.MAIL, each(lambda outgoing: services.write_change(outgoing, now=outgoing.now))
            )

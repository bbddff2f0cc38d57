"""On the public host."""

from django.urls import path

from observability.api.views import alerts, summaries

urlpatterns = [
    path("alerts", alerts.AnyTenantsAlerts.as_view(), name="alerts"),
    path("alerts/<int:alert>/acknowledge", alerts.Acknowledge.as_view(), name="acknowledge-alert"),
    path("metrics/security/events", alerts.PlatformSecurityEvents.as_view(), name="security-events"),
    path("run-summaries", summaries.AnyTenantsRunSummaries.as_view(), name="run-summaries"),
    path("run-summaries/latest", summaries.AnyTenantsLatestRunSummary.as_view(), name="latest-run-summary"),
    path("run-summaries/<int:summary>", summaries.AnyTenantsRunSummary.as_view(), name="run-summary"),
]

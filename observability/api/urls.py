"""On a tenant's host."""

from django.urls import path

from observability.api.views import alerts, summaries

urlpatterns = [
    path("alerts", alerts.Alerts.as_view(), name="alerts"),
    path("alerts/<int:alert>/acknowledge", alerts.Acknowledge.as_view(), name="acknowledge-alert"),
    path("metrics/security/events", alerts.SecurityEvents.as_view(), name="security-events"),
    path("run-summaries", summaries.RunSummaries.as_view(), name="run-summaries"),
    path("run-summaries/latest", summaries.LatestRunSummary.as_view(), name="latest-run-summary"),
    path("run-summaries/trend", summaries.RunSummaryTrend.as_view(), name="run-summary-trend"),
    path("run-summaries/<int:summary>", summaries.OneRunSummary.as_view(), name="run-summary"),
]

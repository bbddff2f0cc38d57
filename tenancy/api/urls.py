from django.urls import path

from tenancy.api.views import MeView, NotificationsView, ScopeNotificationsView

urlpatterns = [
    path("me", MeView.as_view(), name="me"),
    path("me/notifications", NotificationsView.as_view(), name="my-notifications"),
    path("me/notifications/<uuid:scope>", ScopeNotificationsView.as_view(), name="my-notifications-of"),
]

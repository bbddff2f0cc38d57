"""The API's door: a view says which action each of its methods is; what it does not say is denied."""

from typing import TYPE_CHECKING

from rest_framework import exceptions, permissions
from rest_framework.request import Request

from tenancy.actors import Actor
from tenancy.permissions import may_ever

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which itself imports the default permission, this one


class ActionPermission(permissions.BasePermission):
    """Views declare `actions = {"list": "incident.read"}` by DRF action, or `{"GET": …}` by method.

    Raises 401 without an actor, 405 for a method that the view does not have, 403 for the rest. What depends on the
    subject (its own, its board) is the service's to refuse.
    """

    def has_permission(self, request: Request, view: "APIView") -> bool:
        actor = getattr(request, "actor", None)
        if not isinstance(actor, Actor):
            raise exceptions.NotAuthenticated
        method = request.method or ""
        name = getattr(view, "action", None) or ("GET" if method == "HEAD" else method)
        action = getattr(view, "actions", {}).get(name)
        if action is None and (method == "OPTIONS" or not hasattr(view, method.lower())):
            raise exceptions.MethodNotAllowed(method)
        if action is None:
            return False
        return may_ever(actor, action)

"""Views that do on purpose what real ones only do when something is wrong."""

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import connection, transaction
from django.http import FileResponse, Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import include, path
from rest_framework import serializers, viewsets
from rest_framework.exceptions import Throttled
from rest_framework.generics import ListAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from project.urls import handler400, handler403, handler404, handler500  # noqa: F401
from tenancy.context import current_schema
from tenancy.errors import Conflict, Invalid, NotAllowed, NotFound
from tenancy.journal.models import Event
from tenancy.models import User
from tenancy.web.authentication import actor_of
from tenancy.web.serializers import StrictModelSerializer, StrictSerializer, TextField

RAISED = {
    "invalid": lambda: Invalid("no", fields={"a.b[0]": ["wrong"]}),
    "not_allowed": lambda: NotAllowed("no", code="grant_expired"),
    "not_found": lambda: NotFound("no"),
    "conflict": lambda: Conflict("no", state="resolved", legal_moves=["reopened"]),
    "throttled": lambda: Throttled(wait=7),
    "http404": Http404,
    "denied": PermissionDenied,
    "suspicious": SuspiciousOperation,
    "defect": lambda: ZeroDivisionError("secret"),
}


class Raises(APIView):
    actions = {"GET": "me.read"}

    def get(self, request, what):
        raise RAISED[what]()


class Inner(StrictSerializer):
    number = serializers.IntegerField()


class Form(StrictSerializer):
    title = TextField(max_length=20)
    severity = serializers.ChoiceField(["P1", "P2"])
    rows = Inner(many=True, required=False)
    state = serializers.CharField(read_only=True)


class UserForm(StrictModelSerializer):
    class Meta:
        model = User
        fields = ["name", "language"]


class Takes(APIView):
    actions = {"POST": "me.read", "PUT": "me.read"}

    def post(self, request):
        form = Form(data=request.data)
        form.is_valid(raise_exception=True)
        return Response(form.validated_data)

    def put(self, request):
        form = UserForm(data=request.data)
        form.is_valid(raise_exception=True)
        return Response(form.validated_data)


class Writes(APIView):
    actions = {"POST": "member.change", "GET": "journal.read"}

    def get(self, request):
        return Response({"role": actor_of(request).role})

    def post(self, request):
        return Response({"role": actor_of(request).role})


class Undeclared(APIView):
    def get(self, request):
        return Response({})


class ByAction(viewsets.ViewSet):
    actions = {"list": "me.read"}

    def list(self, request):
        return Response([])

    def create(self, request):
        return Response({})


class EventShape(serializers.ModelSerializer):
    class Meta:
        model = Event
        fields = ["seq", "at"]


class Events(ListAPIView):
    actions = {"GET": "me.read"}
    serializer_class = EventShape
    ordering = "-at"

    def get_queryset(self):
        return Event.objects.all()


def where(request):
    actor = request.actor
    return JsonResponse({"schema": current_schema(), "role": actor.role if actor else None})


def stream(request):
    def chunks():
        for _ in range(2):
            yield f"{current_schema()} {Event.objects.count()}\n"

    return StreamingHttpResponse(chunks())


def slow(request):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 20")
        cursor.execute("SELECT pg_sleep(5)")
    return HttpResponse()


def file(request):
    return FileResponse([current_schema().encode()])


urlpatterns = [
    path("api/v1/raises/<what>", Raises.as_view()),
    path("api/v1/takes", Takes.as_view()),
    path("api/v1/writes", Writes.as_view()),
    path("api/v1/undeclared", Undeclared.as_view()),
    path("api/v1/by-action", ByAction.as_view({"get": "list", "post": "create"})),
    path("api/v1/events", Events.as_view()),
    path("api/v1/slow", slow),
    path("where", where),
    path("stream", stream),
    path("file", file),
    path("slow", slow),
    path("raises/<what>", lambda request, what: (_ for _ in ()).throw(RAISED[what]())),
    path("", include("project.urls")),
]

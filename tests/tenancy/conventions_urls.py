"""Views that hold to every convention of the API, over rows that need no database."""

from dataclasses import dataclass, replace

import django_filters
from django.http import Http404
from django.urls import include, path
from rest_framework import serializers
from rest_framework.generics import ListAPIView

from project.urls import handler400, handler403, handler404, handler500  # noqa: F401
from tenancy.errors import Stale
from tenancy.journal.models import Event
from tenancy.web.etags import Versioned
from tenancy.web.exports import Exported
from tenancy.web.serializers import StrictSerializer, TextField


@dataclass(frozen=True)
class Thing:
    name: str
    version: int = 1


class ThingInput(StrictSerializer):
    name = TextField(max_length=20)


class ThingShape(serializers.Serializer):
    name = serializers.CharField()
    version = serializers.IntegerField()


class Store:
    """One thing, as a table would keep it; `overtaken` is what somebody else writes before our lock."""

    thing = None
    overtaken = None
    clock = 0


def change(*, version, name):
    if Store.overtaken:
        Store.thing, Store.overtaken = Store.overtaken, None
    now = Store.thing
    if now is None or version not in (None, now.version):
        raise Stale("no", version=now.version if now else 0)
    Store.thing = replace(now, name=name, version=now.version + 1)
    return Store.thing


class OneThing(Versioned):
    actions = {"GET": "me.read", "PUT": "me.read", "PATCH": "me.read", "POST": "me.read"}

    def row(self):
        if Store.thing is None:
            raise Http404
        return Store.thing

    def shown(self, row):
        return {**ThingShape(row).data, "clock": Store.clock}

    def get(self, request):
        return self.answer(self.row())

    def patch(self, request):
        row = self.row()
        form = ThingInput(data=request.data)
        form.is_valid(raise_exception=True)
        return self.answer(change(version=self.version_wanted(row), **form.validated_data))

    put = patch

    def post(self, request):
        return self.answer(self.row(), status=201, headers={"Location": request.path})


class LineFilter(django_filters.FilterSet):
    verb = django_filters.CharFilter()
    since = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")

    class Meta:
        model = Event
        fields = []


class Day(serializers.DateField):
    def get_attribute(self, instance):
        return instance.at.date()


class LineShape(serializers.ModelSerializer):
    price = serializers.DecimalField(source="seq", max_digits=9, decimal_places=2)
    day = Day()
    flag = serializers.SerializerMethodField()

    class Meta:
        model = Event
        fields = ["id", "seq", "at", "day", "verb", "actor_id", "actor_name", "data", "price", "flag"]

    def get_flag(self, event):
        return event.seq % 2 == 0


class Lines(Exported, ListAPIView):
    actions = {"GET": "me.read"}
    serializer_class = LineShape
    filterset_class = LineFilter
    orderings = {"seq": "seq", "at": "at", "actor": "actor_id", "verb": "verb"}
    ordering = "-at"

    def get_queryset(self):
        return Event.objects.all()


urlpatterns = [
    path("api/v1/lines", Lines.as_view()),
    path("api/v1/thing", OneThing.as_view()),
    path("", include("tests.tenancy.web_urls")),
]

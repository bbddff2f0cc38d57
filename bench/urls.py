"""The product's URLs and one view that does nothing, signed in: what a list is compared with."""

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from project.urls import urlpatterns as ours


class Empty(APIView):
    actions = {"GET": "me.read"}

    def get(self, request: Request) -> Response:
        return Response({})


urlpatterns = [path("api/v1/empty", Empty.as_view()), *ours]

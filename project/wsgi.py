"""Everything but streams: Django's WSGI application."""

import atexit
import os

from django.core.wsgi import get_wsgi_application

from project.startup import finish, serve

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

application = get_wsgi_application()
serve()
atexit.register(finish)

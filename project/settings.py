"""The one settings file. Everything that differs between deployments comes from the environment; see .env.example.

A bad threshold or environment starts nothing: `load_config` raises with every fault at once.
"""

import base64
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import environ
from celery.schedules import crontab
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from pythonjsonlogger.core import RESERVED_ATTRS

from project.thresholds import ConfigError, load_config

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
if (BASE_DIR / ".env").exists():
    env.read_env(BASE_DIR / ".env")

try:
    CONFIG = load_config(os.environ)
except ConfigError as error:  # all faults at once and nothing else: a traceback would hide them
    raise SystemExit(str(error)) from None
THRESHOLDS = CONFIG.thresholds
CONFIG_HASH = CONFIG.config_hash
BUILD_ID = CONFIG.build_id
ENV = CONFIG.env
PRODUCTION = ENV != "development"

# ---- who we are -----------------------------------------------------------------------------------------------

BASE_URL = env.str("BASE_URL", default="http://localhost:8000").rstrip("/")
BASE_HOST = BASE_URL.split("://", 1)[1].split(":", 1)[0]
SECRET_KEY = env.str(
    "SECRET_KEY", default="development-only-not-a-secret" if not PRODUCTION else environ.Env.NOTSET
)
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[BASE_HOST, f".{BASE_HOST}"])
USE_X_FORWARDED_HOST = False
# The journal's keys by id, the first signs: JOURNAL_KEYS=2027=base64...,2026=base64...
JOURNAL_KEYS = {
    key_id: base64.b64decode(key)
    for key_id, key in env.dict(
        "JOURNAL_KEYS", default={"dev": "ZGV2ZWxvcG1lbnQtb25seQ=="} if not PRODUCTION else environ.Env.NOTSET
    ).items()
}
# Signs the exported heads of the journals: 32 bytes of Ed25519, base64. JOURNAL_HEADS_DIR: where else than the log.
JOURNAL_EXPORT_KEY = base64.b64decode(
    env.str(
        "JOURNAL_EXPORT_KEY",
        default="ZGV2ZWxvcG1lbnQtb25seS1ub3QtYS1zZWNyZXQtISE=" if not PRODUCTION else environ.Env.NOTSET,
    )
)
if len(JOURNAL_EXPORT_KEY) != 32:  # noqa: PLR2004 - Ed25519
    raise SystemExit("JOURNAL_EXPORT_KEY has to be 32 bytes in base64: openssl rand -base64 32")
JOURNAL_HEADS_DIR = Path(heads) if (heads := env.str("JOURNAL_HEADS_DIR", default="")) else None
# Fernet keys of stored credentials (endpoints, second factors), the first encrypts: CREDENTIAL_KEYS=new...,old...
CREDENTIAL_KEYS = env.list(
    "CREDENTIAL_KEYS",
    default=["ZGV2ZWxvcG1lbnQtb25seS1ub3QtYS1zZWNyZXQtISE="] if not PRODUCTION else environ.Env.NOTSET,
)

# Who has it may read /metrics (Authorization: Bearer ...); empty: there is no such page.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# Where traces go, over OTLP; empty: none are made. OpenTelemetry's own variables say the rest.
TRACING = bool(env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default=""))

# ---- apps: every app is shared or a tenant's, none is both -------------------------------------------------------

SHARED_APPS = [
    "project",
    "tenancy",
    "django_tenants",
    "observability",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "tenancy.web.apps.ConsoleConfig",  # django.contrib.admin: our two sites, no default one
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_celery_beat",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.headless",
    "axes",
    "csp",
]
TENANT_APPS = ["tenancy.journal", "hypercare"]
INSTALLED_APPS = [*SHARED_APPS, *TENANT_APPS]
# What fills the two consoles; nobody else's admin is loaded (tenancy.web.apps).
CONSOLES = ["tenancy.admin", "observability.admin", "hypercare.admin"]

TENANT_MODEL = "tenancy.Tenant"
TENANT_DOMAIN_MODEL = "tenancy.Domain"
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
AUTH_USER_MODEL = "tenancy.User"
SILENCED_SYSTEM_CHECKS = ["auth.W004"]  # the email is unique, by a constraint that ignores case
AUTHENTICATION_BACKENDS = ["tenancy.backends.TenantBackend"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# ---- database -------------------------------------------------------------------------------------------------

# What kind of process this is decides how long a statement may take, in ms.
PROCESS = env.str("PROCESS", default="command")
_STATEMENT_MS = {
    "web": THRESHOLDS.database.WEB_STATEMENT_MS,
    "worker": THRESHOLDS.database.WORKER_STATEMENT_MS,
    "beat": THRESHOLDS.database.BEAT_STATEMENT_MS,
    "watchdog": THRESHOLDS.database.BEAT_STATEMENT_MS,
}.get(PROCESS, 0)
_LOCK_MS = {
    "web": THRESHOLDS.database.WEB_LOCK_MS,
    "worker": THRESHOLDS.database.WORKER_LOCK_MS,
    "beat": THRESHOLDS.database.BEAT_LOCK_MS,
    "watchdog": THRESHOLDS.database.BEAT_LOCK_MS,
}.get(PROCESS, 0)

DATABASES: dict[str, Any] = {"default": env.db_url("DATABASE_URL", default="postgresql:///hypercare")}
DATABASES["default"] |= {
    "ENGINE": "tenancy.postgresql",
    "CONN_MAX_AGE": None,
    "CONN_HEALTH_CHECKS": True,
    "DISABLE_SERVER_SIDE_CURSORS": False,
}
DATABASES["default"].setdefault("OPTIONS", {}).update(
    {
        "connect_timeout": THRESHOLDS.database.CONNECT_SECONDS,
        "prepare_threshold": 2,  # not tunable: for tenancy.postgresql.statements; nothing else binds on the server
        "application_name": f"hypercare-{PROCESS}",
        "options": f"-c statement_timeout={_STATEMENT_MS} -c lock_timeout={_LOCK_MS}"
        f" -c idle_in_transaction_session_timeout={THRESHOLDS.database.IDLE_SECONDS}s",
    }
)
if PROCESS == "watchdog":  # it waits seconds, not hours, for a server that vanished without a word
    DATABASES["default"]["OPTIONS"] |= {
        "keepalives_idle": THRESHOLDS.database.KEEPALIVE_IDLE_SECONDS,
        "keepalives_interval": THRESHOLDS.database.KEEPALIVE_EVERY_SECONDS,
        "keepalives_count": THRESHOLDS.database.KEEPALIVE_TRIES,
        "tcp_user_timeout": THRESHOLDS.database.LOST_AFTER_MS,
    }

# ---- broker, cache ----------------------------------------------------------------------------------------------

BROKER_URL = env.str("BROKER_URL", default="redis://localhost:6379/0")
CACHE_URL = env.str("CACHE_URL", default="redis://localhost:6379/1")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CACHE_URL,
        "KEY_FUNCTION": "tenancy.context.cache_key",
        "OPTIONS": {
            "socket_connect_timeout": THRESHOLDS.cache.TIMEOUT_SECONDS,
            "socket_timeout": THRESHOLDS.cache.TIMEOUT_SECONDS,
        },
    }
}

# ---- requests -------------------------------------------------------------------------------------------------

MIDDLEWARE = [
    "observability.middleware.HealthMiddleware",
    "observability.middleware.RequestMetricsMiddleware",
    "tenancy.web.middleware.RequestIdMiddleware",
    *(["project.tracing.TracingMiddleware"] if TRACING else []),
    "tenancy.web.middleware.DatabaseAwayMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "tenancy.web.policies.PoliciesMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "tenancy.web.middleware.TenantMiddleware",
    "tenancy.web.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tenancy.web.middleware.AccessMiddleware",
    "tenancy.web.throttling.RateLimitMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "axes.middleware.AxesMiddleware",  # last: it turns any answer to somebody locked out into a 429
]
ROOT_URLCONF = "project.urls"
PUBLIC_SCHEMA_URLCONF = "project.urls_public"
WSGI_APPLICATION = "project.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATA_UPLOAD_MAX_MEMORY_SIZE = THRESHOLDS.api.MOST_BODY_BYTES

SESSION_ENGINE = "tenancy.sessions"
SESSION_COOKIE_AGE = int(timedelta(hours=THRESHOLDS.access.SESSION_HOURS).total_seconds())
# Host-only: no Domain anywhere. Where there is https, browsers take `__Host-` from this very host alone.
HTTPS = BASE_URL.startswith("https://")
SESSION_COOKIE_NAME = "__Host-sessionid" if HTTPS else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if HTTPS else "csrftoken"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # no cookie more
SECURE_SSL_REDIRECT = HTTPS
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
)
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0  # not tunable: the least that browsers preload
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_TRUSTED_ORIGINS = [BASE_URL, BASE_URL.replace("://", "://*.", 1)]
CSRF_FAILURE_VIEW = "tenancy.web.problems.csrf_failure"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": THRESHOLDS.access.PASSWORD_LENGTH},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# ---- signing in: allauth's steps, our backend, counted by axes ------------------------------------------------------

ACCOUNT_ADAPTER = "tenancy.web.sign_in.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = [
    "email*",
    "password1*",
]  # nobody signs up: there is no such address, and the adapter refuses
ACCOUNT_EMAIL_VERIFICATION = "none"  # an email is ours to enter, and a password comes by mail
ACCOUNT_RATE_LIMITS = False  # axes counts, in the database
HEADLESS_ADAPTER = "tenancy.web.sign_in.adapters.HeadlessAdapter"
HEADLESS_CLIENTS = ("browser",)
MFA_ADAPTER = "tenancy.web.sign_in.adapters.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_PERIOD = 30  # not tunable: seconds; RFC 6238, and what every app assumes
MFA_TOTP_TOLERANCE = 1  # steps that a telephone's clock may differ
MFA_TOTP_ISSUER = "Hypercare"
MFA_RECOVERY_CODES_SHOW_ONCE = True

AXES_HANDLER = "tenancy.web.sign_in.lockout.Handler"
AXES_FAILURE_LIMIT = THRESHOLDS.access.LOGIN_FAILURES
AXES_COOLOFF_TIME = timedelta(minutes=THRESHOLDS.access.LOGIN_COOL_OFF_MINUTES)
AXES_LOCKOUT_PARAMETERS = "tenancy.web.sign_in.lockout.parameters"
AXES_LOCKOUT_CALLABLE = "tenancy.web.sign_in.lockout.refused"
AXES_USERNAME_CALLABLE = "tenancy.web.sign_in.lockout.name_of"
AXES_CLIENT_IP_CALLABLE = "tenancy.web.clients.address_of"
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_DISABLE_ACCESS_LOG = True  # the list of sessions says who is signed in
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["username", "email", "ip_address", "code", "csrfmiddlewaretoken", "next"]

# ---- what a browser may load, by the first part of the path ---------------------------------------------------------

_NOTHING = {"default-src": ["'none'"], "base-uri": ["'none'"], "frame-ancestors": ["'none'"]}
_OURS = {
    **_NOTHING,
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "form-action": ["'self'"],
}
# Unfold: Alpine makes functions from attributes, and the theme's colours stand in the page.
_UNFOLD = {
    **_OURS,
    "script-src": ["'self'", "'unsafe-eval'"],
    "style-src": ["'self'", "'unsafe-inline'"],
}
CONTENT_SECURITY_POLICY = {"DIRECTIVES": _OURS}
CONTENT_SECURITY_POLICIES = {
    "/admin/": _UNFOLD,
    "/api/": _NOTHING,
    "/_allauth/": _NOTHING,
}
PERMISSIONS_POLICY = (
    "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "
    "hid=(), idle-detection=(), magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=()"
)

# ---- language and time --------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("tr", "Türkçe")]
LOCALE_PATHS = [BASE_DIR / "project" / "locale"]
FORMAT_MODULE_PATH = ["project.formats"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# ---- files, mail ------------------------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / ".data" / "static" if PRODUCTION else None  # in development the finders serve
APP_BUILD = BASE_DIR / "frontend" / "dist"
STATICFILES_DIRS = [("app", APP_BUILD)]
# In production collectstatic leaves a gzip file beside each, and whitenoise sends that.
_STATIC_FILES = "whitenoise.storage.CompressedStaticFilesStorage"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": _STATIC_FILES if PRODUCTION else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not PRODUCTION
# What Vite builds has a hash of its content in its name.
WHITENOISE_IMMUTABLE_FILE_TEST = r"/app/assets/[^/]+-[\w-]{8}\.[a-z0-9]+$"
EMAIL_CONFIG = env.email("EMAIL_URL", default="smtp://localhost:1025")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = THRESHOLDS.delivery.SEND_TIMEOUT_SECONDS
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default=f"Hypercare <hypercare@{BASE_HOST}>")

# ---- what is told to the world outside -------------------------------------------------------------------------

# Endpoints on this machine: only where everything runs on one, and never in production.
EGRESS_ALLOW_LOOPBACK = env.bool("EGRESS_ALLOW_LOOPBACK", default=False) and not PRODUCTION
SLACK_BASE_URL = env.str("SLACK_BASE_URL", default="https://slack.com/api/")
SLACK_HOOKS_URL = env.str("SLACK_HOOKS_URL", default="https://hooks.slack.com/")
PAGERDUTY_URL = env.str("PAGERDUTY_URL", default="https://events.pagerduty.com")
# Our own monitor, which alarms when the watchdog's heartbeat stays away; empty: nobody notices from outside.
HEARTBEAT_URL = env.str("HEARTBEAT_URL", default="")
if HEARTBEAT_URL and not HEARTBEAT_URL.startswith(("https://", "http://")):
    raise SystemExit("HEARTBEAT_URL has to begin with https:// or http://")

# ---- API ------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tenancy.web.authentication.TokenAuthentication",
        "tenancy.web.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["tenancy.web.permissions.ActionPermission"],
    "DEFAULT_RENDERER_CLASSES": ["tenancy.web.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["tenancy.web.parsers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "tenancy.web.pagination.CursorPagination",
    "DEFAULT_THROTTLE_CLASSES": ["tenancy.web.throttling.UserThrottle"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "tenancy.web.negotiation.Negotiation",
    "DEFAULT_FILTER_BACKENDS": [
        "tenancy.web.filters.KnownParameters",
        "tenancy.web.filters.Filters",
        "tenancy.web.filters.Ordering",
    ],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "tenancy.web.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "NUM_PROXIES": env.int("NUM_PROXIES", default=0),
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Hypercare API",
    "DESCRIPTION": "Go-live and hypercare operations of one tenant.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "ActorKindEnum": "tenancy.states.ActorKind",
        "AlertSeverityEnum": "observability.states.AlertSeverity",
        "AlertStateEnum": "observability.states.AlertState",
        "ChangeStatusEnum": "hypercare.states.ChangeState",
        "IncidentStatusEnum": "hypercare.states.IncidentState",
        "SeverityEnum": "hypercare.states.Severity",
        "VerdictStatusEnum": "observability.states.VerdictStatus",
        "WorkItemKindEnum": "hypercare.states.WorkItemKind",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "tenancy.web.openapi.conventions",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# ---- background work ----------------------------------------------------------------------------------------------

CELERY_BROKER_URL = BROKER_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": THRESHOLDS.broker.CONNECT_SECONDS,
    "socket_timeout": THRESHOLDS.broker.ANSWER_SECONDS,
    "socket_keepalive": True,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_TIME_LIMIT = THRESHOLDS.broker.TASK_SECONDS
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_DEFAULT_QUEUE = "hypercare"
CELERY_DB_REUSE_MAX = THRESHOLDS.database.TASKS_PER_CONNECTION
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "observability.beat.Scheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = THRESHOLDS.broker.BEAT_LOOP_SECONDS
_STALE = {"expire_seconds": THRESHOLDS.broker.WAKE_EXPIRES_SECONDS}
_RETAIN = divmod(THRESHOLDS.retention.DAILY_AT_MINUTES, 60)
CELERY_BEAT_SCHEDULE = {
    "sweep": {
        "task": "tenancy.tasks.sweep",
        "schedule": THRESHOLDS.sweep.EVERY_SECONDS,
        "options": _STALE,
    },
    "dispatch": {
        "task": "tenancy.tasks.dispatch",
        "schedule": THRESHOLDS.delivery.EVERY_SECONDS,
        "options": _STALE,
    },
    "retain": {"task": "tenancy.tasks.retain", "schedule": crontab(hour=_RETAIN[0], minute=_RETAIN[1])},
    "export-heads": {"task": "tenancy.tasks.export_heads", "schedule": THRESHOLDS.journal.HEADS_SECONDS},
    "refill-spares": {
        "task": "tenancy.tasks.refill_spares",
        "schedule": THRESHOLDS.provisioning.REFILL_SECONDS,
        "options": _STALE,
    },
    "evaluate": {
        "task": "observability.tasks.evaluate",
        "schedule": THRESHOLDS.alert.EVALUATE_SECONDS,
        "options": _STALE,
    },
    "plan-summaries": {
        "task": "observability.tasks.plan_summaries",
        "schedule": THRESHOLDS.summary.PLAN_SECONDS,
    },
}

# ---- logs -----------------------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"scope": {"()": "tenancy.logs.ScopeFilter"}},
    "formatters": {
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s %(tenant)s %(project)s %(request_id)s %(user)s"
            " %(task)s %(task_id)s %(trace_id)s",
            "static_fields": {"build_id": BUILD_ID, "process": PROCESS},
            "reserved_attrs": [*RESERVED_ATTRS, "request"],  # Django's text of it has the whole query
        },
        "plain": {"format": "%(levelname)s %(name)s [%(tenant)s] %(message)s"},
        "line": {"format": "%(message)s"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "filters": ["scope"],
            "formatter": env.str("LOG_FORMAT", default="json" if PRODUCTION else "plain"),
        },
        "lines": {"class": "logging.StreamHandler", "formatter": "line"},
    },
    "loggers": {
        "axes": {"level": "WARNING"},  # it tells of each sign-in several times
        # One line of JSON a summary, as it is (docs/guides/run-summaries.md).
        "run_summary": {"handlers": ["lines"], "level": "INFO", "propagate": False},
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
}

# ---- console --------------------------------------------------------------------------------------------------

_PALETTE = {
    "primary": {
        "50": "#f2f7fe", "100": "#e7f0fc", "200": "#c9dff8", "300": "#9cc5f3", "400": "#6cb0ff", "500": "#2f7fe0",
        "600": "#0b63ce", "700": "#0a54ae", "800": "#0c4689", "900": "#143a66", "950": "#14263c",
    }
}  # fmt: skip
UNFOLD = {
    "SITE_TITLE": "Hypercare",
    "SITE_HEADER": "Hypercare",
    "SITE_SYMBOL": "ecg_heart",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": False,
    "ACCOUNT": {
        "navigation": [
            {"title": _("Change password"), "link": reverse_lazy("admin:password_change")},
            {"title": _("Second factor"), "link": reverse_lazy("second_factor")},
            {"title": _("Sessions"), "link": reverse_lazy("admin:tenancy_session_changelist")},
        ]
    },
    "COLORS": _PALETTE,
}
UNFOLD_PUBLIC = {
    **UNFOLD,
    "SITE_TITLE": _("Hypercare operations"),
    "SITE_HEADER": _("Operations"),
    "SITE_SYMBOL": "monitor_heart",
}

"""Django settings, made from `mythos.config`. Importable with an empty environment.

Reads the environment once; creates the secret key file on first use of the server, never on
import of anything else. No request leaves the host: see `content_security.py`.
"""

from __future__ import annotations

import os
from pathlib import Path

from mythos.config import load_config
from mythos.server.project.secret_key import read_or_create

MYTHOS = load_config(os.environ)
BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = read_or_create(MYTHOS)
DEBUG = MYTHOS.debug
ALLOWED_HOSTS = list(MYTHOS.allowed_hosts)
ROOT_URLCONF = "mythos.server.project.urls"
WSGI_APPLICATION = "mythos.server.project.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "django_tasks",
    "django_tasks_db",
    "mythos.server.actions.apps.Config",
    "mythos.server.catalog.apps.Config",
    "mythos.server.resilience.apps.Config",
    "mythos.server.deployment.apps.Config",
    "mythos.server.strategy.apps.Config",
    "mythos.server.policies.apps.Config",
    "mythos.server.workflows.apps.Config",
    "mythos.server.memories.apps.Config",
    "mythos.server.web.apps.Config",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "mythos.server.project.content_security.middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "mythos.server.web.problems.middleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

_DATABASE = MYTHOS.database
DATABASES = {
    "default": {
        "ENGINE": _DATABASE.engine,
        "NAME": _DATABASE.name,
        "USER": _DATABASE.user,
        "PASSWORD": _DATABASE.password,
        "HOST": _DATABASE.host,
        "PORT": _DATABASE.port or "",
        "CONN_MAX_AGE": 60,
        "OPTIONS": {
            # Readers never wait for the writer, and a writer takes its lock at BEGIN: without
            # IMMEDIATE, two writers that both began by reading fail with "database is locked".
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
        if _DATABASE.is_sqlite
        else dict(_DATABASE.options),
    }
}

TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/login"
LOGIN_REDIRECT_URL = "/system/resilience"
LOGOUT_REDIRECT_URL = "/login"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"

LANGUAGE_CODE = "en"
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

# The largest body a view reads is an evidence envelope; OTLP has its own cap on the node.
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 2**20

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    # A refused request is its sender's to hear of; every poll of a node ends with one (TUF asks
    # for the root after the newest). Faults of ours are still logged.
    "loggers": {"django.request": {"level": "ERROR"}},
}

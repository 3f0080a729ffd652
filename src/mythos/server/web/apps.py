"""App configuration."""

from django.apps import AppConfig


class Config(AppConfig):
    """The `web` app."""

    name = "mythos.server.web"
    label = "web"
    default_auto_field = "django.db.models.BigAutoField"

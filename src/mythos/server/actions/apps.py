"""App configuration."""

from django.apps import AppConfig


class Config(AppConfig):
    """The `actions` app."""

    name = "mythos.server.actions"
    label = "actions"
    default_auto_field = "django.db.models.BigAutoField"

"""App configuration."""

from django.apps import AppConfig


class Config(AppConfig):
    """The `strategy` app."""

    name = "mythos.server.strategy"
    label = "strategy"
    default_auto_field = "django.db.models.BigAutoField"

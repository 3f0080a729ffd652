"""App configuration."""

from django.apps import AppConfig


class Config(AppConfig):
    """The `deployment` app."""

    name = "mythos.server.deployment"
    label = "deployment"
    default_auto_field = "django.db.models.BigAutoField"

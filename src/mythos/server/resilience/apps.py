"""App configuration."""

from django.apps import AppConfig


class Config(AppConfig):
    """The `resilience` app."""

    name = "mythos.server.resilience"
    label = "resilience"
    default_auto_field = "django.db.models.BigAutoField"

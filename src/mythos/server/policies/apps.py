"""App configuration."""

from django.apps import AppConfig


class Config(AppConfig):
    """The `policies` app."""

    name = "mythos.server.policies"
    label = "policies"
    default_auto_field = "django.db.models.BigAutoField"

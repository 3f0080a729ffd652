"""App configuration."""

from django.apps import AppConfig


class Config(AppConfig):
    """The `catalog` app."""

    name = "mythos.server.catalog"
    label = "catalog"
    default_auto_field = "django.db.models.BigAutoField"

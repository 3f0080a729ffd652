"""App configuration."""

from django.apps import AppConfig


class Config(AppConfig):
    """The `workflows` app: pages and reads; the documents live in the catalogue."""

    name = "mythos.server.workflows"
    label = "workflows"

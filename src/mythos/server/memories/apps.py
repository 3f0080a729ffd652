"""App configuration."""

from django.apps import AppConfig


class Config(AppConfig):
    """The `memories` app: pages and reads; evidence and checkpoints live in `resilience`."""

    name = "mythos.server.memories"
    label = "memories"

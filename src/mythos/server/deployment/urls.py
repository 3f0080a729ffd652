"""Routes of the bundle page."""

from __future__ import annotations

from django.urls import path

from mythos.server.deployment import views

urlpatterns = [path("deploy/packet", views.packet, name="packet")]

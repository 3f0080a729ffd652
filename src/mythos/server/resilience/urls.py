"""Routes of the resilience pages."""

from __future__ import annotations

from django.urls import path

from mythos.server.resilience import views

urlpatterns = [
    path("system/resilience", views.fleet, name="resilience"),
    path("system/resilience/<str:node_id>", views.host, name="host"),
    path("system/resilience/<str:node_id>/baselines", views.accept_baseline, name="baselines"),
]

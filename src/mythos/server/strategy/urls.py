"""Routes of the strategy page."""

from __future__ import annotations

from django.urls import path

from mythos.server.strategy import views

urlpatterns = [path("deploy/strategy", views.strategy, name="strategy")]

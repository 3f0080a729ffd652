"""Routes of the workflow pages."""

from __future__ import annotations

from django.urls import path

from mythos.server.workflows import views

urlpatterns = [
    path("workflows", views.workflows, name="workflows"),
    path("workflows/<str:digest>", views.workflow, name="workflow"),
]

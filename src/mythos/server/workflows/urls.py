"""Routes of the workflow pages."""

from __future__ import annotations

from django.urls import path

from mythos.server.workflows import views

urlpatterns = [
    path("workflows", views.workflows, name="workflows"),
    path("workflows/<str:digest>", views.workflow, name="workflow"),
    path("workflows/<str:digest>/baselines", views.accept_baseline, name="workflow-baselines"),
    path(
        "workflows/<str:digest>/baselines/<int:number>/withdraw",
        views.withdraw_baseline,
        name="withdraw-baseline",
    ),
]

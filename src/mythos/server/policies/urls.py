"""Routes of the policy pages."""

from __future__ import annotations

from django.urls import path

from mythos.server.policies import views

urlpatterns = [
    path("policies", views.policies, name="policies"),
    path("policies/<str:digest>", views.policy, name="policy"),
]

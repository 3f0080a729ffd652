"""Routes of the policy pages."""

from __future__ import annotations

from django.urls import path

from mythos.server.policies import views

urlpatterns = [
    path("policies", views.policies, name="policies"),
    path("policies/<str:digest>", views.policy, name="policy"),
    path("policies/<str:digest>/prove", views.prove, name="prove"),
    path("policies/<str:digest>/document", views.document, name="policy-document"),
    path("policies/<str:digest>/next", views.next_version, name="next-version"),
    path("policies/<str:digest>/marks", views.mark_benign, name="mark-benign"),
    path("policies/<str:digest>/marks/<int:number>/revoke", views.revoke_mark, name="revoke-mark"),
]

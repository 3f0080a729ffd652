"""Routes of the memory-log pages."""

from __future__ import annotations

from django.urls import path

from mythos.server.memories import views

urlpatterns = [
    path("memories", views.memories, name="memories"),
    path("memories/<str:node_id>/log/<path:log>", views.memory, name="memory"),
    path("memories/<str:node_id>/checkpoint/<path:log>", views.checkpoint, name="memory-note"),
    path("memories/<str:node_id>/proof/<int:seq>/<path:log>", views.proof, name="memory-proof"),
    path(
        "memories/<str:node_id>/contradictions/<path:log>",
        views.contradictions,
        name="memory-contradictions",
    ),
    path("memories/<str:node_id>/accept/<path:log>", views.order_acceptance, name="memory-order"),
    path(
        "memories/<str:node_id>/orders/<slug:order_id>/withdraw",
        views.withdraw_order,
        name="memory-withdraw",
    ),
]

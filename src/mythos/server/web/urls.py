"""Routes of the front door."""

from __future__ import annotations

from django.urls import path

from mythos.server.web import views
from mythos.server.web.actions_page import actions

urlpatterns = [
    path("", views.home, name="home"),
    path("login", views.sign_in, name="login"),
    path("login/once", views.sign_in_once, name="login-once"),
    path("system/actions", actions, name="actions"),
    path("logout", views.sign_out, name="logout"),
    path("healthz", views.health, name="healthz"),
]

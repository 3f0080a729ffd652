"""The workflow pages of a control plane that knows nothing yet, and of odd documents."""

from __future__ import annotations

import pytest
from django.test import Client

from mythos.server.catalog.models import EncodedRitualBlueprint

pytestmark = pytest.mark.django_db


def test_an_empty_control_plane_says_what_to_do_next(browser: Client) -> None:
    page = browser.get("/workflows").content.decode()
    assert "mythos workflow check" in page
    assert "mythos bundle build" in page


def test_a_document_that_cannot_be_read_is_shown_as_it_is(browser: Client) -> None:
    digest = f"sha256:{'ab' * 32}"
    EncodedRitualBlueprint.objects.create(
        name="odd", version=1, digest=digest, encoded_steps={"schema": "mythos.ritual/9"}
    )
    page = browser.get(f"/workflows/{digest}").content.decode()
    assert "cannot read the document" in page
    assert "mythos.ritual/9" in page
    assert "not readable" in browser.get("/workflows").content.decode()


def test_labels_are_escaped(browser: Client) -> None:
    digest = f"sha256:{'cd' * 32}"
    steps = {
        "schema": "mythos.ritual/1",
        "name": "x",
        "steps": {"act": "<script>alert(1)</script>"},
    }
    EncodedRitualBlueprint.objects.create(name="x", version=1, digest=digest, encoded_steps=steps)
    page = browser.get(f"/workflows/{digest}").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page

"""Policy pages of a control plane that knows little, of hostile text, and of very long sets."""

from __future__ import annotations

from django.test import Client

from mythos.adapters.baseline import baseline_policy_set
from mythos.server.catalog.models import SwarmCodex


def test_a_control_plane_without_bundles_says_what_to_do_next(browser: Client, db: None) -> None:
    page = browser.get("/policies").content.decode()
    assert "No policy set of your own yet" in page
    assert "mythos bundle build" in page
    assert f"mythos-baseline v{baseline_policy_set().version}" in page


HOSTILE = """@id("x<script>alert(1)</script>")
permit (principal, action, resource);

@id("quoted")
@explain("<img src=x onerror=alert(2)> & 'so on'")
forbid (principal, action, resource)
when { context.tool.domain == "</pre><script>alert(3)</script>" }; // <b>bold</b>
"""


def _file(name: str, rules: str, **more: object) -> str:
    digest = f"sha256:{abs(hash(name)):064x}"
    document = {"policy_set": name, "version": 1, "rules": rules, **more}
    SwarmCodex.objects.create(
        digest=digest, title=name, symbolic_domain="*", version=1, document=document
    )
    return f"/policies/{digest}"


def test_hostile_text_is_escaped(browser: Client, db: None) -> None:
    facts = {"f": {"last": "output.x", "of": "<script>alert(5)</script>"}}
    path = _file("<script>alert(6)</script>", HOSTILE, facts=facts)
    for page in (browser.get(path), browser.get("/policies")):
        assert page.status_code == 200
        text = page.content.decode()
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "<b>bold</b>" not in text


def _many(count: int) -> str:
    return "\n".join(
        f'@id("rule-{number:04}")\n@explain("Tool {number} is called by nobody.")\n'
        f"forbid (principal, action, resource)\n"
        f'when {{ context.tool.domain == "domain-{number}" && context.tool.consequential }};\n'
        for number in range(count)
    )


def test_a_set_of_1000_rules_is_read_a_page_at_a_time(browser: Client, db: None) -> None:
    path = _file("many", _many(1_000))
    first = browser.get(path)
    assert len(first.content) < 100_000
    assert "page 1 of 25" in first.content.decode()
    last = browser.get(f"{path}?rule=rule-0999&format=json").json()["rules"]
    assert (last["page"], last["total"], last["rows"][-1]["id"]) == (25, 1_000, "rule-0999")
    assert "No rule on this page" in browser.get(f"{path}?page=99").content.decode()


def test_a_document_that_this_version_cannot_read_shows_its_rules_and_why(
    browser: Client, db: None
) -> None:
    facts = {"spent": {"product": "output.amount", "of": "issue_refund"}}
    path = _file("old", '@id("all") permit (principal, action, resource);', facts=facts)
    page = browser.get(path).content.decode()
    assert "cannot read the whole document" in page
    assert "facts.spent" in page
    assert 'id="rule-all"' in page
    assert "not readable" in browser.get("/policies").content.decode()

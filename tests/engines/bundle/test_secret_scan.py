from __future__ import annotations

import pytest

from mythos.engines.bundle.secret_scan import SHAPES, Finding, find_secrets, refuse_secrets
from mythos.errors import BundleSourceError

# Put together here, so that no scanner takes this file for a leak.
LEAKS = {
    "private key block": "-----BEGIN " + "OPENSSH PRIVATE KEY-----",
    "AWS access key id": "AKIA" + "Q" * 16,
    "AWS secret access key": "aws_secret_access_key = " + "kK7/+" * 8,
    "model provider key (sk-…)": "sk-" + "proj-" + "a1" * 12,
    "GitHub token": "ghp_" + "a" * 36,
    "GitLab token": "glpat-" + "a" * 20,
    "Slack token": "xoxb-" + "1" * 12,
    "Google API key": "AIza" + "b" * 35,
    "Hugging Face token": "hf_" + "c" * 34,
    "Stripe key": "sk_live_" + "d" * 24,
    "JSON Web Token": "eyJ" + "a" * 20 + ".eyJ" + "b" * 20 + ".sig",
    "password in a URL": "postgres://app:" + "hunter2" + "@db/app",
}


def test_every_shape_has_a_sample() -> None:
    assert LEAKS.keys() == SHAPES.keys()


@pytest.mark.parametrize("shape", LEAKS)
def test_each_shape_is_found_with_file_and_line(shape: str) -> None:
    text = f"name: a\nrole: b\ninstructions: use {LEAKS[shape]} now\n"
    assert find_secrets({"agents/a.yaml": text.encode()}) == (Finding(shape, "agents/a.yaml", 3),)


@pytest.mark.parametrize(
    "text",
    [
        "secrets: {API_KEY: env:API_KEY, TOKEN: file:/run/token}",
        "risk-assessment-of-long-tasks-and-disk-operations",
        "url: https://example.org/a:b/c@d",
        "dsn: postgres://${USER}:${PASSWORD}@db/app",
        "aws_secret_access_key: env:AWS_SECRET_ACCESS_KEY_OF_THE_REPORTING_AGENT",
        "a public key: -----BEGIN PUBLIC KEY-----",
    ],
)
def test_references_and_ordinary_text_pass(text: str) -> None:
    assert find_secrets({"a": text.encode()}) == ()


def test_the_refusal_names_places_and_never_the_secret() -> None:
    leak = LEAKS["AWS access key id"]
    with pytest.raises(BundleSourceError, match=r"memory/a/n\.md:2: looks like a AWS") as caught:
        refuse_secrets({"memory/a/n.md": b"x\n" + leak.encode()})
    assert leak not in str(caught.value)
    assert "env:NAME" in caught.value.remedy

"""The source of a small bundle for tests: one agent, two policy sets, one workflow, one memory."""

from __future__ import annotations

import json
from pathlib import Path

FLEET = """
environments:
  - {name: north, labels: {tier: test}, nodes: [{name: north-1}]}
  - {name: south, labels: {tier: test}, nodes: [{name: south-1}]}
"""

BUNDLE = """
name: shop
version: VERSION
labels: {tier: test}
destinations: [env:north, env:south]
"""

AGENT = """
name: seller
role: Sells things.
model: {provider: none, name: none}
instructions: Look before you sell; ask before you charge.
tools: [shop]
policies: [shop-rules, shop-limits]
workflows: [sell]
memory: {files: [memory/seller/prices.md]}
"""

RULES = """
policy_set: shop-rules
version: 1
covers: {tools: shop}
facts:
  asked: {once: user.confirm, since: charge}
rules: |
  @id("look")
  permit (principal, action in [Action::"look", Action::"ask", Action::"note"], resource);
  @id("charge") permit (principal, action == Action::"charge", resource)
    when { context.past.asked };
  @id("ask-first") @severity("warning")
  forbid (principal, action == Action::"charge", resource) unless { context.past.asked };
"""

LIMITS = """
policy_set: shop-limits
version: 1
covers: {tools: shop}
rules: |
  @id("limit") forbid (principal, action == Action::"charge", resource)
    when { context.input.cents > 1000 };
"""

WORKFLOW = """
schema: mythos.ritual/1
name: sell
version: 1
steps: {seq: [{act: look}, {act: ask}, {act: charge}]}
"""

TOOLS = {
    "domain": "shop",
    "tools": [
        {"name": "look", "effect": "read", "parameters": {"type": "object", "properties": {}}},
        {"name": "note", "effect": "none", "parameters": {"type": "object", "properties": {}}},
        {
            "name": "ask",
            "effect": "none",
            "user": True,
            "parameters": {"type": "object", "properties": {}},
        },
        {
            "name": "charge",
            "effect": "write",
            "parameters": {
                "type": "object",
                "properties": {"cents": {"type": "integer"}},
                "required": ["cents"],
            },
        },
    ],
}

CLEAN = [("look", {}, "ok"), ("ask", {}, "yes"), ("charge", {"cents": 500}, "charged")]
UNASKED = [("look", {}, "ok"), ("charge", {"cents": 500}, "charged")]
WANDERING = [
    ("look", {}, "ok"),
    ("note", {}, "ok"),
    ("note", {}, "ok"),
    ("ask", {}, "yes"),
    ("charge", {"cents": 500}, "charged"),
]


def write_shop(folder: Path, *, version: int = 1) -> Path:
    """Write the source tree and the fleet file; gives the folder."""
    files = {
        "bundle.yaml": BUNDLE.replace("VERSION", str(version)),
        "fleet.yaml": FLEET,
        "agents/seller.yaml": AGENT,
        "policies/shop-rules.yaml": RULES,
        "policies/shop-limits.yaml": LIMITS,
        "workflows/sell.yaml": WORKFLOW,
        "tools/shop.json": json.dumps(TOOLS),
        "memory/seller/prices.md": "A thing costs 5.00.\n",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder

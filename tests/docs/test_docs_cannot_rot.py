"""The documentation names what exists: a setting, command, route, error or flag without it fails.

Each failure lists what is missing, in the words that the page wants.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from mythos import errors
from mythos.cli.root import COMMANDS, root
from mythos.config import VARIABLES, Config
from mythos.engines.resilience.catalogue import CATALOGUE
from mythos.engines.resilience.components import WEIGHTS
from mythos.engines.telemetry import table
from mythos.engines.telemetry.user_events import AFFIRMATIVES, ALONE, OBLIGING
from mythos.errors import MythosError
from mythos.node import receiver
from mythos.values.reading import STATES
from mythos.values.schemas import TYPES

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def _page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def _missing(wanted: Iterable[str], text: str) -> list[str]:
    return [each for each in wanted if each not in text]


def test_every_setting_is_documented_with_what_it_must_be() -> None:
    rows = [f"| `{VARIABLES[n]}` | {f.description} |" for n, f in Config.model_fields.items()]
    assert _missing(rows, _page("reference/configuration.md")) == []


def _families() -> list[type[MythosError]]:
    classes = (cls for _, cls in inspect.getmembers(errors, inspect.isclass))
    return [cls for cls in classes if issubclass(cls, MythosError)]


def test_every_error_is_documented_with_its_status_and_exit_code() -> None:
    rows = [
        f"| `{cls.__name__}` | `{cls.__bases__[0].__name__}` "
        f"| {cls.http_status} | {cls.exit_code} | {cls.__doc__} |"
        for cls in _families()
    ]
    assert _missing(rows, _page("reference/errors.md")) == []


def _commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(root)
    pending: list[tuple[str, click.Command | None]] = [
        (f"mythos {name}", root.get_command(context, name)) for name in sorted(COMMANDS)
    ]
    while pending:
        path, command = pending.pop(0)
        if isinstance(command, click.Group):
            pending += [(f"{path} {name}", each) for name, each in command.commands.items()]
        elif command is not None:
            yield path, command


def _sections(text: str) -> dict[str, str]:
    """Text under each `### `command`` heading."""
    parts = re.split(r"^### `([^`]+)`$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_command_and_option_is_documented_and_nothing_else() -> None:
    sections = _sections(_page("reference/command-line.md"))
    commands = dict(_commands())
    undocumented = [
        f"{path} {option}".strip()
        for path, command in commands.items()
        for option in ("", *_options(command))
        if path not in sections or (option and f"`{option}" not in sections[path])
    ]
    assert undocumented == []
    assert sorted(sections.keys() - commands.keys()) == [], "no such command any more"


def _options(command: click.Command) -> list[str]:
    return [p.opts[0] for p in command.params if isinstance(p, click.Option)]


def test_every_command_that_a_text_advises_exists() -> None:
    """Remedies, suggested actions and pages name no command that nobody can run."""
    nouns = "|".join((*COMMANDS, "alert", "doctor", "memory", "policy", "workflow"))
    advised = re.compile(rf"`(?:[A-Z_]+=\S+ )?mythos ((?:{nouns}) [a-z]+)")
    known = {path.removeprefix("mythos ") for path, _ in _commands()}
    texts = [*(DOCS.parent / "src").rglob("*.py"), *(DOCS.parent / "src").rglob("*.html"), *PAGES]
    named = {
        (found, path.name)
        for path in texts
        for found in advised.findall(path.read_text("utf-8"))
        if found.split()[0] not in known  # `mythos audit` takes no verb
    }
    assert [one for one in sorted(named) if one[0] not in known] == []


def _routes(patterns: Iterable[URLPattern | URLResolver], prefix: str = "/") -> Iterator[str]:
    for each in patterns:
        path = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from _routes(each.url_patterns, path)
        else:
            yield path


def _plain(route: str) -> str:
    """`<str:node_id>` as pages write it: `{node_id}`."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)


def test_every_route_of_the_control_plane_is_documented() -> None:
    nothing_there = {"/api/v1/", "/api/v1/{rest}"}
    routes = {_plain(route) for route in _routes(get_resolver().url_patterns)} - nothing_there
    wanted = [f"| `{route}` |" for route in sorted(routes) if not route.startswith("/static/")]
    assert _missing(wanted, _page("reference/routes.md")) == []


def test_every_route_of_a_node_is_documented() -> None:
    routes = re.findall(r"^    (?:POST|GET) +(/\S+)", receiver.__doc__ or "", re.MULTILINE)
    assert len(routes) >= 3
    assert _missing((f"| `{route}` |" for route in routes), _page("reference/routes.md")) == []


def test_every_word_that_counts_as_a_yes_is_documented() -> None:
    page = _page("reference/affirmatives.md")
    rows = [
        f"(`{language}`) | {', '.join(f'`{word}`' for word in words)} |"
        for language, words in AFFIRMATIVES.items()
    ]
    others = [", ".join(f"`{word}`" for word in words) for words in (ALONE, OBLIGING)]
    assert _missing([*rows, *others], page) == []


def test_every_attribute_that_is_read_is_documented() -> None:
    page = _page("reference/spans.md")
    keys = {key for name, keys in vars(table).items() if name.endswith("_KEYS") for key in keys}
    assert len(keys) > 30
    assert _missing((f"`{key}`" for key in sorted(keys)), page) == []


def test_every_part_state_and_flag_of_the_score_is_documented() -> None:
    page = _page("explanation/resilience-score.md")
    parts = [rf"\| `{name}` [^|]*\| {weight:.2f} \|" for name, weight in WEIGHTS.items()]
    assert [part for part in parts if not re.search(part, page)] == []
    assert re.findall(r"^\| `([A-Z_]+)` \| [a-z]", page, re.MULTILINE)[: len(STATES)] == [*STATES]
    flags = [f"| `{kind.code}` | {kind.severity}" for kind in CATALOGUE.values()]
    assert _missing(flags, page) == []


def test_every_schema_is_documented() -> None:
    assert _missing((f"| `{name}` |" for name in TYPES), _page("reference/schemas.md")) == []


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(DOCS)) for page in PAGES])
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = [link for link in _LINK.findall(page.read_text("utf-8")) if "://" not in link]
    assert [link for link in links if not _leads(page, link)] == []


def _leads(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.is_file():
        return False
    return not anchor or anchor in _anchors(target)


def _anchors(page: Path) -> set[str]:
    headings = _HEADING.findall(page.read_text("utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_reached_from_the_index() -> None:
    reached, pending = set[Path](), [DOCS / "README.md"]
    while pending:
        page = pending.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        links = (link.partition("#")[0] for link in _LINK.findall(page.read_text("utf-8")))
        found = ((page.parent / link).resolve() for link in links if link and "://" not in link)
        pending += [target for target in found if target.is_file()]
    assert [str(page.relative_to(DOCS)) for page in PAGES if page not in reached] == []

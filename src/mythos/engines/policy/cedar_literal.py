"""Cedar text from values: strings, literals and paths, quoted as Cedar reads them."""

from __future__ import annotations

from pydantic import JsonValue

from mythos.errors import PolicyError

_WORDS = frozenset({"true", "false", "if", "then", "else", "in", "is", "like", "has"})


def cedar_string(value: str) -> str:
    """A text as a Cedar string."""
    return f'"{"".join(map(_escaped, value))}"'


def cedar_literal(value: JsonValue) -> str:
    """A value in Cedar's JSON form as an expression.

    Raises:
        PolicyError: an empty list, or a value that Cedar has no form for.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return cedar_string(value)
    if isinstance(value, list) and value:
        return f"[{', '.join(map(cedar_literal, value))}]"
    if isinstance(value, dict):
        extension = value.get("__extn")
        if isinstance(extension, dict):
            return f'decimal("{extension["arg"]}")'
        return (
            f"{{{', '.join(f'{cedar_string(k)}: {cedar_literal(v)}' for k, v in value.items())}}}"
        )
    if isinstance(value, int):
        return str(value)
    raise PolicyError(
        "an empty list has no form that Cedar's strict validator takes",
        remedy="choose another argument, or change the rule by hand",
    )


def cedar_key(name: str) -> str:
    """A name as it stands after `has`."""
    return name if _is_word(name) else cedar_string(name)


def cedar_path(*names: str) -> str:
    """The attribute of `context` that these names lead to: `context.input.amount`."""
    return "context" + "".join(
        f".{name}" if _is_word(name) else f"[{cedar_string(name)}]" for name in names
    )


def _escaped(sign: str) -> str:
    if sign in '"\\':
        return f"\\{sign}"
    return sign if sign.isprintable() else f"\\u{{{ord(sign):x}}}"


def _is_word(name: str) -> bool:
    return name.isascii() and name.isidentifier() and name not in _WORDS

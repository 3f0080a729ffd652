"""How texts of documents must be written, in words: nobody should have to read an expression.

Each pattern of a document that people write is here with what it describes and how to write it.
"""

from __future__ import annotations

NAME = r"^[A-Za-z0-9][A-Za-z0-9._/ -]*$"
SET_NAME = r"^[A-Za-z0-9][A-Za-z0-9._ -]*$"
PLAIN_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
NOT_BLANK = r"\S"
FACT_NAME = r"^[a-z][a-z0-9_]{0,63}$"
DURATION = r"^[1-9][0-9]{0,5}[smhd]$"
FIELD_PATH = r"^(input|output)(\.[A-Za-z_][A-Za-z0-9_-]{0,99}){0,8}$"
SECRET_REF = r"^(env|file):.+$"  # noqa: S105 - a pattern, no secret
DESTINATION = r"^(env:|oci://|file:).+$"
LABEL_KEY = r"^[a-z0-9][a-z0-9._/-]*$"
DIGEST = r"^sha256:[0-9a-f]{64}$"

IN_WORDS = {
    NAME: (
        "no name",
        "begin with a letter or digit and use these, spaces and . _ / -, such as refund-rules",
    ),
    SET_NAME: (
        "no name of a policy set",
        "begin with a letter or digit and use these, spaces and . _ -, such as refund-rules",
    ),
    PLAIN_NAME: (
        "no name",
        "begin with a letter or digit and use letters, digits and . _ -, such as front-desk",
    ),
    NOT_BLANK: ("no name: it is blank", "name what is meant, or leave it out, such as recipients"),
    FACT_NAME: (
        "no name of a fact",
        "begin with a lower-case letter and use these, digits and _, such as order_status",
    ),
    DURATION: (
        "no length of time",
        "write a whole number with s, m, h or d for its unit, such as 10m",
    ),
    FIELD_PATH: (
        "no field of a call",
        "write input.NAME or output.NAME, such as input.amount_cents",
    ),
    SECRET_REF: ("no place of a secret", "write env:NAME or file:PATH, such as env:API_KEY"),
    DESTINATION: (
        "no destination",
        "write env:NAME, oci://REGISTRY/NAME or file:PATH, such as env:REGISTRY",
    ),
    LABEL_KEY: (
        "no name of a label",
        "begin with a lower-case letter or digit and use these and . _ / -, such as zone",
    ),
    DIGEST: ("no digest", "write sha256: and 64 digits of 0-9 and a-f"),
}
"""For each pattern what a text that breaks it is not, and what to write."""

"""Configuration: what the environment says, read once and checked whole.

`load_config(os.environ)` answers with one frozen model or raises one `ConfigError` that names every
wrong variable. An unset or empty variable means its default, so an empty environment is valid.
Importing this module reads nothing; nothing here creates a folder, a file or a key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from mythos.errors import ConfigError

_HOST = re.compile(r"\.?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_SQLITE = "django.db.backends.sqlite3"
_POSTGRESQL = "django.db.backends.postgresql"


@dataclass(frozen=True, slots=True)
class Database:
    """Where the server keeps its tables: the pieces of one Django `DATABASES` entry."""

    engine: str
    name: str
    user: str = ""
    password: str = field(default="", repr=False)
    host: str = ""
    port: int | None = None
    options: tuple[tuple[str, str], ...] = ()

    @property
    def is_sqlite(self) -> bool:
        """Whether the tables live in one file on this machine."""
        return self.engine == _SQLITE


def _parse_database(url: object) -> object:
    """Turn a database URL into a `Database`; what is none already passes through."""
    if not isinstance(url, str):
        return url
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return _sqlite(parts)
    if parts.scheme in {"postgres", "postgresql"}:
        return _postgresql(parts)
    raise ValueError("unknown scheme")


def _sqlite(parts: SplitResult) -> Database:
    name = unquote(parts.path.removeprefix("/"))
    if parts.netloc or parts.query or parts.fragment or name in {"", ":memory:"}:
        raise ValueError("not the path of a file")
    return Database(engine=_SQLITE, name=name)


def _postgresql(parts: SplitResult) -> Database:
    name = unquote(parts.path.removeprefix("/"))
    if not name or "/" in name:
        raise ValueError("no database name")
    return Database(
        engine=_POSTGRESQL,
        name=name,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        host=parts.hostname or "",
        port=parts.port,
        options=tuple(parse_qsl(parts.query, strict_parsing=bool(parts.query))),
    )


def _split_hosts(listed: object) -> object:
    """Split a comma-separated list; what is none already passes through."""
    if not isinstance(listed, str):
        return listed
    return tuple(host.strip() for host in listed.split(",") if host.strip())


def _check_hosts(hosts: tuple[str, ...]) -> tuple[str, ...]:
    if not hosts or not all(_HOST.fullmatch(host) for host in hosts):
        raise ValueError("not a list of hosts")
    return hosts


def _check_absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("not absolute")
    return path


def _check_divides_hour(seconds: int) -> int:
    if 3600 % seconds:
        raise ValueError("does not divide an hour")
    return seconds


def _whole(unit: str, low: int, high: int) -> Any:  # noqa: ANN401  pydantic types Field() so
    return Field(ge=low, le=high, description=f"whole {unit} from {low} to {high}")


class Config(BaseModel):
    """Every setting of a MythOS process. A field's description says what its variable must be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Annotated[
        Path,
        AfterValidator(_check_absolute),
        Field(description="an absolute path of a folder for state"),
    ]
    database: Annotated[
        Database,
        BeforeValidator(_parse_database),
        Field(
            description="sqlite:///FILE (under MYTHOS_HOME), sqlite:////ABSOLUTE/FILE or "
            "postgresql://USER:PASSWORD@HOST:PORT/NAME",
        ),
    ]
    secret_key: Annotated[
        SecretStr | None,
        # 50 characters: what Django's own deployment check asks for (security.W009).
        Field(min_length=50, description="at least 50 random characters"),
    ] = None
    allowed_hosts: Annotated[
        tuple[str, ...],
        BeforeValidator(_split_hosts),
        AfterValidator(_check_hosts),
        Field(
            description="host names or addresses between commas (.example.org for a whole domain)"
        ),
    ] = ("127.0.0.1", "localhost", "[::1]")
    debug: Annotated[bool, Field(description="true or false")] = False
    cell_s: Annotated[
        int,
        Field(ge=1, le=3600, description="whole seconds that divide an hour (1 to 3600)"),
        AfterValidator(_check_divides_hour),
    ] = 60
    close_grace_s: Annotated[int, _whole("seconds", 0, 3600)] = 30
    run_timeout_s: Annotated[int, _whole("seconds", 1, 86_400)] = 900
    heartbeat_s: Annotated[int, _whole("seconds", 1, 3600)] = 60
    reading_every_s: Annotated[int, _whole("seconds", 0, 3600)] = 60  # 0: at every intake
    retention_days: Annotated[int, _whole("days", 28, 3650)] = 400  # 28: the window of a score

    @field_validator("database", mode="after")
    @classmethod
    def _place_under_home(cls, database: Database, info: ValidationInfo) -> Database:
        """Make the path of an SQLite file absolute, whatever folder the process runs in."""
        if not database.is_sqlite or "home" not in info.data:
            return database
        return replace(database, name=str(info.data["home"] / database.name))

    @property
    def secret_key_file(self) -> Path:
        """Where the server keeps the key it makes when none is given."""
        return self.home / "secret_key"


VARIABLES: Mapping[str, str] = {
    name: "DATABASE_URL" if name == "database" else f"MYTHOS_{name.upper()}"
    for name in Config.model_fields
}
"""The environment variable of each field."""

_SECRET = frozenset({"database", "secret_key"})


def load_config(environ: Mapping[str, str]) -> Config:
    """The settings that `environ` gives, with the default for what it leaves unset or empty.

    Raises:
        ConfigError: one or more variables are wrong; the message names every one of them, and
            shows no value that may hold a secret.
    """
    user_home = Path(environ.get("HOME") or Path.home())
    given = {name: environ[var] for name, var in VARIABLES.items() if environ.get(var)}
    home = given.get("home", "~/.local/share/mythos")
    if home == "~" or home.startswith("~/"):
        home = str(user_home / home[2:])
    given = {"database": "sqlite:///mythos.sqlite3", **given, "home": home}
    try:
        return Config.model_validate(given)
    except ValidationError as error:
        wrong = {detail["loc"][0] for detail in error.errors()}
        raise _config_error([name for name in VARIABLES if name in wrong], given) from None


def _config_error(wrong: list[str], given: Mapping[str, str]) -> ConfigError:
    """One error for the fields `wrong`, in the words of their descriptions."""
    seen = [VARIABLES[name] + ("" if name in _SECRET else f"={given[name]!r}") for name in wrong]
    wanted = [f"{VARIABLES[name]} to {Config.model_fields[name].description}" for name in wrong]
    return ConfigError(
        f"wrong in the environment: {', '.join(seen)}",
        remedy=f"unset each for its default, or set {'; '.join(wanted)}",
    )

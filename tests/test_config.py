"""What the environment may say, and what is answered when it is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from mythos.config import VARIABLES, Config, load_config
from mythos.errors import ConfigError

_ODD_PASSWORD_URL = "postgresql://mythos:p%40ss%2Fword@db.example:5433/fleet?sslmode=require"


def test_given_an_empty_environment_then_every_default_holds() -> None:
    config = load_config({"HOME": "/home/ada"})
    assert config.home == Path("/home/ada/.local/share/mythos")
    assert config.database.name == "/home/ada/.local/share/mythos/mythos.sqlite3"
    assert config.database.is_sqlite
    assert config.secret_key is None
    assert config.allowed_hosts == ("127.0.0.1", "localhost", "[::1]")
    assert config.debug is False
    assert (config.cell_s, config.close_grace_s, config.run_timeout_s) == (60, 30, 900)
    assert (config.heartbeat_s, config.reading_every_s, config.retention_days) == (60, 60, 400)


def test_given_no_home_of_a_user_then_the_state_still_has_a_place() -> None:
    assert load_config({}).home.is_absolute()


def test_an_empty_variable_means_its_default() -> None:
    assert load_config({"MYTHOS_DEBUG": "", "MYTHOS_CELL_S": ""}) == load_config({})


def test_variables_of_others_are_ignored() -> None:
    assert load_config({"PATH": "/bin", "HOME": "/h"}) == load_config({"HOME": "/h"})


def test_every_variable_is_read() -> None:
    config = load_config(
        {
            "MYTHOS_HOME": "/srv/mythos",
            "DATABASE_URL": "postgresql:///fleet",
            "MYTHOS_SECRET_KEY": "k" * 50,
            "MYTHOS_ALLOWED_HOSTS": "fleet.example, .inner.example ,10.0.0.7,[fe80::1]",
            "MYTHOS_DEBUG": "true",
            "MYTHOS_CELL_S": "1",
            "MYTHOS_CLOSE_GRACE_S": "2",
            "MYTHOS_RUN_TIMEOUT_S": "3",
            "MYTHOS_HEARTBEAT_S": "4",
            "MYTHOS_READING_EVERY_S": "0",
            "MYTHOS_RETENTION_DAYS": "90",
        }
    )
    assert config.secret_key is not None
    assert config.secret_key.get_secret_value() == "k" * 50
    assert config.model_dump(exclude={"secret_key", "database"}) == {
        "home": Path("/srv/mythos"),
        "allowed_hosts": ("fleet.example", ".inner.example", "10.0.0.7", "[fe80::1]"),
        "debug": True,
        "cell_s": 1,
        "close_grace_s": 2,
        "run_timeout_s": 3,
        "heartbeat_s": 4,
        "reading_every_s": 0,
        "retention_days": 90,
    }


def test_a_tilde_is_the_home_of_the_user() -> None:
    assert load_config({"HOME": "/home/ada", "MYTHOS_HOME": "~/m"}).home == Path("/home/ada/m")


def test_a_relative_sqlite_file_lies_in_the_state_folder() -> None:
    config = load_config({"MYTHOS_HOME": "/srv/m", "DATABASE_URL": "sqlite:///fleet.db"})
    assert config.database.name == "/srv/m/fleet.db"


def test_an_absolute_sqlite_file_lies_where_it_says() -> None:
    config = load_config({"MYTHOS_HOME": "/srv/m", "DATABASE_URL": "sqlite:////var/db/a%20b.db"})
    assert config.database.name == "/var/db/a b.db"


def test_a_postgresql_url_is_taken_apart_and_decoded() -> None:
    database = load_config({"DATABASE_URL": _ODD_PASSWORD_URL}).database
    assert database.engine == "django.db.backends.postgresql"
    assert (database.name, database.user, database.password) == ("fleet", "mythos", "p@ss/word")
    assert (database.host, database.port) == ("db.example", 5433)
    assert database.options == (("sslmode", "require"),)
    assert not database.is_sqlite


def test_a_configuration_shows_no_secret() -> None:
    config = load_config({"DATABASE_URL": _ODD_PASSWORD_URL, "MYTHOS_SECRET_KEY": "k" * 50})
    assert "p@ss" not in repr(config)
    assert "kkk" not in repr(config)


def test_a_configuration_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_config({}).cell_s = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MYTHOS_HOME", "state"),
        ("DATABASE_URL", "mysql://db/fleet"),
        ("DATABASE_URL", "fleet.sqlite3"),
        ("DATABASE_URL", "sqlite:///"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "sqlite://host/fleet.db"),
        ("DATABASE_URL", "sqlite:///fleet.db?mode=ro"),
        ("DATABASE_URL", "postgresql://db"),
        ("DATABASE_URL", "postgresql://db/a/b"),
        ("DATABASE_URL", "postgresql://db:70000/fleet"),
        ("DATABASE_URL", "postgresql://[::1/fleet"),
        ("DATABASE_URL", "postgresql://db/fleet?sslmode"),
        ("MYTHOS_SECRET_KEY", "k" * 49),
        ("MYTHOS_ALLOWED_HOSTS", "*"),
        ("MYTHOS_ALLOWED_HOSTS", ","),
        ("MYTHOS_ALLOWED_HOSTS", "http://fleet.example"),
        ("MYTHOS_DEBUG", "perhaps"),
        ("MYTHOS_CELL_S", "0"),
        ("MYTHOS_CELL_S", "7"),
        ("MYTHOS_CELL_S", "7200"),
        ("MYTHOS_CELL_S", "a minute"),
        ("MYTHOS_CLOSE_GRACE_S", "-1"),
        ("MYTHOS_CLOSE_GRACE_S", "3601"),
        ("MYTHOS_RUN_TIMEOUT_S", "0"),
        ("MYTHOS_RUN_TIMEOUT_S", "86401"),
        ("MYTHOS_HEARTBEAT_S", "0"),
        ("MYTHOS_HEARTBEAT_S", "999999999999999"),
        ("MYTHOS_READING_EVERY_S", "-1"),
        ("MYTHOS_RETENTION_DAYS", "27"),
        ("MYTHOS_RETENTION_DAYS", "3651"),
    ],
)
def test_a_wrong_value_is_refused_by_name_with_what_it_must_be(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=variable) as caught:
        load_config({variable: value})
    assert f"set {variable} to " in caught.value.remedy


def test_given_several_wrong_variables_then_one_error_names_them_all() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config({"MYTHOS_HEARTBEAT_S": "soon", "MYTHOS_CELL_S": "7", "MYTHOS_DEBUG": "true"})
    assert str(caught.value) == (
        "wrong in the environment: MYTHOS_CELL_S='7', MYTHOS_HEARTBEAT_S='soon'"
    )
    assert caught.value.remedy == (
        "unset each for its default, or set "
        "MYTHOS_CELL_S to whole seconds that divide an hour (1 to 3600); "
        "MYTHOS_HEARTBEAT_S to whole seconds from 1 to 3600"
    )


def test_given_a_wrong_state_folder_then_only_that_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config({"MYTHOS_HOME": "state"})
    assert str(caught.value) == "wrong in the environment: MYTHOS_HOME='state'"


def test_an_error_shows_no_secret() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config({"DATABASE_URL": "mysql://u:hunter2@db/x", "MYTHOS_SECRET_KEY": "short1"})
    told = f"{caught.value} {caught.value.remedy} {caught.value.__cause__}"
    assert "hunter2" not in told
    assert "short1" not in told


def test_every_setting_says_what_it_must_be() -> None:
    described = {name for name, info in Config.model_fields.items() if info.description}
    assert described == VARIABLES.keys()


def test_given_a_wrong_environment_then_the_module_still_imports() -> None:
    wrong = dict.fromkeys(VARIABLES.values(), "wrong")
    subprocess.run([sys.executable, "-c", "import mythos.config"], env=wrong, check=True)

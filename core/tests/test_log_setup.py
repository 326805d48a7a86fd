"""Settings of the log: each shows in what is written, and a wrong value is refused with its name."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from traitlets.config import Config

from plughub.app.config import JupyterHub
from plughub.app.log_setup import extra_handlers, set_up_logging
from plughub.domain.errors import StartError
from plughub.services.observability.log_rate_limit import unauthenticated_address


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    """Restore what set_up_logging changes."""
    root = logging.getLogger()
    names = ("alembic", "traitlets", "plughub.quiet")
    before, levels = root.handlers[:], {name: logging.getLogger(name).level for name in ("", *names)}
    yield
    for handler in [handler for handler in root.handlers if handler not in before]:
        handler.close()
    root.handlers[:] = before
    for name, level in levels.items():
        logging.getLogger(name or None).setLevel(level)


def logged(settings: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> str:
    """Return what is written to standard error for a line of each level."""
    config = Config({"JupyterHub": settings})
    further = extra_handlers(config)
    set_up_logging(JupyterHub(config=config), further)
    for level in (logging.DEBUG, logging.INFO, logging.WARNING):
        logging.getLogger("plughub.test").log(level, "hello")
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"log_format": "%(message)s"}, "hello\nhello\n"),
        ({"log_format": "[%(name)s]%(highlevel)s %(message)s"}, "[plughub.test] WARNING | hello\n"),
        ({"log_format": "%(color)s[%(levelname)1.1s]%(end_color)s %(message)s"}, "[I] hello\n[W] hello\n"),
        ({"log_format": "%(asctime)s|%(message)s", "log_datefmt": "day"}, "day|hello\n"),
        ({"log_level": 30, "log_format": "%(message)s"}, "hello\n"),
        ({"log_level": "debug", "log_format": "%(levelname)s"}, "DEBUG\nINFO\nWARNING\n"),
        (
            {"logging_config": {"formatters": {"console": {"fmt": "%(levelname)s!"}}}},
            "INFO!\nWARNING!\n",
        ),
        (
            {"log_format": "%(message)s", "logging_config": {"loggers": {"JupyterHub": {"level": "ERROR"}}}},
            "",
        ),
        (
            {"log_format": "%(levelname)s", "logging_config": {"loggers": {"plughub.test": {"level": "WARNING"}}}},
            "WARNING\n",
        ),
    ],
)  # fmt: skip
def test_a_setting_shows_in_the_log(settings, expected, capsys) -> None:
    shown = logged(settings, capsys)
    assert shown.endswith(expected) if expected else not shown
    logging.getLogger("plughub.test").setLevel(logging.NOTSET)


def test_the_log_is_also_written_to_a_file_and_to_what_the_configuration_adds(tmp_path: Path, capsys) -> None:
    files = {"filename": str(tmp_path / "more.log"), "class": "logging.FileHandler", "formatter": "console"}
    shown = logged(
        {
            "extra_log_file": str(tmp_path / "hub.log"),
            "log_format": "%(levelname)s",
            "logging_config": {
                "handlers": {"more": files},
                "loggers": {"JupyterHub": {"handlers": ["console", "more"]}},
            },
        },
        capsys,
    )
    texts = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert (shown, texts) == ("INFO\nWARNING\n", dict.fromkeys(("hub.log", "more.log"), "INFO\nWARNING\n"))


def test_lines_of_strangers_above_the_configured_number_are_only_counted(capsys) -> None:
    token = unauthenticated_address.set("192.0.2.1")
    try:
        shown = logged({"log_lines_of_strangers_per_hour": 1, "log_format": "%(message)s"}, capsys)
    finally:
        unauthenticated_address.reset(token)
    assert shown == "hello\ndropped 1 log lines about requests of unauthenticated clients\n"


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"log_level": "loud"}, r"log_level: unknown level: 'loud'"),
        ({"log_format": "%(nosuch)s"}, "log_format"),
        ({"log_format": "%(message"}, "log_format"),
        ({"logging_config": {"handlers": {"x": {"class": "no.such.Handler"}}}}, "logging_config"),
        ({"logging_config": {"handlers": {"x": 3}}}, "logging_config"),
        ({"logging_config": {"loggers": {"JupyterHub": {"handlers": ["absent"]}}}}, "logging_config"),
        ({"extra_log_file": "/no/such/folder/hub.log"}, r"/no/such/folder/hub\.log .*extra_log_file"),
    ],
)
def test_an_invalid_setting_is_refused_by_its_name(settings, named, capsys) -> None:
    with pytest.raises(StartError, match=named):
        logged(settings, capsys)


def test_additional_handlers_get_the_hubs_format_unless_they_have_one(capsys) -> None:
    plain, own = logging.StreamHandler(io.StringIO()), logging.StreamHandler(io.StringIO())
    own.setFormatter(logging.Formatter("mine %(message)s"))
    logged({"extra_log_handlers": [plain, own], "log_format": "%(levelname)s", "log_level": 30}, capsys)
    assert (plain.stream.getvalue(), own.stream.getvalue()) == ("WARNING\n", "mine hello\n")


@pytest.mark.parametrize("given", [["file"], "file", 3, None, logging.NullHandler()])
def test_invalid_additional_handlers_are_refused(given) -> None:
    with pytest.raises(StartError, match=r"c\.JupyterHub\.extra_log_handlers"):
        extra_handlers(Config({"JupyterHub": {"extra_log_handlers": given}}))


def test_an_additional_handler_may_be_appended() -> None:
    config, kept = Config(), logging.NullHandler()
    config.JupyterHub.extra_log_handlers.append(kept)
    assert extra_handlers(config) == [kept]

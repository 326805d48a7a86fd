"""The routes on disk."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from plughub_haproxy import route_file
from plughub_haproxy.route_file import RouteFile


@pytest.fixture
def file(tmp_path) -> RouteFile:
    return RouteFile(tmp_path)


def test_without_any_file_there_are_no_routes(file):
    assert file.read() == {}


def test_changes_are_read_after_the_map(file):
    file.write({"a": "1", "b": "1"})
    file.append("b", "2")
    file.append("c", "1")
    file.append("a")
    file.append("missing")

    assert file.read() == {"b": "2", "c": "1"}


def test_writing_the_map_ends_the_log(file, tmp_path):
    file.append("a", "1")
    file.write({"b": "1"})

    assert file.read() == {"b": "1"}
    assert (tmp_path / "routes.map").read_text() == "b 1\n"
    assert (tmp_path / "routes.map").stat().st_mode & 0o777 == 0o600


def test_a_truncated_line_is_ignored(file, tmp_path):
    file.append("a", "1")
    with (tmp_path / "routes.log").open("a") as log:
        log.write("b 1|2|3")

    assert file.read() == {"a": "1"}


def test_a_long_log_requests_the_whole_map(file, monkeypatch):
    monkeypatch.setattr(route_file, "MAX_LOG_BYTES", 20)

    assert not file.append("a", "1")
    assert file.append("b", "x" * 20)


def test_concurrent_writers_lose_no_change(file, tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: RouteFile(tmp_path).append(f"k{n}", f"v{n}"), range(400)))

    assert file.read() == {f"k{n}": f"v{n}" for n in range(400)}

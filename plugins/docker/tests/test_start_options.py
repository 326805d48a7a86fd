"""Options that users choose, and their refusal, without an engine."""

import pytest

from plughub.spawner import SpawnFailed
from plughub_docker import repository_clone, start_options
from plughub_docker.options import options_of

ALLOWED = ["https://code.example.org/course/*", "https://*.example.net:8443/*", "http://lab.example.org/one"]


@pytest.mark.parametrize(
    "url",
    [
        "https://code.example.org/course/first",
        "https://code.example.org/course/deep/first.git",
        "https://a.example.net:8443/x",
        "http://lab.example.org/one",
    ],
)
def test_a_repository_that_is_listed_may_be_cloned(url):
    assert start_options.repository(url, ALLOWED) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://code.example.org/other/first",
        "http://code.example.org/course/first",
        "https://evil.example.com/x.example.net:8443/x",
        "https://a.example.net/x",
        "https://code.example.org/course/../other/first",
        "https://code.example.org/course/%2e%2e/other",
        "https://me:secret@code.example.org/course/first",
        "https://code.example.org/course/first?x=1",
        "https://code.example.org/course/first#x",
        "https://code.example.org/course/first\n--upload-pack=x",
        "https://code.example.org/course/-x",
        "https://code.example.org/course/.git",
        "https://code.example.org:x/course/first",
        "https://evil.example.com%2f.example.net:8443/x",
        "https://evil.example.com\\.example.net:8443/x",
        "https://evil.example.com;.example.net:8443/x",
        "https://evil.example.com .example.net:8443/x",
        "https://-x.example.net:8443/x",
        "file:///etc/course",
        "ssh://code.example.org/course/first",
        "ext::sh -c id",
        "--upload-pack=touch /tmp/x",
        "/etc",
        " https://code.example.org/course/first",
        ["https://code.example.org/course/first"],
        7,
    ],
)
def test_any_other_repository_is_refused(url):
    with pytest.raises(SpawnFailed, match="repository") as caught:
        start_options.repository(url, ALLOWED)
    assert caught.value.status == 400


def test_without_a_list_no_repository_and_no_variable_can_be_chosen():
    with pytest.raises(SpawnFailed, match="allowed_repositories"):
        start_options.repository("https://code.example.org/course/first", [])
    with pytest.raises(SpawnFailed, match="allowed_environment"):
        start_options.environment({"A": "1"}, [])
    assert start_options.repository("", []) == ""
    assert start_options.environment({}, []) == {}


def test_variables_that_are_listed_may_be_set():
    requested = {"THEME": "dark", "COURSE_ONE": "a=b c"}
    assert start_options.environment(requested, ["THEME", "COURSE_*"]) == requested


@pytest.mark.parametrize(
    "requested",
    [
        {"OTHER": "x"},
        {"JUPYTERHUB_API_TOKEN": "x"},
        {"JPY_API_TOKEN": "x"},
        {"PLUGHUB_MARK": "x"},
        {"A B": "x"},
        {"": "x"},
        {"A": 3},
        {"A": "x\0"},
        {"A": "x" * 5000},
        {3: "x"},
        {f"A{number}": "x" for number in range(200)},
        ["A=x"],
        "A=x",
        None,
    ],
)
def test_any_other_variable_is_refused(requested):
    with pytest.raises(SpawnFailed, match=r"environment|value of"):
        start_options.environment(requested, ["A*", "J*", "P*"])


def test_the_form_is_read_line_by_line_and_empty_fields_are_ignored():
    form = {"image": ["a"], "environment": ["A=1\r\n\r\nB = x=y \n"], "repository": [""]}
    assert options_of(form) == {"image": "a", "environment": {"A": "1", "B": "x=y"}}
    assert options_of({"environment": ["  "], "repository": []}) == {}


def test_an_invalid_line_of_the_form_is_quoted():
    with pytest.raises(ValueError, match="'nonsense' is not NAME=value"):
        options_of({"environment": ["nonsense"]})


def test_the_form_offers_what_is_allowed_and_nothing_else():
    assert start_options.form([], []) == ""
    again = start_options.form(["A", "B", "C"], [], {"A": "1", "B": "</textarea>", "C": "two\nlines"})
    assert ">A=1\nB=&lt;/textarea&gt;</textarea>" in again
    text = start_options.form(['A"<b>'], ["https://code.example.org/one", "https://code.example.org/*"])
    assert "A&quot;&lt;b&gt;" in text
    assert '<option value="https://code.example.org/one">' in text
    assert '<option value="https://code.example.org/*">' not in text


def test_a_failed_clone_is_reported_with_gits_message():
    lines = ["Cloning x", "fatal: repository not found", repository_clone.FAILED]
    assert repository_clone.read_progress(lines) == repository_clone.CloneProgress(
        ready=False, last="fatal: repository not found"
    )

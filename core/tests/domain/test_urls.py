from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plughub.domain.urls import (
    guess_base_url,
    hub_url,
    safe_next,
    service_url,
    spawn_pending_url,
    spawn_url,
    url_escape_path,
    url_path_join,
    url_unescape_path,
    user_url,
)

HOST = "hub.example.org:8000"

ELSEWHERE = [
    "//e",
    "///e",
    "////e",
    "/\\e",
    "\\\\e",
    "\\/e",
    "https:e",
    "https:/e",
    "https:///e",
    "http:e.com",
    "https://e",
    "https://e/hub/home",
    f"https://{HOST}//e",
    f"https://{HOST}/\\e",
    f"//{HOST}//e",
    f"https://{HOST}@e/",
    f"https://e#@{HOST}/",
    f"https://e\\@{HOST}/",
    f"https://{HOST}.e/",
    f"https://e.{HOST}/",
    f"ftp://{HOST}/x",
    "%2f%2fe",
    "/%2f%2fe",
    "/%2fe",
    "/%252fe",
    "/%5ce",
    "/%255ce",
    "/\t/e",
    "\t//e",
    "/\n/e",
    "/\r\n/e",
    "/hub\r\nSet-Cookie: a=b",
    "\x00//e",
    "\x01https://e",
    "/%09/e",
    "/%0a/e",
    "/.//e",
    "/..//e",
    "/x/..//e",
    "/%2e%2e//e",
    "/%2e/%2fe",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,x",
    "e",
    "hub/home",
    "?next=//e",
    "https://[e",
    "//[::1",
    "",
    " ",
    " //e",
    "\u00a0//e",
    "\u2028//e",
]


@pytest.mark.parametrize("url", ELSEWHERE)
def test_redirects_to_other_sites_are_refused(url: str) -> None:
    assert safe_next(url, HOST) == ""


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/hub/home", "/hub/home"),
        ("/", "/"),
        ("/user/a/lab?x=1&y=//e#top", "/user/a/lab?x=1&y=//e#top"),
        ("/user/a%20b/", "/user/a%20b/"),
        ("/user/a b/é", "/user/a%20b/%C3%A9"),
        ("/user/alice@example.org/tree", "/user/alice@example.org/tree"),
        ("/user/a/files/x\\y", "/user/a/files/x%5Cy"),
        ("/user/a/files//double", "/user/a/files//double"),
        (f"https://{HOST}/hub/home?a=1", "/hub/home?a=1"),
        (f"http://{HOST.upper()}/hub/home", "/hub/home"),
        (f"//{HOST}/hub/home", "/hub/home"),
        (" /hub/home ", "/hub/home"),
    ],
)
def test_an_address_of_ours_is_kept_as_a_path(url: str, path: str) -> None:
    assert safe_next(url, HOST) == path


def test_only_paths_below_the_base_url_are_accepted() -> None:
    assert safe_next("/jupyter/hub/home", HOST, "/jupyter/") == "/jupyter/hub/home"
    assert safe_next("/jupyter", HOST, "/jupyter/") == "/jupyter"
    for outside in ("/", "/jupyterx/hub", "/other/hub", "/jupyter/../other"):
        assert safe_next(outside, HOST, "/jupyter/") == ""


def test_subdomains_count_as_ours_when_there_is_a_domain() -> None:
    url = "https://alice.hub.example.org/user/alice/"
    assert safe_next(url, "hub.example.org") == ""
    assert safe_next(url, "hub.example.org", domain="hub.example.org") == "/user/alice/"
    assert safe_next("https://evilhub.example.org/", "x", domain="hub.example.org") == ""
    assert safe_next("https://e@a.hub.example.org/", "x", domain="hub.example.org") == ""


pieces = st.sampled_from(
    [
        "/",
        "//",
        "\\",
        ".",
        "..",
        "%2f",
        "%5c",
        "%2e",
        "\t",
        "\n",
        "@",
        ":",
        "#",
        "?",
        "http:",
        "https://",
        HOST,
        "e.com",
    ]
)


@given(st.lists(pieces | st.text(max_size=3), max_size=8).map("".join))
def test_accepted_addresses_stay_on_the_host(url: str) -> None:
    path = safe_next(url, HOST)
    if not path:
        return
    assert path[0] == "/"
    assert path[1:2] not in {"/", "\\"}
    assert path.isascii()
    assert path.isprintable()
    assert " " not in path
    seen = urlsplit(urljoin(f"https://{HOST}/hub/login", path.replace("\\", "/")))
    assert (seen.scheme, seen.netloc) == ("https", HOST)
    assert not unquote(unquote(seen.path)).startswith(("//", "/\\"))


@given(st.lists(pieces | st.text(max_size=3), max_size=8).map("".join))
def test_an_accepted_address_is_accepted_again_unchanged(url: str) -> None:
    path = safe_next(url, HOST)
    assert safe_next(path, HOST) == path


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        (("/hub/", "/api", "users"), "/hub/api/users"),
        (("hub", "home"), "hub/home"),
        (("/", "hub/"), "/hub/"),
        (("/",), "/"),
        (("/", "/"), "/"),
        (("", "hub"), "hub"),
        (("/hub", ""), "/hub"),
        ((), ""),
        (("https://host/", "/hub"), "https://host/hub"),
    ],
)
def test_pieces_are_joined_with_single_slashes(parts: tuple[str, ...], path: str) -> None:
    assert url_path_join(*parts) == path


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_an_escaped_text_is_one_segment_and_reads_back(text: str) -> None:
    assert "/" not in url_escape_path(text)
    assert url_unescape_path(url_escape_path(text)) == text


def test_an_address_is_cut_down_to_its_host() -> None:
    assert guess_base_url("https://hub.example.org:8443/a/b?c=d") == "https://hub.example.org:8443"
    assert guess_base_url("/a/b") == ""
    assert guess_base_url("https://[") == ""


def test_pages_and_servers_have_their_paths() -> None:
    assert user_url("/base/", "a b", "lab") == "/base/user/a%20b/lab/"
    assert user_url("/", "alice@example.org") == "/user/alice@example.org/"
    assert service_url("/base", "culler") == "/base/services/culler/"
    assert hub_url("/base/") == "/base/hub/"
    assert hub_url("/", "home") == "/hub/home"
    assert spawn_url("/", "alice") == "/hub/spawn/alice"
    assert spawn_url("/", "alice", "lab") == "/hub/spawn/alice/lab"
    assert spawn_pending_url("/b/", "alice", "lab") == "/b/hub/spawn-pending/alice/lab"

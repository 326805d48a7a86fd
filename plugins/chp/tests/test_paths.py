"""Routespecs and paths."""

from hypothesis import given
from hypothesis import strategies as st

from plughub.names import quote_path
from plughub_chp.paths import path_of, routespec_of

NAMES = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1)


@given(NAMES)
def test_every_escaping_of_a_name_has_the_same_path(name):
    fully = "".join(f"%{byte:02x}" for byte in name.encode())

    assert path_of(f"/user/{fully}/") == path_of(f"/user/{quote_path(name)}/")


@given(NAMES)
def test_the_routespec_of_a_listed_path_is_the_hubs_own(name):
    assert routespec_of(f"/user/{name}", host_routing=False) == f"/user/{quote_path(name)}/"


def test_the_default_route_has_the_empty_path():
    assert path_of("/") == ""
    assert routespec_of("/", host_routing=False) == "/"


def test_a_host_is_the_first_part_of_the_path():
    assert path_of("hub.example/user/a/") == "/hub.example/user/a"
    assert routespec_of("/hub.example/user/a", host_routing=True) == "hub.example/user/a/"

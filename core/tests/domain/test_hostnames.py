import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plughub.domain.errors import InvalidError
from plughub.domain.hostnames import SERVICE, USER, idna_host, is_host_name, legacy_host
from plughub.domain.names import check_username, normalize_username

DOMAIN = "hub.example.org"
HOOKS = pytest.mark.parametrize("hook", [idna_host, legacy_host])


def is_name(name: str) -> bool:
    try:
        return bool(check_username(normalize_username(name)))
    except InvalidError:
        return False


FREE = st.text(max_size=70).filter(is_name).map(normalize_username)
NEAR = (
    st.text(st.sampled_from("aß_xn-.–éı0u"), min_size=1, max_size=8).filter(is_name).map(normalize_username)
)
NAMES = st.one_of(FREE, NEAR)
KINDS = st.sampled_from([USER, SERVICE])
THINGS = st.tuples(NAMES, KINDS)


@HOOKS
@given(one=THINGS, other=THINGS)
@example(one=("straße", USER), other=("strasse", USER))
@example(one=("xn--ni-wka", USER), other=("üni", USER))
@example(one=("culler--service", USER), other=("culler", SERVICE))
@example(one=("services", USER), other=("board", SERVICE))
@example(one=("a.b", USER), other=("a_2eb", USER))
@example(one=("a" * 64, USER), other=("a" * 65, USER))
@example(one=("a_b", USER), other=("a_5fb", USER))
def test_two_names_never_have_one_host(hook, one, other):
    if one == other or (hook is legacy_host and one[1] == other[1] == SERVICE):
        return
    assert hook(one[0], DOMAIN, one[1]) != hook(other[0], DOMAIN, other[1])


@HOOKS
@given(name=NAMES)
def test_the_replacement_of_a_long_or_odd_name_never_equals_another_name(hook, name):
    host = hook(f"{name} {name}", DOMAIN, USER)
    label = host.partition(".")[0]
    assert hook(label, DOMAIN, USER) != host


@HOOKS
@given(name=NAMES, kind=KINDS)
def test_every_host_is_one_label_below_the_hubs(hook, name, kind):
    host = hook(name, DOMAIN, kind)
    label, _, rest = host.partition(".")
    assert rest == DOMAIN
    assert is_host_name(host)
    assert host == host.lower()
    assert len(label) <= 63
    assert not label.startswith("-")
    assert not label.endswith("-")


@pytest.mark.parametrize(
    ("name", "kind", "label"),
    [
        ("alice", USER, "alice"),
        ("üni", USER, "xn--ni-wka"),
        ("é", USER, "xn--9ca"),
        ("culler", SERVICE, "culler--service"),
    ],
)
def test_ordinary_names_have_the_hosts_that_jupyterhub_gives_them(name, kind, label):
    assert idna_host(name, DOMAIN, kind) == f"{label}.{DOMAIN}"


@pytest.mark.parametrize("name", ["www", "wpad", "localhost", "123", "a--b", "-pre", "bob@x.org", "Ünì x"])
def test_names_that_mean_something_else_in_dns_are_replaced(name):
    assert idna_host(name, DOMAIN, USER).startswith("u-")


def test_legacy_hosts_are_those_of_jupyterhub():
    assert legacy_host("üni", DOMAIN, USER) == f"_c3_bcni.{DOMAIN}"
    assert legacy_host("has--dash", DOMAIN, USER) == f"has--dash.{DOMAIN}"
    assert legacy_host("board", DOMAIN, SERVICE) == f"services.{DOMAIN}"

"""Services of the configuration, on every database."""

import pytest

from plughub.domain.declared import Declared, read_roles
from plughub.domain.errors import InvalidError
from plughub.domain.scopes import Reach, ScopeTree
from plughub.domain.service_specs import read_services
from plughub.services.declaring import declare

TOKEN = "a-token-that-was-chosen"


@pytest.fixture
def load(stored):
    stored(lambda tx: tx.oauth.save_client(_plain()))

    def load(*services, roles=()):
        declared = Declared(roles=read_roles(roles, ScopeTree()), services=read_services(services))
        return stored(lambda tx: declare(tx, declared))

    return load


def _plain():
    from plughub.domain.oauth import OAuthClient

    return OAuthClient(identifier="jupyterhub", secret="", redirect_uri="")


def owner(stored, token):
    key = stored(lambda tx: tx.tokens.matching(token[:4], token))
    return None if key is None else stored(lambda tx: tx.tokens.by_id(key)).owner


def test_a_service_with_a_token_and_roles(stored, load):
    role = {"name": "culler", "scopes": ["list:users"], "services": ["cull"]}
    for _ in range(2):
        load({"name": "cull", "api_token": TOKEN, "info": {"a": 1}}, roles=[role])
    service = stored(lambda tx: tx.services.get("cull"))
    assert (service.roles, service.scopes, service.info) == (("culler",), {"list:users"}, {"a": 1})
    assert stored(lambda tx: tx.services.within(Reach(everything=True))) == [service]
    assert stored(lambda tx: tx.services.within(Reach(services=frozenset({"x"})))) == []
    assert len(stored(lambda tx: tx.services.token_ids(service.id))) == 1
    assert owner(stored, TOKEN) == "cull"


def test_a_token_that_is_replaced_is_void(stored, load):
    load({"name": "cull", "api_token": TOKEN})
    load({"name": "cull", "api_token": "another-token-of-it"})
    assert (owner(stored, TOKEN), owner(stored, "another-token-of-it")) == (None, "cull")


def test_a_service_that_is_declared_no_more_is_gone_with_its_token(stored, load):
    load({"name": "cull", "api_token": TOKEN, "admin": True})
    assert stored(lambda tx: tx.services.get("cull")).roles == ("admin",)
    load({"name": "cull", "api_token": TOKEN})
    assert stored(lambda tx: tx.services.get("cull")).roles == ()
    load()
    assert (stored(lambda tx: tx.services.get("cull")), owner(stored, TOKEN)) == (None, None)


def test_two_services_do_not_share_a_token(load):
    with pytest.raises(InvalidError, match="somebody else") as refused:
        load({"name": "one", "api_token": TOKEN}, {"name": "two", "api_token": TOKEN})
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize(
    "service",
    [
        "cull",
        {"api_token": TOKEN},
        {"name": "a/b"},
        {"name": "cull", "api_token": "short"},
        {"name": "cull", "colour": 1},
        {"name": "cull", "user": "nobody"},
    ],
)
def test_services_that_cannot_be_are_refused(load, service):
    with pytest.raises(InvalidError):
        load(service)

"""Services of the configuration, on every database."""

import pytest

from plughub.domain.declarations import Declarations, read_roles
from plughub.domain.errors import InvalidError
from plughub.domain.scopes import ScopeCoverage, ScopeTree
from plughub.domain.service_specs import read_service, read_services
from plughub.domain.tokens import compare_token
from plughub.services.hub_services.registration import renew_token, store_service
from plughub.services.users.configuration_sync import sync_configuration

TOKEN = "a-token-that-was-chosen"


@pytest.fixture
def load(stored):
    stored(lambda tx: tx.oauth.save_client(_plain()))

    def load(*services, roles=()):
        declared = Declarations(roles=read_roles(roles, ScopeTree()), services=read_services(services))
        return stored(lambda tx: sync_configuration(tx, declared))

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
    assert stored(lambda tx: tx.services.within(ScopeCoverage(everything=True))) == [service]
    assert stored(lambda tx: tx.services.within(ScopeCoverage(services=frozenset({"x"})))) == []
    assert len(stored(lambda tx: tx.services.token_ids(service.id))) == 1
    assert owner(stored, TOKEN) == "cull"


def test_a_replaced_token_is_invalid(stored, load):
    load({"name": "cull", "api_token": TOKEN})
    load({"name": "cull", "api_token": "another-token-of-it"})
    assert (owner(stored, TOKEN), owner(stored, "another-token-of-it")) == (None, "cull")


def test_a_service_that_is_no_longer_declared_is_deleted_with_its_token(stored, load):
    load({"name": "cull", "api_token": TOKEN, "admin": True})
    assert stored(lambda tx: tx.services.get("cull")).roles == ("admin",)
    load({"name": "cull", "api_token": TOKEN})
    assert stored(lambda tx: tx.services.get("cull")).roles == ()
    load()
    assert (stored(lambda tx: tx.services.get("cull")), owner(stored, TOKEN)) == (None, None)


def test_two_services_do_not_share_a_token(load):
    with pytest.raises(InvalidError, match="already belongs to another user or service") as refused:
        load({"name": "one", "api_token": TOKEN}, {"name": "two", "api_token": TOKEN})
    assert TOKEN not in str(refused.value)


def test_credentials_of_a_managed_service_survive_a_restart_of_the_hub(stored, load):
    spec = {"name": "who", "command": ["who"], "url": "http://127.0.0.1:9"}
    load(spec)
    stored(lambda tx: renew_token(tx, tx.services.get("who"), "made-by-the-hub"))
    load(spec)
    assert owner(stored, "made-by-the-hub") == "who"
    client = stored(lambda tx: tx.oauth.client("service-who"))
    assert compare_token("made-by-the-hub", client.secret)
    stored(lambda tx: renew_token(tx, tx.services.get("who"), "made-once-more"))
    assert (owner(stored, "made-by-the-hub"), owner(stored, "made-once-more")) == (None, "who")
    load({**spec, "api_token": TOKEN})
    assert (owner(stored, "made-once-more"), owner(stored, TOKEN)) == (None, "who")


def test_the_oauth_client_of_a_service(stored, load):
    spec = {"name": "who", "api_token": TOKEN, "url": "http://127.0.0.1:9", "oauth_no_confirm": True}
    load({**spec, "oauth_roles": ["tutor"]}, roles=[{"name": "tutor", "scopes": ["list:users"]}])
    client = stored(lambda tx: tx.oauth.client("service-who"))
    assert (client.service, client.no_confirm) == ("who", True)
    assert client.redirect_uri == "/services/who/oauth_callback"
    assert client.allowed_scopes == {"list:users", "access:services!service=who"}
    assert compare_token(TOKEN, client.secret)
    load({**spec, "oauth_client_id": "service-else", "oauth_redirect_uri": "https://else.where/back"})
    assert stored(lambda tx: tx.oauth.client("service-who")) is None
    assert stored(lambda tx: tx.oauth.client("service-else")).redirect_uri == "https://else.where/back"
    load({"name": "who", "api_token": TOKEN})
    assert stored(lambda tx: tx.oauth.client("service-else")) is None
    with pytest.raises(InvalidError, match="no role 'nobody'"):
        load({**spec, "oauth_roles": ["nobody"]})


def test_two_services_do_not_share_an_oauth_client(load):
    one, two = (
        {"name": name, "url": "http://h:1", "oauth_client_id": "service-x"} for name in ("one", "two")
    )
    with pytest.raises(InvalidError, match="is already in use"):
        load(one, two)


def test_a_service_created_through_the_api_survives_a_restart_of_the_hub(stored, load):
    made = read_service({"name": "made", "url": "http://h:1", "api_token": TOKEN}, from_config=False)
    stored(lambda tx: store_service(tx, made, "/"))
    load({"name": "cull"})
    assert not stored(lambda tx: tx.services.get("made")).from_config
    assert owner(stored, TOKEN) == "made"
    load({"name": "made"})
    assert stored(lambda tx: tx.services.get("made")).from_config
    assert owner(stored, TOKEN) is None
    load()
    assert stored(lambda tx: tx.services.get("made")) is None


def test_managed_services_are_routed_once_they_have_answered(stored, load):
    load(
        {"name": "a", "url": "http://h:1"},
        {"name": "b", "url": "http://h:2", "command": ["b"]},
        {"name": "c"},
    )
    routed = lambda: [service.name for service in stored(lambda tx: tx.services.routed())]  # noqa: E731
    assert routed() == ["a"]
    stored(lambda tx: tx.service_lives.record_launch("b", host="here", launch="1", digest="d"))
    stored(lambda tx: tx.service_lives.record_answer("b", "1", is_healthy=False))
    assert routed() == ["a"]
    stored(lambda tx: tx.service_lives.record_answer("b", "1", is_healthy=True))
    stored(lambda tx: tx.service_lives.record_answer("b", "1", is_healthy=False))
    assert routed() == ["a", "b"]


def test_an_answer_of_an_earlier_start_does_not_count_for_the_new_one(stored, load):
    load({"name": "b", "url": "http://h:2", "command": ["b"]})
    for launch in ("1", "2"):
        stored(
            lambda tx, launch=launch: tx.service_lives.record_launch("b", host="h", launch=launch, digest="d")
        )
    assert not stored(lambda tx: tx.service_lives.record_answer("b", "1", is_healthy=True))
    (life,) = stored(lambda tx: tx.service_lives.all())
    assert (life.answers, stored(lambda tx: tx.services.routed())) == (None, [])
    assert stored(lambda tx: tx.service_lives.record_answer("b", "2", is_healthy=True))


def test_a_replaced_start_stores_nothing(stored):
    launching = lambda number: stored(  # noqa: E731
        lambda tx: tx.service_lives.record_launch("b", host="here", launch=number, digest="d")
    )
    launching("1")
    launching("2")
    assert not stored(lambda tx: tx.service_lives.record_process("b", "1", 11, "x"))
    assert stored(lambda tx: tx.service_lives.record_process("b", "2", 22, "y"))
    stored(lambda tx: tx.service_lives.mark_ended("b", "1"))
    (life,) = stored(lambda tx: tx.service_lives.all())
    assert (life.launch, life.pid, life.started, life.host) == ("2", 22, "y", "here")
    stored(lambda tx: tx.service_lives.mark_ended("b", "2"))
    (life,) = stored(lambda tx: tx.service_lives.all())
    assert (life.launch, life.pid) == ("", None)
    stored(lambda tx: tx.service_lives.forget("b", "1"))
    assert len(stored(lambda tx: tx.service_lives.all())) == 1
    stored(lambda tx: tx.service_lives.forget("b", ""))
    assert stored(lambda tx: tx.service_lives.all()) == []

"""Validation of services from a config file or the API."""

import pytest

from plughub.domain.errors import InvalidError
from plughub.domain.service_specs import read_service, read_services

TOKEN = "a-token-that-was-chosen"


def test_a_managed_service_with_everything():
    service = read_service(
        {
            "name": "cull",
            "command": ["cull", "--every=1"],
            "cwd": "/srv",
            "environment": {"LEVEL": 1},
            "user": "nobody",
            "url": "http://127.0.0.1:9000",
            "timeout": 5,
            "oauth_client_allowed_scopes": ["self"],
        }
    )
    assert (service.command, service.environment, service.timeout) == (
        ("cull", "--every=1"),
        {"LEVEL": "1"},
        5,
    )
    assert (service.oauth_client_id, service.oauth_scopes) == ("service-cull", ("self",))
    assert TOKEN not in repr(read_service({"name": "cull", "api_token": TOKEN}))


def test_a_command_of_one_word_is_a_program():
    assert read_service({"name": "cull", "command": "cull"}).command == ("cull",)


@pytest.mark.parametrize(
    ("spec", "client"),
    [
        ({}, ""),
        ({"url": "http://127.0.0.1:1"}, "service-who"),
        ({"oauth_redirect_uri": "https://else.where/callback"}, "service-who"),
        ({"url": "https://h:1", "oauth_client_id": "service-other"}, "service-other"),
    ],
)
def test_only_services_with_a_redirect_uri_are_oauth_clients(spec, client):
    assert read_service({"name": "who", **spec}).oauth_client_id == client


def test_further_tokens_belong_to_services_that_need_not_be_declared():
    one, two = read_services(
        [{"name": "one", "api_token": TOKEN}], {"further-token": "one", "of-two-alone": "two"}
    )
    assert (one.name, one.api_token, one.more_tokens) == ("one", TOKEN, ("further-token",))
    assert (two.name, two.more_tokens, two.command) == ("two", ("of-two-alone",), ())


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("cull", "be a dict with a name"),
        ({"name": 1}, "be a dict with a name"),
        ({"name": "a/b"}, "invalid service name"),
        ({"name": ".."}, "invalid service name"),
        ({"name": "cull", "colour": 1, "b": 2}, "unknown keys: 'b', 'colour'"),
        ({"name": "cull", "api_token": "short"}, "api_token of service 'cull'"),
        ({"name": "cull", "admin": "yes"}, "admin of service 'cull' must be a boolean"),
        ({"name": "cull", "info": []}, "info of service 'cull' must be a dict"),
        ({"name": "cull", "oauth_roles": ["a", 1]}, "must be a list of strings"),
        ({"name": "cull", "url": "ftp://h"}, "http://"),
        ({"name": "cull", "url": "http://h:x"}, "http://"),
        ({"name": "cull", "url": "http://me:pw@h:1"}, "http://"),
        ({"name": "cull", "url": "http://h:1/\0"}, "unprintable characters"),
        ({"name": "cull", "oauth_redirect_uri": "x" * 2000}, "more than 1023"),
        ({"name": "cull", "command": 1}, "a list of program and arguments"),
        ({"name": "cull", "command": ["a", 1]}, "a list of strings"),
        ({"name": "cull", "user": "nobody"}, "without 'command'"),
        ({"name": "cull", "timeout": "soon"}, "a number of seconds"),
        ({"name": "cull", "timeout": True}, "a number of seconds"),
        ({"name": "cull", "oauth_client_id": "cull", "url": "http://h:1"}, "must begin with 'service-'"),
        ({"name": "cull", "oauth_client_id": "service-cull"}, "needs oauth_redirect_uri"),
        ({"name": "cull", "oauth_no_confirm": True}, "needs oauth_redirect_uri"),
    ],
)
def test_invalid_services_are_refused(spec, reason):
    with pytest.raises(InvalidError) as refused:
        read_services([spec])
    assert reason in refused.value.message
    assert "short" not in refused.value.message


def test_two_services_of_one_name_and_bad_further_tokens_are_refused():
    with pytest.raises(InvalidError, match="twice"):
        read_services([{"name": "cull"}, {"name": "cull"}])
    with pytest.raises(InvalidError, match="service_tokens"):
        read_services([], {"short": "cull"})


def test_through_the_api_nothing_is_started():
    with pytest.raises(InvalidError, match="'command'"):
        read_service({"name": "cull", "command": ["true"]}, from_config=False)
    assert read_service({"name": "cull", "cwd": "/", "command": []}, from_config=False).cwd == "/"

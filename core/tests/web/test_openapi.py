"""Agreement between the API and its OpenAPI document."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plughub.domain.errors import InvalidError
from plughub.testing.quick import examples
from plughub.web.api_routes import CALLS
from plughub.web.bodies import check_body

PARTS = {
    "name": "bob",
    "server": "lab",
    "token": "a1",
    "session": "s999",
    "group": "class",
    "service": "cull",
    "cookie": "c",
    "value": "v",
    "owner": "eve",
}
RULED_BY_OAUTH = {"/oauth2/authorize", "/oauth2/token"}


def test_every_handler_method_is_described_once():
    assert [str(call) for call in CALLS if not hasattr(call.function, "description")] == []
    assert len({str(call) for call in CALLS}) == len(CALLS)


async def test_openapi_document_needs_no_login(hub):
    answer = await hub.browser().get("/hub/api/openapi.json")
    document = json.loads(answer.body)
    assert (answer.code, document["servers"]) == (200, [{"url": "/hub/api"}])
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (method, path)
            assert operation["responses"], (method, path)
    listing = document["paths"]["/users"]["get"]
    assert listing["x-scopes"] == ["list:users"]
    assert {"name": "state", "in": "query"}.items() <= listing["parameters"][0].items()


def statuses(call):
    return {*call.success, *call.error_statuses}


@pytest.mark.parametrize("call", [call for call in CALLS if call.path not in RULED_BY_OAUTH], ids=str)
@pytest.mark.asyncio(loop_scope="module")
async def test_calls_return_described_statuses_only(shared_hub, call):
    hub = shared_hub
    clients = [await hub.admin(), await hub.program("eve", "read:users:name!user"), hub.browser()]
    await hub.user("bob")
    path = f"/hub/api{call.path.format(**PARTS)}{'?once=1' if call.path.endswith(('/events', '/stream')) else ''}"
    for client in clients:
        for body in (None, b"{", b"[]", b"{}", b'{"unknown": 1}', b"\xff"):
            answer = await client.ask(call.method, path, body=body)
            assert answer.code in statuses(call), (answer.code, answer.body, body)
            assert answer.code < 400 or json.loads(answer.body)["message"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(data=st.data())
@settings(max_examples=examples(120), deadline=None, suppress_health_check=list(HealthCheck))
def test_arbitrary_bodies_get_described_statuses(data):
    """Only the check of the body: it must never let through what the handlers do not expect."""
    call = data.draw(st.sampled_from([call for call in CALLS if call.body]))
    body = data.draw(
        st.dictionaries(st.sampled_from(sorted(call.body)) | st.text(max_size=4), VALUES, max_size=4)
    )
    try:
        check_body(body, call.body, "thing")
    except InvalidError as error:
        message = error.message
    else:
        message = "good"
        assert set(body) <= set(call.body)
    assert 0 < len(message) < 1000

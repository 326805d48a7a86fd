import time
from datetime import timedelta

from plughub.domain.clock import utcnow
from plughub.domain.oauth import OAuthClient, OAuthCode
from plughub.domain.tokens import hash_token


def make(stored, text="0123456789abcdef", **facts):
    def work(tx):
        user = tx.users.get("alice") or tx.users.create("alice")
        return tx.tokens.create(hashed=hash_token(text, rounds=1), prefix=text[:4], user_id=user.id, **facts)

    return stored(work)


def client(stored, identifier="jupyterhub-user-alice"):
    stored(
        lambda tx: tx.oauth.save_client(
            OAuthClient(identifier=identifier, secret="s", redirect_uri="/r", allowed_scopes=frozenset({"a"}))
        )
    )


def plain_client(stored):
    client(stored, "jupyterhub")


def test_a_token_is_found_by_its_first_characters(stored):
    plain_client(stored)
    token = make(stored, scopes={"self"}, note="n")
    ((hashed, found),) = stored(lambda tx: tx.tokens.candidates("0123"))
    assert (found, found.owner, found.scopes) == (token, "alice", {"self"})
    assert hashed.startswith("sha512:1:")
    assert stored(lambda tx: tx.tokens.candidates("zzzz")) == []


def test_an_expired_token_is_no_candidate_and_is_deleted(stored):
    plain_client(stored)
    make(stored, expires_at=utcnow() - timedelta(seconds=1))
    assert stored(lambda tx: tx.tokens.candidates("0123")) == []
    assert stored(lambda tx: tx.tokens.purge()) == 1


def test_deleted_tokens_invalidate_caches(stored):
    plain_client(stored)
    token = make(stored)
    stored(lambda tx: tx.tokens.delete([token.id]))
    assert ("token", str(token.id)) in [
        (topic, key) for _, topic, key in stored(lambda tx: tx.changes.since(0))
    ]


def test_tokens_of_a_session_and_of_a_client_are_found(stored):
    plain_client(stored)
    client(stored)
    token = make(stored, client_id="jupyterhub-user-alice", session_id="s")
    assert stored(lambda tx: tx.tokens.of_session("s", token.user_id)) == [token.id]
    assert stored(lambda tx: tx.tokens.of_client("jupyterhub-user-alice")) == [token.id]
    stored(lambda tx: tx.oauth.delete_client("jupyterhub-user-alice"))
    assert stored(lambda tx: tx.tokens.by_id(token.id)) is None


def test_a_client_is_brought_up_to_date(stored):
    client(stored)
    client(stored)
    found = stored(lambda tx: tx.oauth.client("jupyterhub-user-alice"))
    assert (found.redirect_uri, found.allowed_scopes, found.server_id) == ("/r", {"a"}, None)


def test_a_code_can_be_used_once(stored):
    client(stored)
    user = stored(lambda tx: tx.users.create("alice"))
    code = OAuthCode(
        code="c",
        client_id="jupyterhub-user-alice",
        user_id=user.id,
        redirect_uri="/r",
        session_id="s",
        scopes=frozenset({"a"}),
        expires_at=int(time.time()) + 60,
        challenge="x",
        challenge_method="S256",
    )
    stored(lambda tx: tx.oauth.save_code(code))
    assert stored(lambda tx: tx.oauth.code(code.client_id, "c")) == code
    assert stored(lambda tx: tx.oauth.delete_code(code.client_id, "c"))
    assert not stored(lambda tx: tx.oauth.delete_code(code.client_id, "c"))

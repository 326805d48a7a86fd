import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plughub.domain.secrets import HIDDEN, scrub

SECRET = "s3cr3tS3cr3tS3cr3t99"


@pytest.mark.parametrize(
    "text",
    [
        f"GET /hub/login?token={SECRET}&x=1 HTTP/1.1",
        f"/hub/oauth_callback?code={SECRET}&state={SECRET}#frag",
        f"/hub/x?_xsrf={SECRET}",
        f"/hub/x?access_key={SECRET}",
        f"/hub/login?next=%2Fuser%2Fa%3Ftoken%3D{SECRET}%26x%3D1",
        f"/hub/login?next=/user/a?token={SECRET}",
        f"Authorization: token {SECRET}",
        f"authorization: Basic {SECRET}==",
        f"got header Bearer {SECRET} from client",
        f"token {SECRET} is unknown",
        f"Cookie: _xsrf=2|{SECRET}; jupyterhub-session-id={SECRET}",
        f"Set-Cookie: a={SECRET}; Path=/",
        f"{{'Authorization': 'token {SECRET}', 'X': 'y'}}",
        f'{{"token": "{SECRET}", "scopes": []}}',
        f'{{"password":"a \\" {SECRET}"}}',
        f"JUPYTERHUB_API_TOKEN={SECRET}",
        f"env CONFIGPROXY_AUTH_TOKEN='{SECRET} and more'",
        f'export MY_SECRET_THING="{SECRET}"',
        f'PGPASSWORD="a"{SECRET}',
        f"db_password: {SECRET}",
        f"--api-token {SECRET} --port 1",
        f"--token={SECRET}",
        f"postgresql+psycopg://hub:{SECRET}@db/hub",
        f"postgresql://hub:p@{SECRET}@db/hub",
        f"jupyterhub-hub-login={SECRET}",
        f"a=b=token={SECRET}",
        f"env PGPASS={SECRET} psql",
        f"MYSQL_PWD='{SECRET}' mysql",
        f"REGISTRY_AUTH={SECRET}",
    ],
)
def test_a_secret_is_removed(text: str) -> None:
    assert SECRET not in scrub(text)
    assert HIDDEN in scrub(text)


@pytest.mark.parametrize(
    "text",
    [
        "302 GET /hub/spawn?next=%2Fuser%2Falice -> /hub/home (alice@127.0.0.1) 3.1 ms",
        "the server of alice ended with exit code 1",
        "state: running, key = value",
        "token a12 of alice was revoked",
        "2026-11-21 10:00:00 [I] plugin 'docker' failed in hub_spawn: no such image",
        "http://127.0.0.1:8081/hub/api",
        "auth=pam keeps the format, author=alice, PATH=/bin",
    ],
)
def test_a_line_without_secrets_stays_as_it_is(text: str) -> None:
    assert scrub(text) == text


def test_text_around_a_secret_is_kept() -> None:
    assert scrub("GET /a?x=1&token=abcd&y=2 HTTP/1.1") == f"GET /a?x=1&token={HIDDEN}&y=2 HTTP/1.1"
    assert scrub('{"token":"abc","n":1}') == f'{{"token":{HIDDEN},"n":1}}'
    assert scrub("API_TOKEN=abc exit 1\nnext line") == f"API_TOKEN={HIDDEN} exit 1\nnext line"


texts = st.text(max_size=60)
unguessable = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=8, max_size=40).filter(
    lambda secret: HIDDEN not in secret and secret not in HIDDEN
)


@given(texts, unguessable, texts)
def test_a_known_secret_is_removed_from_any_text(before: str, secret: str, after: str) -> None:
    assert secret not in scrub(f"{before}{secret}{after}", [secret])


@given(texts, unguessable, texts)
def test_a_known_secret_is_removed_where_a_url_escapes_it(before: str, secret: str, after: str) -> None:
    assert quote(secret, safe="") not in scrub(f"{before}{quote(secret, safe='')}{after}", [secret])


@given(st.lists(unguessable, min_size=1, max_size=4), texts)
def test_several_known_secrets_are_all_removed(secrets: list[str], between: str) -> None:
    shown = scrub(between.join(secrets), secrets)
    assert not [secret for secret in secrets if secret in shown]


words = st.text(st.characters(categories=["L", "N"]), max_size=8)
plain_secrets = st.from_regex(r"[A-Za-z0-9_\-|.+/]{12,40}", fullmatch=True)
places = st.sampled_from(
    [
        "?token={}&",
        "&code={} ",
        "API_TOKEN={}\n",
        "Authorization: token {}\n",
        "Cookie: a={}\n",
        "'password': '{}',",
    ]
)


@given(texts, places, plain_secrets, words)
def test_a_secret_in_a_known_place_is_removed_whatever_precedes_it(
    before: str, place: str, secret: str, after: str
) -> None:
    shown = scrub(f"{before}\n{place.format(secret)}{after}")
    assert secret not in shown.replace(before, "")


@given(texts, st.lists(unguessable, max_size=2))
def test_scrubbing_nothing_secret_twice_is_scrubbing_once(text: str, secrets: list[str]) -> None:
    once = scrub(text, secrets)
    assert scrub(once, secrets) == once


def test_a_secret_that_begins_with_another_leaves_no_rest() -> None:
    assert scrub("x abcdefgh y", ["abcd", "abcdefgh", "abcdef"]) == f"x {HIDDEN} y"


def test_the_value_of_an_option_is_removed_however_short() -> None:
    assert scrub("--password hunter2 --api-token abc --port 1") == (
        f"--password {HIDDEN} --api-token {HIDDEN} --port 1"
    )


def test_short_secrets_are_ignored() -> None:
    assert scrub("alice at home", ["a", "", "ho"]) == "alice at home"


@pytest.mark.parametrize(
    "piece",
    [
        "token",
        "?a",
        "&token",
        "token=",
        "token='",
        "\\",
        "://a:",
        "--token",
        "key   ",
        "%3D",
        "token ",
        "bearer ",
        "'\"",
    ],
)
def test_removing_secrets_takes_time_in_proportion_to_the_length(piece: str) -> None:
    begin = time.process_time()
    scrub(piece * (400_000 // len(piece)))
    # a quadratic search takes minutes here, a linear one a fraction of a second
    assert time.process_time() - begin < 5

"""The utilities and trait types of the specification, each promise that needs more than a name."""

from __future__ import annotations

import asyncio
import http.client
import http.server
import inspect
import ssl
import subprocess
import threading
import urllib.error
import urllib.request

import pytest
from traitlets import HasTraits, TraitError

from plughub.auth import Authenticator
from plughub.domain.errors import InvalidError
from plughub.proxy import Proxy
from plughub.spawner import Spawner
from plughub.traitlets import ByteSpecification, Command, EntryPointType
from plughub.utils import (
    compare_token,
    exponential_backoff,
    hash_token,
    make_ssl_context,
    new_token,
)

# ---- trait types


class CommandSettings(HasTraits):
    user = "alice"
    command = Command()


@pytest.mark.parametrize(
    ("value", "command"),
    [
        (lambda: ["jupyter", "lab"], ["jupyter", "lab"]),
        (lambda: "jupyter lab", ["jupyter", "lab"]),
        (lambda owner: ["run", owner.user], ["run", "alice"]),
        (lambda: ("one",), ["one"]),
    ],
)
def test_a_command_may_be_a_function(value, command):
    assert CommandSettings(command=value).command == command
    assert Command().validate(CommandSettings(), value) == command


@pytest.mark.parametrize("value", [lambda: 1 / 0, list, lambda: None, lambda: lambda: ["late"], int])
def test_a_function_that_returns_no_command_is_refused(value):
    with pytest.raises(TraitError):
        CommandSettings(command=value)


def test_the_units_of_sizes_are_public():
    assert dict(ByteSpecification.UNIT_MAP) == {"K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


@pytest.mark.parametrize("project", ["plughub", "jupyterhub"])
@pytest.mark.parametrize(
    ("group", "base", "name", "cls"),
    [
        ("authenticators", Authenticator, "pam", "PAMAuthenticator"),
        ("authenticators", Authenticator, "Dummy", "DummyAuthenticator"),
        ("spawners", Spawner, "localprocess", "LocalProcessSpawner"),
        ("spawners", Spawner, "simple", "SimpleLocalProcessSpawner"),
        ("proxies", Proxy, "chp", "ConfigurableHTTPProxy"),
    ],
)
@pytest.mark.parametrize("positional", [True, False])
def test_a_plugin_is_found_as_an_entry_point_by_its_name(project, group, base, name, cls, positional):
    group = f"{project}.{group}"

    class BackendSettings(HasTraits):
        backend = (
            EntryPointType(group, klass=base)
            if positional
            else EntryPointType(base, klass=base, entry_point_group=group, help="JupyterHub's form")
        )

    found = BackendSettings(backend=name).backend
    assert (found.__name__, issubclass(found, base)) == (cls, True)
    with pytest.raises(
        TraitError, match=f"unknown class 'pan'; use its dotted name, or one of: .*{name.lower()}"
    ):
        BackendSettings(backend="pan")


class HubSpawner(Spawner):
    """Default of a setting."""


def test_the_default_of_an_entry_point_type_is_the_first_argument_in_jupyterhubs_form():
    class BackendSettings(HasTraits):
        backend = EntryPointType(HubSpawner, klass=Spawner, entry_point_group="jupyterhub.spawners")

    assert BackendSettings().backend is HubSpawner


@pytest.mark.parametrize("arguments", [(), (Spawner,), ("plughub.spawners", Spawner)])
def test_an_entry_point_type_without_a_group_is_refused(arguments):
    with pytest.raises(TypeError, match="EntryPointType needs a group"):
        EntryPointType(*arguments)


# ---- tokens


@pytest.mark.parametrize("length", [1, 4, 33, 100])
def test_a_new_token_has_any_length(length):
    token = new_token(length)
    assert len(token) == length
    assert compare_token(token, hash_token(token))


SALTS = [None, b"\xad\x00\xff:\n", b"0011aabb", "abcd", 8, b":", "$salt"]
FORMS = ["sha256", "sha384", "sha512", "pbkdf2_sha256", "pbkdf2_sha384", "pbkdf2_sha512"]


@pytest.mark.parametrize("algorithm", FORMS)
@pytest.mark.parametrize("salt", SALTS)
def test_a_hash_is_read_in_both_orders(salt, algorithm):
    hashed = hash_token("some-token", salt=salt, rounds=7, algorithm=algorithm)
    assert hashed.startswith(f"{algorithm}:7:")
    assert compare_token("some-token", hashed)
    assert compare_token(hashed, "some-token")
    for wrong in ("some-tokem", "", hashed, hash_token(hashed, rounds=1)):
        assert not compare_token(wrong, hashed)
        assert not compare_token(hashed, wrong)


@pytest.mark.parametrize("salt", [b"\xad\x00\xff:\n", b"0011aabb", "abcd"])
def test_a_salt_makes_the_hash_repeatable(salt):
    assert hash_token("some-token", salt) == hash_token("some-token", salt=salt)


def test_the_salt_of_bytes_is_the_one_of_jupyterhub():
    utils = pytest.importorskip("jupyterhub.utils")
    for salt in (b"0011aabb", "0011aabb"):
        ours = hash_token("some-token", salt, 5, "sha256")
        assert ours == utils.hash_token("some-token", salt=salt, rounds=5, algorithm="sha256")
    theirs = utils.hash_token("some-token", salt=8, rounds=16384, algorithm="sha512")
    assert compare_token(theirs, "some-token")
    utils.compare_token(hash_token("some-token", 8, algorithm="sha512"), "some-token")


def test_a_hash_of_pbkdf2_in_base64_is_what_other_programs_make():
    # as Django stores it: PBKDF2 with SHA-256, digest in Base64
    hashed = "pbkdf2_sha256$10000$seasalt2$bxPbfwcxnCvkCRZtRYPnDYgzZoNYi4WKkKmSFfwnvMc="
    again = hash_token("lètmein", "seasalt2", 10000, "pbkdf2_sha256").replace(":", "$")
    assert compare_token("lètmein", again)
    assert compare_token("lètmein", again.rstrip("="))
    assert not compare_token("letmein", again)
    assert len(again) == len(hashed)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rounds": 0},
        {"rounds": 10**12},
        {"algorithm": "md5"},
        {"salt": "a:b"},
        {"salt": 0},
        {"salt": -1},
        {"salt": 10**9},
        {"salt": b"x" * 200},
        {"salt": "zwei Wörter"},
    ],
)
def test_a_hash_that_could_not_be_read_or_stored_is_refused(wrong):
    with pytest.raises(ValueError, match="a hash needs"):
        hash_token("some-token", **wrong)


def test_a_text_that_is_too_long_is_no_token():
    with pytest.raises(InvalidError):
        hash_token("x" * 1025)
    assert not compare_token("x" * 1025, hash_token("x", rounds=1))


# ---- retries


def test_the_arguments_of_retries_are_in_the_signature():
    shown = {name: found.default for name, found in inspect.signature(exponential_backoff).parameters.items()}
    assert shown == {
        "func": None,
        "max_retries": 5,
        "initial_delay": 1.0,
        "max_delay": 60.0,
        "backoff_factor": 2.0,
    }


async def test_both_forms_of_retries_work():
    calls = []

    @exponential_backoff(max_retries=2, initial_delay=0.001, max_delay=0.002, backoff_factor=3)
    async def unreliable():
        calls.append(1)
        if len(calls) < 3:
            raise OSError("not yet")
        return "done"

    assert await unreliable() == "done"
    assert await exponential_backoff(lambda: len(calls) == 3, "never", timeout=5) is True
    assert await exponential_backoff(func=lambda: "yes", fail_message="never") == "yes"


# ---- TLS


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Key and certificate for localhost, which is its own authority."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = f"{folder}/key.pem", f"{folder}/certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return {"keyfile": key, "certfile": certificate, "cafile": certificate}


@pytest.fixture
def https():
    """Serve HTTPS with a context; returns the port."""
    servers = []

    def https(context):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        servers.append((server, thread))
        return server.server_port

    yield https
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def fetch(port, context, host="localhost"):
    with urllib.request.urlopen(f"https://{host}:{port}/", context=context, timeout=10) as answer:
        return answer.status


def test_one_context_serves_https_and_verifies_as_a_client(files, https):
    context = make_ssl_context(**files)
    port = https(context)
    assert fetch(port, context) == 200
    assert fetch(port, ssl.create_default_context(cafile=files["cafile"])) == 200
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        fetch(port, make_ssl_context())
    with pytest.raises(urllib.error.URLError, match=r"127\.0\.0\.1"):
        fetch(port, context, host="127.0.0.1")
    assert fetch(port, make_ssl_context(cafile=files["cafile"], check_hostname=False), "127.0.0.1") == 200


async def test_one_context_serves_both_sides_of_asyncio(files):
    context = make_ssl_context(**files, minimum_version=ssl.TLSVersion.TLSv1_3)

    async def greet(_reader, writer):
        writer.write(writer.get_extra_info("ssl_object").version().encode())
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname="localhost"
        )
        assert await reader.read() == b"TLSv1.3"
        writer.close()


@pytest.mark.parametrize("demand", [{"purpose": ssl.Purpose.CLIENT_AUTH}, {"verify_mode": ssl.CERT_REQUIRED}])
def test_a_server_can_demand_a_certificate(files, https, demand):
    port = https(make_ssl_context(**files, **demand))
    assert fetch(port, make_ssl_context(**files)) == 200
    with pytest.raises((OSError, http.client.HTTPException)):
        fetch(port, make_ssl_context(cafile=files["cafile"]))


@pytest.mark.parametrize("form", ["by name", "as the fourth argument"])
def test_verify_chooses_the_side_as_in_jupyterhub(files, form):
    def make(verify):
        more = {"verify": verify} if form == "by name" else {"verify_mode": verify}
        with pytest.warns(DeprecationWarning, match=r"use purpose=ssl\.Purpose\."):
            return make_ssl_context(**files, **more)

    assert (make(True).protocol, make(True).check_hostname) == (ssl.PROTOCOL_TLS_CLIENT, True)
    assert (make(False).protocol, make(False).verify_mode) == (ssl.PROTOCOL_TLS_SERVER, ssl.CERT_REQUIRED)

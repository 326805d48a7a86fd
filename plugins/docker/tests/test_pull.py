"""Pulls from a registry: a small one on 127.0.0.1, which engines trust without TLS."""

import gzip
import hashlib
import io
import json
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.async_api import expect

from plughub.errors import PluginError
from plughub.testing.browser import log_in
from plughub.testing.hub import HubProcess
from plughub_docker.images import split

pytestmark = pytest.mark.docker
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def digest(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Registry:
    """Serves one image as ``<address>/image:1``.

    Args:
        layers: contents of its layers, each an uncompressed tar.
        config: its configuration.
    """

    def __init__(self, layers, config):
        packed = [gzip.compress(layer, compresslevel=1) for layer in layers]
        config = {**config, "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]}}
        content = json.dumps(config).encode()
        self.blobs = {digest(blob): blob for blob in (*packed, content)}
        about = {"mediaType": "application/vnd.docker.container.image.v1+json"}
        kind = {"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip"}
        self.manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {**about, "size": len(content), "digest": digest(content)},
                "layers": [{**kind, "size": len(blob), "digest": digest(blob)} for blob in packed],
            }
        ).encode()
        self.pulls = 0
        self.last_layer, self.go_on = digest(packed[-1]), threading.Event()
        self.go_on.set()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.image = f"127.0.0.1:{self.server.server_port}/image:1"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def answer(self, path):
        if path == "/v2/":
            return "application/json", b"{}"
        if path in {"/v2/image/manifests/1", f"/v2/image/manifests/{digest(self.manifest)}"}:
            self.pulls += 1
            return MANIFEST, self.manifest
        if self.last_layer in path:
            self.go_on.wait(60)
        return "application/octet-stream", self.blobs.get(path.rpartition("/")[2])

    def handler(registry):  # noqa: N805 - self is the handler's
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                kind, body = registry.answer(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body or b"")))
                self.send_header("Docker-Content-Digest", digest(body or b""))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body or b"")

            do_HEAD = do_GET  # noqa: N815 - the base class calls it so

            def log_message(self, *args):
                pass

        return Handler

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def layer(name):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = 3 << 20
        archive.addfile(entry, io.BytesIO(name.encode() * (entry.size // len(name) + 1)))
    return packed.getvalue()


@pytest.fixture
def registry(engine):
    config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/no-such-command"]}}
    registry = Registry([layer("first"), layer("second")], config)
    yield registry
    registry.close()
    if engine.images(registry.image.rpartition(":")[0]):
        engine.remove_image(registry.image, force=True)


async def steps(spawner):
    """Start a server from an image that cannot run, and return the reported progress."""
    with pytest.raises(PluginError, match="cannot be started"):
        await spawner.start()
    return [(step.percent, step.message) async for step in spawner.hooks.progress("tested", spawner.record)]


async def test_an_image_that_is_missing_is_pulled_and_each_layer_reported(spawners, registry, engine):
    said = await steps(spawners(image=registry.image, cmd=[]))
    text = [message for _, message in said]
    assert text[0] == f"Pulling image {registry.image}"
    assert sum("Pull complete" in line for line in text) == 2
    assert any("(2 of 2 layers complete)" in line for line in text)
    assert text[-2:] == [f"Image {registry.image} is ready", "Creating the container"]
    assert [percent for percent, _ in said] == sorted(percent for percent, _ in said)
    assert engine.inspect_image(registry.image)


@pytest.mark.browser
@pytest.mark.timeout(120)
async def test_the_pending_page_shows_the_layers_as_they_come(registry, gateway, prefix, page, tmp_path):
    config = f"""
c.JupyterHub.hub_ip = {gateway!r}
c.Authenticator.allow_all = True
c.DockerSpawner.image = {registry.image!r}
c.DockerSpawner.prefix = {prefix!r}
c.DockerSpawner.remove = True
"""
    registry.go_on.clear()
    with HubProcess(tmp_path / "hub", "--plugins", "docker,dummy", config=config) as hub:
        await log_in(page, hub.url, "ada", "any")
        news = page.locator("#progress-log")
        await expect(news).to_contain_text(f"Pulling image {registry.image}", timeout=30_000)
        await expect(news).to_contain_text("Pull complete (1 of 2 layers complete)", timeout=30_000)
        registry.go_on.set()
        failure = page.locator("#failure .message")
        await expect(failure).to_contain_text("the Docker engine refused the request", timeout=60_000)
        assert "no-such-command" in hub.output


@pytest.mark.parametrize(("policy", "pulls"), [("ifnotpresent", 0), ("never", 0), ("skip", 0), ("Always", 1)])
async def test_an_existing_image_is_pulled_only_if_the_policy_requires_it(
    spawners, registry, engine, policy, pulls
):
    engine.pull(*split(registry.image))
    before = registry.pulls
    await steps(spawners(image=registry.image, cmd=[], pull_policy=policy))
    assert bool(registry.pulls - before) == bool(pulls)


async def test_an_image_that_the_registry_does_not_have_is_named(spawners, registry):
    image = registry.image.replace("image:1", "other:1")
    with pytest.raises(PluginError, match="cannot be pulled") as caught:
        await spawners(image=image).start()
    assert image in str(caught.value)


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("lab", ("lab", "latest")),
        ("lab:2", ("lab", "2")),
        ("host:5000/lab", ("host:5000/lab", "latest")),
        ("host:5000/team/lab:2", ("host:5000/team/lab", "2")),
        ("lab@sha256:00", ("lab@sha256:00", None)),
    ],
)
def test_an_image_is_split_from_its_tag(image, parts):
    assert split(image) == parts

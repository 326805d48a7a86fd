"""A stand-in of the Kubernetes API with one node, whose pods are processes of this machine.

It knows what KubeSpawner uses: list, watch, read, create and delete of objects, label selectors, resource
versions, events, and the status of pods. It has no scheduler, image, volume, network or role.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

from plughub.testing.conditions import wait_for
from plughub.testing.ports import free_port

Object = dict[str, Any]
TOKEN: Final = "token-of-the-service-account"


class Cluster:
    """API and node. Use it as a context manager; `stop` and `start` interrupt the API, but not the pods.

    Attributes:
        created: manifests as they were posted, by kind.
        runs_pods: start the process of a pod when it is created; else the pod stays pending.
        refuses_lists: answer 403 to lists, as for a service account without the role.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.created: dict[str, list[Object]] = {}
        self.runs_pods = True
        self.refuses_lists = False
        self._objects: dict[str, dict[tuple[str, str], Object]] = {}
        self._events: list[tuple[int, str, str, Object]] = []
        self._versions = itertools.count(1)
        self._version = 0
        self._changed = threading.Condition(threading.RLock())
        self._processes: dict[tuple[str, str], subprocess.Popen[bytes]] = {}
        self._addresses = (f"127.0.0.{number}" for number in itertools.count(2))
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        for process in self._processes.values():
            process.kill()
            process.wait()

    @property
    def is_running(self) -> bool:
        """Return whether the API responds."""
        return self._server is not None

    def start(self) -> None:
        """Let the API respond, at the same port each time."""
        cluster = self
        handler = type("Handler", (_Handler,), {"cluster": cluster})
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def stop(self) -> None:
        """Close the API with all its connections."""
        server, self._server = self._server, None
        if server:
            server.shutdown()
            server.server_close()
            with self._changed:
                self._changed.notify_all()

    def write_kubeconfig(self, path: Path) -> str:
        """Write the file with address and token for clients, and return its path."""
        cluster = {"name": "one", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}
        context = {"name": "one", "context": {"cluster": "one", "user": "hub"}}
        user = {"name": "hub", "user": {"token": TOKEN}}
        config = {"clusters": [cluster], "contexts": [context], "users": [user], "current-context": "one"}
        path.write_text(json.dumps(config))
        return str(path)

    # ---- objects

    def pods(self) -> list[Object]:
        """Return all pods."""
        return list(self._objects.get("pods", {}).values())

    def find(self, kind: str, namespace: str, name: str) -> Object | None:
        """Return an object; None if there is none."""
        return self._objects.get(kind, {}).get((namespace, name))

    def list(self, kind: str, namespace: str, labels: Mapping[str, str]) -> Object:
        """Return the objects of a namespace with some labels, as the API lists them."""
        with self._changed:
            found = [one for one in self._objects.get(kind, {}).values() if _matches(one, namespace, labels)]
            return {"metadata": {"resourceVersion": str(self._version)}, "items": found}

    def create(self, kind: str, namespace: str, manifest: Object) -> Object | None:
        """Create an object; None if there is one of this name."""
        key = (namespace, manifest["metadata"]["name"])
        with self._changed:
            self.created.setdefault(kind, []).append(json.loads(json.dumps(manifest)))
            if key in self._objects.setdefault(kind, {}):
                return None
            number = next(self._versions)
            manifest["metadata"] |= {"namespace": namespace, "uid": f"uid-{number}"}
            if kind == "pods":
                manifest["status"] = {"phase": "Pending"}
            self._publish(kind, "ADDED", manifest)
        if kind == "pods" and self.runs_pods:
            self.run_pod(key)
        return manifest

    def delete(self, kind: str, key: tuple[str, str]) -> Object | None:
        """Delete an object, and end the process of a pod; None if there is no such object."""
        with self._changed:
            found = self._objects.get(kind, {}).pop(key, None)
            if found is None:
                return None
            if process := self._processes.pop(key, None):
                process.kill()
                process.wait()
            self._publish(kind, "DELETED", found)
            return found

    def add_event(self, pod: str, message: str) -> None:
        """Record an event of a pod, as the scheduler does."""
        name = f"event-{next(self._versions)}"
        about = {"kind": "Pod", "name": pod, "namespace": "default"}
        now = datetime.now(UTC).isoformat()
        event = {"involvedObject": about, "type": "Normal", "message": message, "lastTimestamp": now}
        self.create("events", "default", {"metadata": {"name": name}, **event})

    # ---- the node

    def kill_process(self, key: tuple[str, str]) -> None:
        """End the process of a pod by itself."""
        self._processes[key].kill()

    def move_pod(self, key: tuple[str, str]) -> str:
        """Start the process of a pod again, and return its new address."""
        process = self._processes.pop(key)
        process.kill()
        process.wait()
        return self.run_pod(key)

    def run_pod(self, key: tuple[str, str]) -> str:
        """Start the process of a pod, and return its address. The pod is ready when the process listens."""
        ip = next(self._addresses)
        pod = self._objects["pods"][key]
        [container] = pod["spec"]["containers"]
        environment = {one["name"]: one.get("value", "") for one in container.get("env", ())}
        url = environment["JUPYTERHUB_SERVICE_URL"]
        environment["JUPYTERHUB_SERVICE_URL"] = url.replace("//0.0.0.0:", f"//{ip}:")
        process = subprocess.Popen(container["args"], env={"PATH": os.environ["PATH"], **environment})
        self._processes[key] = process
        threading.Thread(target=self._follow, args=(key, pod, process, ip), daemon=True).start()
        return ip

    def _follow(self, key: tuple[str, str], pod: Object, process: subprocess.Popen[bytes], ip: str) -> None:
        port = pod["spec"]["containers"][0]["ports"][0]["containerPort"]
        wait_for(lambda: process.poll() is not None or _listens(ip, port))
        if process.poll() is None:
            self._set_status(key, pod, {"running": {}}, ip)
        code = process.wait()
        if self._processes.get(key) is process:
            self._set_status(key, pod, {"terminated": {"exitCode": code}})

    def _set_status(self, key: tuple[str, str], pod: Object, state: Object, ip: str = "") -> None:
        image = pod["spec"]["containers"][0]["image"]
        facts = {"image": image, "imageID": image, "restartCount": 0}
        status = {"name": "notebook", "ready": bool(ip), "state": state, **facts}
        with self._changed:
            if self._objects["pods"].get(key) is pod:
                phase = "Running" if ip else "Failed"
                pod["status"] = {"phase": phase, "podIP": ip or None, "containerStatuses": [status]}
                self._publish("pods", "MODIFIED", pod)

    # ---- changes

    def _publish(self, kind: str, change: str, thing: Object) -> None:
        self._version = next(self._versions)
        thing["metadata"]["resourceVersion"] = str(self._version)
        if change == "ADDED":
            self._objects[kind][thing["metadata"]["namespace"], thing["metadata"]["name"]] = thing
        self._events.append((self._version, kind, change, json.loads(json.dumps(thing))))
        self._changed.notify_all()

    def watch(self, kind: str, version: int, server: Any, seconds: float) -> Iterator[tuple[str, Object]]:
        """Yield the changes after a version, until the time is over or the API is stopped."""
        seen = 0
        with self._changed:
            while self._server is server:
                for number, of_kind, change, thing in self._events[seen:]:
                    if of_kind == kind and number > version:
                        yield change, thing
                seen = len(self._events)
                if not self._changed.wait(seconds):
                    return


def _listens(ip: str, port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex((ip, port)) == 0


def _matches(thing: Object, namespace: str, labels: Mapping[str, str]) -> bool:
    found = thing["metadata"]
    return namespace in {"", found["namespace"]} and labels.items() <= found.get("labels", {}).items()


class _Handler(BaseHTTPRequestHandler):
    """Paths such as ``/api/v1/namespaces/default/pods/NAME``."""

    protocol_version = "HTTP/1.1"
    cluster: Cluster

    def log_message(self, *_: object) -> None:
        """Write no log."""

    def parse_request(self) -> bool:
        """Refuse requests without the token, and parse the path."""
        if not super().parse_request():
            return False
        parts = urlsplit(self.path)
        words = parts.path.strip("/").split("/")[2:]
        self.namespace = words[1] if words[0] == "namespaces" and len(words) > 2 else ""
        rest = words[2:] if self.namespace else words
        self.kind, self.name = rest[0], "/".join(rest[1:])
        self.query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        length = int(self.headers.get("Content-Length") or 0)
        self.body = json.loads(self.rfile.read(length) or b"{}")
        if self.headers["Authorization"] == f"Bearer {TOKEN}":
            return True
        self._answer(HTTPStatus.UNAUTHORIZED, {"message": "Unauthorized"})
        return False

    def do_GET(self) -> None:
        """List, watch or read."""
        labels = dict(one.split("=") for one in self.query.get("labelSelector", "").split(",") if one)
        if self.name:
            self._answer_found(self.cluster.find(self.kind, self.namespace, self.name))
        elif self.cluster.refuses_lists:
            self._answer(HTTPStatus.FORBIDDEN, {"message": "forbidden"})
        elif "watch" in self.query:
            self._watch(labels)
        else:
            self._answer(HTTPStatus.OK, self.cluster.list(self.kind, self.namespace, labels))

    def do_POST(self) -> None:
        """Create."""
        made = self.cluster.create(self.kind, self.namespace, self.body)
        refused = {"message": "already exists"}
        self._answer(HTTPStatus.CREATED if made else HTTPStatus.CONFLICT, made or refused)

    def do_DELETE(self) -> None:
        """Delete."""
        self._answer_found(self.cluster.delete(self.kind, (self.namespace, self.name)))

    def _answer_found(self, found: Object | None) -> None:
        missing = {"message": f"{self.kind} {self.name!r} not found"}
        self._answer(HTTPStatus.OK if found else HTTPStatus.NOT_FOUND, found or missing)

    def _answer(self, status: HTTPStatus, body: Object) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _watch(self, labels: Mapping[str, str]) -> None:
        self.close_connection = True
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        seconds = float(self.query.get("timeoutSeconds", "60"))
        version = int(self.query.get("resourceVersion", "0"))
        for change, thing in self.cluster.watch(self.kind, version, self.server, seconds):
            if _matches(thing, self.namespace, labels):
                line = json.dumps({"type": change, "object": thing}).encode() + b"\n"
                try:
                    self.wfile.write(line)
                    self.wfile.flush()
                except OSError:
                    return

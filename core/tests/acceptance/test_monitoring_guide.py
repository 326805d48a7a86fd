"""The page about monitoring: Prometheus reads a hub, the dashboard shows data, and each alert can fire."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from plughub.testing.client import client_of
from plughub.testing.conditions import wait_for
from plughub.testing.documents import blocks_of, replaced
from plughub.testing.forms import FormClient
from plughub.testing.hub import HubProcess
from plughub.testing.ports import free_port

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
GUIDES = Path(__file__).resolve().parents[3] / "docs" / "how-to"
BLOCKS = blocks_of(GUIDES / "monitoring.md")
ALERTS = GUIDES / "monitoring" / "alerts.yml"
DASHBOARD = GUIDES / "monitoring" / "dashboard.json"
CONFIG = f"""
c.JupyterHub.plugins = ["simple", "dummy", "haproxy", "raiser"]
c.Authenticator.allow_all = True
c.Spawner.cmd = [{sys.executable!r}, "-m", "plughub.testing.socket_server"]
"""
RAISER = """
from plughub import hookimpl

@hookimpl
def hub_event(event):  # in a thread
    raise RuntimeError("no event for me")
"""
MEASURED_SECONDS = 45
"""The hub measures its servers every 30 seconds while the metrics are read."""
METRIC = re.compile(r"\b(?:jupyterhub_\w+|process_\w+|up)\b")
FIRING = {
    "HubDown": {'up{job="hub", instance="a"}': "0x40"},
    "HubRestarts": {'process_start_time_seconds{job="hub", instance="a"}': "1 2 3 4 5+0x40"},
    "HubErrors": {
        'jupyterhub_request_duration_seconds_count{code="500"}': "0+10x40",
        'jupyterhub_request_duration_seconds_count{code="200"}': "0+90x40",
    },
    "HubBlocked": {
        'jupyterhub_event_loop_interval_seconds_bucket{instance="a", le="1.0"}': "0+1x40",
        'jupyterhub_event_loop_interval_seconds_bucket{instance="a", le="2.5"}': "0+50x40",
        'jupyterhub_event_loop_interval_seconds_bucket{instance="a", le="+Inf"}': "0+50x40",
    },
    "StartsFail": {
        'jupyterhub_server_spawn_duration_seconds_count{status="failure", reason=""}': "0+3x40",
        'jupyterhub_server_spawn_duration_seconds_count{status="success", reason=""}': "0+7x40",
    },
    "StartsQueued": {"jupyterhub_spawn_queue_length": "21x40"},
    "HooksFail": {
        'jupyterhub_hook_duration_seconds_count{plugin="p", hook="hub_poll", outcome="error"}': "0+3x40",
        'jupyterhub_hook_duration_seconds_count{plugin="p", hook="hub_poll", outcome="ok"}': "0+7x40",
    },
    "PluginThreadsBusy": {'jupyterhub_plugin_threads_waiting{plugin="p"}': "1x40"},
    "HubFilesNearLimit": {
        'process_open_fds{job="hub", instance="a"}': "900x40",
        'process_max_fds{job="hub", instance="a"}': "1000x40",
    },
}
"""Values of each minute with which an alert fires."""


def panels():
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def rules():
    """Return the expressions of the alerts by name."""
    found = re.findall(r"- alert: (\w+)\n +expr: (.*?)\n +(?:for|labels):", ALERTS.read_text(), re.DOTALL)
    return {name: " ".join(text.removeprefix(">-").split()) for name, text in found}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    """Prometheus with the files of the page, which reads a hub."""
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed")
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    path = os.pathsep.join([install_raiser(folder / "site"), *sys.path])
    config = CONFIG + BLOCKS["jupyterhub_config.py"]
    with HubProcess(folder / "hub", config=config, env={"PYTHONPATH": path}) as hub:
        place = {"/etc/prometheus/": f"{folder}/"}
        token = replaced(BLOCKS["token"], {"-o prometheus": "-o root", **place})
        subprocess.run(["/bin/sh", "-c", token], check=True)
        file = folder / "prometheus.yml"
        often = {"scrape_interval: 15s": "scrape_interval: 1s"}
        file.write_text(
            replaced(
                BLOCKS["prometheus.yml"], {**place, **often, "127.0.0.1:8081": f"127.0.0.1:{hub.hub_port}"}
            )
        )
        shutil.copy(ALERTS, folder)
        subprocess.run(["/bin/sh", "-c", replaced(BLOCKS["check"], place)], check=True)
        listen = f"--web.listen-address=127.0.0.1:{port}"
        arguments = [f"--config.file={file}", f"--storage.tsdb.path={folder}/data", listen]
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(["prometheus", *arguments], stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}/api/v1/"
            wait_for(lambda: answers(address))  # a rate needs a value before the first start
            use(hub)
            yield address
        finally:
            process.terminate()
            process.wait(30)


def install_raiser(site):
    """Install a plugin whose hook fails, and return the folder for the path."""
    about = site / "raiser-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: raiser\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[plughub]\nraiser = raiser\n")
    (site / "raiser.py").write_text(RAISER)
    return str(site)


def use(hub):
    """Log in, start and stop a server, and let another one run, so that all metrics have values."""
    assert client_of(hub, "bob")("POST", "/users/bob/server").status in {201, 202}
    FormClient(hub.url).log_in("ada", to="/hub/home")
    call = client_of(hub, "ada")
    assert call("POST", "/users/ada/server").status in {201, 202}
    call.until("/users/ada", lambda user: user["server"])
    assert call("DELETE", "/users/ada/server").status in {202, 204}
    call.until("/users/ada", lambda user: not user["servers"])


def asked(prometheus, path, **query):
    with urllib.request.urlopen(f"{prometheus}{path}?{urllib.parse.urlencode(query)}", timeout=30) as answer:
        return json.load(answer)["data"]


def answers(prometheus):
    try:
        return asked(prometheus, "query", query="count_over_time(up[5m]) > 3")["result"]
    except OSError:
        return []


def test_every_metric_and_label_of_an_alert_exists(prometheus):
    wait_for(lambda: answers(prometheus))
    assert {rule["name"] for group in asked(prometheus, "rules")["groups"] for rule in group["rules"]} == {
        *FIRING
    }
    for name, text in rules().items():
        for metric in METRIC.findall(text):
            series = wait_for(lambda metric=metric: asked(prometheus, "series", **{"match[]": metric}))
            labels = {*re.findall(r"(\w+)(?:=~|!=|=)\"", text)} - {"job"}
            for group in re.findall(r"by \(([^)]+)\)", text):
                labels |= {*group.split(", ")}
            assert labels <= {label for one in series for label in one}, f"{name}: {metric}"


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_every_alert_fires_and_the_page_explains_it(tmp_path):
    assert {*rules()} == {*FIRING}
    assert {*re.findall(r"^\| `(\w+)` \|", (GUIDES / "monitoring.md").read_text(), re.MULTILINE)} == {*FIRING}
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": series, "values": values} for series, values in inputs.items()],
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}})',
                    "eval_time": "25m",
                    "exp_samples": [{"labels": "{}", "value": 1}],
                }
            ],
        }
        for name, inputs in FIRING.items()
    ]
    file = tmp_path / "tests.yml"
    file.write_text(json.dumps({"rule_files": [str(ALERTS)], "tests": tests}))
    done = subprocess.run(
        ["promtool", "test", "rules", file], capture_output=True, text=True, env={**os.environ}
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_panel_of_the_dashboard_shows_what_the_hub_measures(prometheus):
    wait_for(lambda: answers(prometheus))
    assert asked(prometheus, "query", query='up{job="hub"}')["result"][0]["value"][1] == "1"

    def values(text):
        return [float(one["value"][1]) for one in asked(prometheus, "query", query=text)["result"]]

    measured = "sum(jupyterhub_servers_memory_bytes) > 0"
    wait_for(lambda: values(measured), MEASURED_SECONDS)
    empty = {title for title, text in panels() if not any(map(math.isfinite, values(text)))}
    assert empty == set()
    known = asked(prometheus, "metadata")
    for title, text in panels():
        for metric in METRIC.findall(text):
            assert re.sub(r"_(?:count|sum|bucket|total)$", "", metric) in {*known, "up"}, title

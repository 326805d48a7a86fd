"""Metrics of hubs of tests, which are used again."""

import re

from plughub.services.observability.metrics import Metrics, ServerUsage
from plughub.testing.metrics import MetricsPool


def shown(metrics):
    text = metrics.render("")[0].decode()
    return [line for line in text.splitlines() if re.match(r"(# \w+ )?jupyterhub_(?!\w+_created)", line)]


async def test_metrics_that_are_used_again_are_like_new_ones():
    pool = MetricsPool()
    metrics = pool.take()
    metrics.observe_request("GET", Metrics, 200, 1.0)
    metrics.observe_hook("docker", "hub_stop", 1.0, "ok")
    metrics.observe_loop_delay(1.0)
    metrics.count_csp_report()
    metrics.set_threads("docker", 1, 2)
    metrics.set_server_usage("docker", [ServerUsage("alice", "", 1.0, 2.0)], each=True)
    with metrics.time_login():
        pass
    used = shown(metrics)
    pool.give_back(metrics)
    assert not metrics.was_read_recently

    assert pool.take() is metrics
    assert shown(metrics) == shown(Metrics()) != used
    metrics.observe_request("GET", Metrics, 200, 1.0)
    assert [
        line for line in shown(metrics) if 'code="200"' in line and "count" in line and line.endswith(" 1.0")
    ]
    assert pool.take() is not metrics

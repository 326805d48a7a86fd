"""The metrics of this hub process, for Prometheus."""

from __future__ import annotations

from plughub.domain.errors import NotFoundError
from plughub.web.api.base import APIHandler
from plughub.web.authorization import requires
from plughub.web.base import BaseHandler
from plughub.web.description import call


def is_open(handler: BaseHandler) -> bool:
    """Return whether the metrics are available without a scope."""
    return not handler.context.options.authenticate_prometheus


class MetricsHandler(APIHandler):
    """``/hub/metrics`` and ``/hub/api/metrics``."""

    @call()
    @requires("read:metrics", unless=is_open)
    async def get(self) -> None:
        """Return the metrics in a format of Prometheus."""
        report = self.context.metrics_report
        if report is None:
            raise NotFoundError("metrics are disabled on this hub")
        text, content_type = await report.render(self.request.headers.get("Accept", ""))
        self.set_header("Content-Type", content_type)
        self.finish(text)

    head = get

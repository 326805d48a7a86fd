"""The metrics of this hub process, for Prometheus."""

from __future__ import annotations

from plughub.domain.errors import NotFoundError
from plughub.web.api.base import APIHandler
from plughub.web.authorization import requires
from plughub.web.base import BaseHandler
from plughub.web.description import call


def is_open(handler: BaseHandler) -> bool:
    """Anybody may read the metrics here."""
    return not handler.context.options.authenticate_prometheus


class MetricsHandler(APIHandler):
    """``/hub/metrics`` and ``/hub/api/metrics``."""

    @call()
    @requires("read:metrics", unless=is_open)
    async def get(self) -> None:
        """Write down what is measured, as text that Prometheus reads."""
        report = self.context.metrics_report
        if report is None:
            raise NotFoundError("nothing is measured here")
        text, content_type = await report.render(self.request.headers.get("Accept", ""))
        self.set_header("Content-Type", content_type)
        self.finish(text)

    head = get

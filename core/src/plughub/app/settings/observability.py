"""Settings of log, audit trail and metrics."""

from __future__ import annotations

import traitlets


class ObservabilitySettings(traitlets.HasTraits):
    """Settings that `JupyterHub` inherits."""

    log_level = traitlets.Any("INFO", help="Log level: DEBUG, INFO, WARNING or ERROR.").tag(config=True)
    log_format = traitlets.Unicode(
        "%(asctime)s %(levelname).1s %(name)s: %(message)s",
        help="""Format of a line of the log, with the fields of Python's logging, and highlevel: the level of
        warnings and errors, empty for others.
        """,
    ).tag(config=True)
    log_datefmt = traitlets.Unicode(
        "", help="Format of %(asctime)s, such as %Y-%m-%d %H:%M:%S; empty adds milliseconds to that."
    ).tag(config=True)
    logging_config = traitlets.Dict(
        help="""Configuration for Python's logging.config.dictConfig, merged into that of the hub. The handler
        and the formatter of standard error are named console. The logger JupyterHub means all that the hub
        logs.
        """
    ).tag(config=True)
    extra_log_file = traitlets.Unicode(
        "",
        help="File to which the hub also writes its log. Deprecated: redirect standard error to a file.",
    ).tag(config=True)
    extra_log_handlers: traitlets.List[object] = traitlets.List(
        help="Additional logging.Handler objects for the hub's log."
    ).tag(config=True)
    log_lines_of_strangers_per_hour = traitlets.Integer(
        20_000,
        min=0,
        help="""Maximum number of log lines that each hub process writes in an hour about unauthenticated
        requests; 120 a minute for one address. Further lines are only counted. 0 for no limit.
        """,
    ).tag(config=True)
    audit_days = traitlets.Float(
        90, min=0, help="Days for which audit records are kept; 0 disables the audit trail."
    ).tag(config=True)
    usage_days = traitlets.Float(
        400,
        min=0,
        help="""Days for which the hub keeps who ran which server, when and with which resources; 0 records
        nothing, so that the pages on usage and activity stay empty.
        """,
    ).tag(config=True)
    server_usage_metrics = traitlets.Enum(
        ("backend", "server", "none"),
        "backend",
        help="""What the metrics report about the CPU cores and the memory that running servers use: "backend"
        for sums by spawner, "server" also for each server, with the name of its user, "none" to measure
        nothing for the metrics.
        """,
    ).tag(config=True)
    active_user_window = traitlets.Integer(
        1800,
        min=1,
        help="""Seconds of the period "window" for which the metrics count active users, beside 24 hours, 7
        days and 30 days.
        """,
    ).tag(config=True)
    statsd_host = traitlets.Unicode(
        "",
        help="""Host name or address of a statsd server that receives metrics about logins, starts and stops
        by UDP, under the names that JupyterHub used until version 5; empty to send none.
        """,
    ).tag(config=True)
    statsd_port = traitlets.Integer(8125, min=1, max=65535, help="UDP port of the statsd server.").tag(
        config=True
    )
    statsd_prefix = traitlets.Unicode(
        "jupyterhub", help="First part of the names of all metrics that are sent to statsd; empty for none."
    ).tag(config=True)
    authenticate_prometheus = traitlets.Bool(
        True,
        help="Require the scope read:metrics for the metrics page. Otherwise the page is public.",
    ).tag(config=True)

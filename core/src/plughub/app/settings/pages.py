"""Settings of web pages and API responses."""

from __future__ import annotations

import traitlets


class PageSettings(traitlets.HasTraits):
    """Settings that `JupyterHub` inherits."""

    default_url = traitlets.Union(
        [traitlets.Unicode(), traitlets.Callable()],
        default_value="",
        help="""URL to which browsers are redirected when they open the hub's URL, with or without a login,
        and after a login, unless the request has a next parameter. A function is called with the request
        handler, may be async, and returns an empty string for the default.
        """,
    ).tag(config=True)
    redirect_to_server = traitlets.Bool(
        True,
        help="""Redirect users who log in or open the hub's URL to their server, or to the page that starts
        it; otherwise to the home page.
        """,
    ).tag(config=True)
    user_redirect_hook = traitlets.Callable(
        None,
        allow_none=True,
        help="""Function that is called with path, request, user and base URL, and returns the URL to which
        /hub/user-redirect/path leads; None for the default. May be async.
        """,
    ).tag(config=True)
    use_legacy_stopped_server_status_code = traitlets.Bool(
        False,
        help="Respond with status 503 instead of 424 at the URLs of servers that are not running.",
    ).tag(config=True)
    show_free_resources = traitlets.Bool(
        False,
        help="""Show on the start page how much CPU, memory and disk of this machine is free, for spawners
        that start servers on it.
        """,
    ).tag(config=True)
    extra_handlers: traitlets.List[object] = traitlets.List(
        help="""Additional pages below ``/hub``: tuples of a regular expression for the path, a handler class
        or its dotted name, and optionally a dictionary of keyword arguments for its ``initialize``. A handler
        of `plughub.handlers` authenticates its requests; any other tornado handler has to do that itself.
        Pages of the hub take precedence.
        """
    ).tag(config=True)
    template_paths: traitlets.List[str] = traitlets.List(
        traitlets.Unicode(), help="Directories with templates that override those of the hub."
    ).tag(config=True)
    template_vars = traitlets.Dict(help="Additional variables for all templates.").tag(config=True)
    jinja_environment_options = traitlets.Dict(
        help="""Additional arguments of the Jinja environment for custom templates, such as
        ``{"extensions": ["jinja2.ext.do"]}``. autoescape, enable_async and loader cannot be changed.
        """
    ).tag(config=True)
    data_files_path = traitlets.Unicode(
        "",
        help="""Directory with the deployment's own files: ``static`` for files at static_url, ``templates``
        for templates. Files that the hub has itself take precedence; override templates with
        template_paths.
        """,
    ).tag(config=True)
    title = traitlets.Unicode(
        "",
        help="""Name of the hub, such as ``Jupyter at the Physics Institute``: in the titles of pages, beside
        the logo and in the footer. Empty for none.
        """,
    ).tag(config=True)
    help_url = traitlets.Unicode(
        "",
        help="""URL of a page with help for users, linked in the footer of each page; a ``mailto:`` URL opens
        a message to support. Empty for no link.
        """,
    ).tag(config=True)
    logo_file = traitlets.Unicode("", help="Image file for the page header.").tag(config=True)
    api_page_default_limit = traitlets.Integer(
        50, min=1, help="Default number of items on a page of an API list."
    ).tag(config=True)
    api_page_max_limit = traitlets.Integer(
        200, min=1, help="Maximum number of items on a page of an API list."
    ).tag(config=True)
    tornado_settings = traitlets.Dict(
        help="""Settings of JupyterHub's web application that are supported here: slow_spawn_timeout,
        slow_stop_timeout (seconds), headers, cookie_options, xsrf_cookie_kwargs and user_redirect_limit.
        """
    ).tag(config=True)

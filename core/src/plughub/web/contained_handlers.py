"""Handlers of plugins that cannot end the hub, and that are named when they fail to."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from tornado.web import RequestHandler

from plughub.plugin.hook_calls import PASSED_ON, describe
from plughub.plugin.running_code import calls_plugin

_CALLED: Final = (
    *("initialize", "prepare", *(method.lower() for method in RequestHandler.SUPPORTED_METHODS)),
    *("get_current_user", "check_xsrf_cookie", "set_default_headers", "write_error", "log_exception"),
    *("get_login_url", "get_user_locale", "get_template_namespace", "compute_etag"),
    *("data_received", "on_finish", "on_connection_close"),
    *("check_origin", "select_subprotocol", "get_compression_options", "open", "on_message", "on_close"),
    *("on_ping", "on_pong"),
)
"""Methods that tornado calls, those of websockets included."""


class ExitError(Exception):
    """Attempt of a plugin's page to end the process. tornado answers with an error, as for any exception."""


def contained_handler(
    handler: type[RequestHandler], plugin: str, page: str, facts: Mapping[str, object]
) -> type[RequestHandler]:
    """Return a subclass of a handler, none of whose methods can end the hub.

    Args:
        handler: the handler.
        plugin: what registered it, for messages.
        page: path of the page, for messages.
        facts: further attributes of the class.
    """
    own = {
        name: method for name in _CALLED if (method := getattr(handler, name, None)) and _is_foreign(method)
    }
    methods = {name: _contained(method, plugin, f"{name} of its page {page}") for name, method in own.items()}
    # A class of a config file has no module.
    module = {"__module__": getattr(handler, "__module__", __name__)}
    return type(handler.__name__, (handler,), {**facts, **module, **methods})


def _is_foreign(method: object) -> bool:
    """Return whether a method is neither tornado's nor the hub's own."""
    package = (getattr(method, "__module__", None) or "").partition(".")[0]  # none in a config file
    return inspect.isfunction(method) and (
        package not in {"tornado", "plughub"} or hasattr(method, "__wrapped__")
    )


def _contained(method: Callable[..., Any], plugin: str, hook: str) -> Callable[..., Any]:
    @functools.wraps(method)
    @calls_plugin
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            answer = method(*args, **kwargs)
        except PASSED_ON:
            raise
        except BaseException as error:
            raise _exit_error(plugin, hook, error) from error
        return _contained_answer(answer, plugin, hook) if inspect.iscoroutine(answer) else answer

    return call


@calls_plugin
async def _contained_answer(answer: Awaitable[Any], plugin: str, hook: str) -> Any:
    try:
        return await answer
    except PASSED_ON:
        raise
    except BaseException as error:
        raise _exit_error(plugin, hook, error) from error


def _exit_error(plugin: str, hook: str, error: BaseException) -> ExitError:
    return ExitError(f"plugin {plugin!r} failed in {hook}: {describe(error)}")

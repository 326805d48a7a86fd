"""Names of ``jupyterhub.handlers`` and of its modules ``base``, ``login`` and ``pages``."""

from plughub_jupyterhub.login_pages import LoginHandler, LogoutHandler
from plughub_jupyterhub.page_handler import BaseHandler

__all__ = ["BaseHandler", "LoginHandler", "LogoutHandler"]

"""Logging in with the accounts of the system, through PAM."""

from __future__ import annotations

import asyncio
import codecs
import os
import pwd
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from traitlets import Bool, Float, Instance, Integer, Set, TraitError, Unicode, default, validate

from plughub.auth import LocalAuthenticator
from plughub.errors import ForbiddenError
from plughub.names import shorten
from plughub_pam.transaction import PamError, Transaction
from plughub_pam.verdict import Answer, Verdict

T = TypeVar("T")

MAX_SECRET: Final = 16 * 1024
"""Bytes of a password or token that PAM is asked about; a longer one is wrong."""


class PAMAuthenticator(LocalAuthenticator):
    """Authenticates users of the system with PAM.

    Each login is one PAM transaction in a process of its own.
    """

    service = Unicode("login", help="The PAM service, a file in /etc/pam.d.").tag(config=True)

    encoding = Unicode("utf8", help="How names and passwords are encoded for PAM.").tag(config=True)

    check_account = Bool(
        default_value=True,
        help="""
        Ask PAM whether the account may be used, too. Without it, people whose account is locked,
        expired or not allowed on this machine come in when their password is right.
        """,
    ).tag(config=True)

    open_sessions = Bool(
        default_value=False,
        help="""
        Open a PAM session before a server starts and close it after it stopped. Sessions are opened
        and closed by processes other than the server: modules that make a folder or mount one work,
        modules that change the process itself, such as pam_limits, do not reach the server.
        """,
    ).tag(config=True)

    admin_groups = Set(
        Unicode(),
        help="""
        Groups of the system whose members are admins. When it is set, people who are neither in one
        of them nor in admin_users stop being admins at their next login.
        """,
    ).tag(config=True)

    pam_normalize_username = Bool(
        default_value=False,
        help="Take the name that the system has for the user's number, where PAM knows her by several.",
    ).tag(config=True)

    executor_threads = Integer(
        8,
        min=1,
        help="""
        How many PAM transactions run at once; further logins wait for their turn. With fewer than
        JupyterHub.plugin_threads, some logins that hang keep others waiting.
        """,
    ).tag(config=True)

    timeout = Float(
        30.0, min=1.0, help="Seconds after which a PAM transaction is given up and its process killed."
    ).tag(config=True)

    executor = Instance(ThreadPoolExecutor, help="The threads that wait for PAM.")

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:  # noqa: ARG002
        """Ask PAM about a name and a password.

        Args:
            handler: always None.
            data: ``username``, ``password`` and perhaps ``otp``.

        Returns:
            The auth model, or None when the name is unknown or the password wrong.

        Raises:
            ForbiddenError: the password is right, but the account may not be used.
            PamError: PAM could not decide.
        """
        username = data["username"]
        secrets = self._encoded([data["password"], *filter(None, [data.get("otp")])])
        name = self._encoded([username])
        # PAM is not asked: its answer would tell a guesser the password of root
        if not name or not secrets or await self._in_thread(self.is_refused, username):
            return None
        answer = await self._ask("login" if self.check_account else "authenticate", name[0], secrets)
        if answer.verdict is not Verdict.GOOD:
            self._explain(username, answer)
            return None
        return await self._in_thread(self._describe, username)

    def is_admin(self, handler: Any, authentication: dict[str, Any]) -> bool | None:
        """Tell whether a user is in admin_users or admin_groups."""
        admin: bool | None = super().is_admin(handler, authentication)
        if admin or not self.admin_groups:
            return admin
        return self.is_member(authentication["name"], self.admin_groups, "admin_groups")

    def normalize_username(self, username: str) -> str:
        """Normalise as `Authenticator` does, and by the user's number where that is wanted."""
        name = username
        if self.pam_normalize_username:
            try:
                name = pwd.getpwuid(pwd.getpwnam(username).pw_uid).pw_name
            except KeyError:
                self.log.warning("pam_normalize_username: the system has no user %s", shorten(username))
        return super().normalize_username(name)

    def refresh_user(self, user: Any, handler: Any = None) -> Any:
        """Look the groups of a user up again, when groups are managed."""
        if not self.manage_groups:
            return True
        return {"groups": self.group_names(user.name), "admin": self.is_admin(handler, {"name": user.name})}

    def check_allow_config(self) -> None:
        """Warn when nobody can come in, for want of a setting or of rights."""
        super().check_allow_config()
        if os.geteuid() != 0:
            me = pwd.getpwuid(os.geteuid()).pw_name
            self.log.warning("PAM: the hub does not run as root, so only %s can be expected to log in", me)

    async def pre_spawn_start(self, user: Any, spawner: Any) -> None:  # noqa: ARG002
        """Open a PAM session, when open_sessions is set."""
        await self._session("open-session", user.name)

    async def post_spawn_stop(self, user: Any, spawner: Any) -> None:  # noqa: ARG002
        """Close the PAM session, when open_sessions is set."""
        await self._session("close-session", user.name)

    async def _session(self, task: str, username: str) -> None:
        if not self.open_sessions:
            return
        answer = await self._ask(task, username.encode(self.encoding))
        if answer.verdict is not Verdict.GOOD:
            raise PamError(self.service, f"{task} of {shorten(username)}: {answer}")

    async def _ask(self, task: str, username: bytes, secrets: Sequence[bytes] = ()) -> Answer:
        """Ask PAM; a wrong login is answered when PAM wants it answered, without holding up others."""
        transaction = Transaction(task, self.service, username, self.timeout)
        answered_from, answer = await self._in_thread(_timed, transaction, secrets)
        wait = answered_from + answer.delay - time.monotonic()
        if answer.verdict is Verdict.WRONG and wait > 0:
            await asyncio.sleep(min(wait, self.timeout))
        return answer

    def _explain(self, username: str, answer: Answer) -> None:
        if answer.verdict is Verdict.FAILED:
            raise PamError(self.service, str(answer))
        self.log.warning("PAM service %r refuses %s: %s", self.service, shorten(username), answer)
        if answer.verdict is Verdict.REFUSED:
            raise ForbiddenError(answer.reason)

    def _describe(self, username: str) -> dict[str, Any]:
        model: dict[str, Any] = {"name": username}
        if self.manage_groups:
            model["groups"] = self.group_names(username)
        return model

    def _encoded(self, texts: Sequence[str]) -> list[bytes]:
        """Encode for PAM; nothing comes out where one of them cannot be handed to it unchanged."""
        try:
            encoded = [text.encode(self.encoding) for text in texts]
        except UnicodeEncodeError:
            return []
        fit = all(b"\0" not in text and len(text) <= MAX_SECRET for text in encoded)
        return encoded if fit and any(encoded) else []

    async def _in_thread(self, function: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.executor, function, *args)

    @default("executor")
    def _default_executor(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.executor_threads, thread_name_prefix="plughub-pam-check")

    @validate("encoding")
    def _known_encoding(self, proposal: Mapping[str, Any]) -> str:
        try:
            return codecs.lookup(proposal["value"]).name
        except LookupError as error:
            raise TraitError(f"c.PAMAuthenticator.encoding: {error}") from error


def _timed(transaction: Transaction, secrets: Sequence[bytes]) -> tuple[float, Answer]:
    begin = time.monotonic()
    return begin, transaction.run(secrets)

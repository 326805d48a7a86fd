"""Authenticator for the accounts of the system, through PAM."""

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
"""Maximum size in bytes of a password or token; a longer one counts as wrong."""


class PAMAuthenticator(LocalAuthenticator):
    """Authenticates users of the system with PAM.

    Each login is one PAM transaction in a separate process.
    """

    service = Unicode("login", help="PAM service: the name of a file in /etc/pam.d.").tag(config=True)

    encoding = Unicode("utf8", help="Encoding of names and passwords for PAM.").tag(config=True)

    check_account = Bool(
        default_value=True,
        help="Also ask PAM whether the account may be used. If off, users whose account is locked, expired "
        "or not allowed on this machine can log in with the right password.",
    ).tag(config=True)

    open_sessions = Bool(
        default_value=False,
        help="Open a PAM session before a server starts, and close it after the server stops. Other "
        "processes than the server open and close the session: modules that create or mount a folder "
        "work, but modules that change the calling process, such as pam_limits, have no effect on the "
        "server.",
    ).tag(config=True)

    admin_groups = Set(
        Unicode(),
        help="System groups whose members are admins. If set, a user in none of these groups and not in "
        "admin_users stops being an admin at the next login.",
    ).tag(config=True)

    pam_normalize_username = Bool(
        default_value=False,
        help="Use the system's name for the user id, if several names have the same user id.",
    ).tag(config=True)

    executor_threads = Integer(
        8,
        min=1,
        help="Maximum number of concurrent PAM transactions; further logins wait. With fewer threads than "
        "JupyterHub.plugin_threads, logins that hang can delay others.",
    ).tag(config=True)

    timeout = Float(
        30.0, min=1.0, help="Seconds after which a PAM transaction times out and its process is killed."
    ).tag(config=True)

    executor = Instance(ThreadPoolExecutor, help="Threads that wait for PAM.")

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:  # noqa: ARG002
        """Check a name and a password with PAM.

        Args:
            handler: always None.
            data: ``username``, ``password`` and optionally ``otp``.

        Returns:
            The auth model, or None when the name is unknown or the password wrong.

        Raises:
            ForbiddenError: the password is right, but the account may not be used.
            PamError: PAM could not decide.
        """
        username = data["username"]
        secrets = self._encoded([data["password"], *filter(None, [data.get("otp")])])
        name = self._encoded([username])
        # Do not ask PAM: its answer would reveal whether the password of root was guessed.
        if not name or not secrets or await self._in_thread(self.is_refused, username):
            return None
        answer = await self._ask("login" if self.check_account else "authenticate", name[0], secrets)
        if answer.verdict is not Verdict.GOOD:
            self._report_refusal(username, answer)
            return None
        return await self._in_thread(self._auth_model, username)

    def is_admin(self, handler: Any, authentication: dict[str, Any]) -> bool | None:
        """Return whether a user is in admin_users or admin_groups."""
        admin: bool | None = super().is_admin(handler, authentication)
        if admin or not self.admin_groups:
            return admin
        return self.is_member(authentication["name"], self.admin_groups, "admin_groups")

    def normalize_username(self, username: str) -> str:
        """Normalize the name as `Authenticator` does; with ``pam_normalize_username``, also by user id."""
        name = username
        if self.pam_normalize_username:
            try:
                name = pwd.getpwuid(pwd.getpwnam(username).pw_uid).pw_name
            except KeyError:
                self.log.warning("pam_normalize_username: the system has no user %s", shorten(username))
        return super().normalize_username(name)

    def refresh_user(self, user: Any, handler: Any = None) -> Any:
        """Read the groups of a user again, if groups are managed."""
        if not self.manage_groups:
            return True
        return {"groups": self.group_names(user.name), "admin": self.is_admin(handler, {"name": user.name})}

    def check_allow_config(self) -> None:
        """Warn if no user can log in, because of missing settings or permissions."""
        super().check_allow_config()
        if os.geteuid() != 0:
            me = pwd.getpwuid(os.geteuid()).pw_name
            self.log.warning("PAM: the hub does not run as root, so probably only %s can log in", me)

    async def pre_spawn_start(self, user: Any, spawner: Any) -> None:  # noqa: ARG002
        """Open a PAM session, if open_sessions is set."""
        await self._session("open-session", user.name)

    async def post_spawn_stop(self, user: Any, spawner: Any) -> None:  # noqa: ARG002
        """Close the PAM session, if open_sessions is set."""
        await self._session("close-session", user.name)

    async def _session(self, task: str, username: str) -> None:
        if not self.open_sessions:
            return
        answer = await self._ask(task, username.encode(self.encoding))
        if answer.verdict is not Verdict.GOOD:
            raise PamError(self.service, f"{task} of {shorten(username)}: {answer}")

    async def _ask(self, task: str, username: bytes, secrets: Sequence[bytes] = ()) -> Answer:
        """Run a PAM transaction, and delay the answer to a wrong login as PAM requests, without blocking
        others.
        """
        transaction = Transaction(task, self.service, username, self.timeout)
        answered_from, answer = await self._in_thread(_timed, transaction, secrets)
        wait = answered_from + answer.delay - time.monotonic()
        if answer.verdict is Verdict.WRONG and wait > 0:
            await asyncio.sleep(min(wait, self.timeout))
        return answer

    def _report_refusal(self, username: str, answer: Answer) -> None:
        if answer.verdict is Verdict.FAILED:
            raise PamError(self.service, str(answer))
        self.log.warning("PAM service %r refuses %s: %s", self.service, shorten(username), answer)
        if answer.verdict is Verdict.REFUSED:
            raise ForbiddenError(answer.reason)

    def _auth_model(self, username: str) -> dict[str, Any]:
        model: dict[str, Any] = {"name": username}
        if self.manage_groups:
            model["groups"] = self.group_names(username)
        return model

    def _encoded(self, texts: Sequence[str]) -> list[bytes]:
        """Encode texts for PAM; return nothing if one of them cannot be passed unchanged."""
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

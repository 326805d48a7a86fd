"""TLS contexts for clients and servers."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Mapping
from typing import Any


class TwoSidedContext(ssl.SSLContext):
    """Context of a client that also serves: accepted connections use the context in `server`."""

    server: ssl.SSLContext

    def wrap_socket(self, sock: Any, server_side: bool = False, **options: Any) -> ssl.SSLSocket:  # type: ignore[override]
        """Begin TLS on a socket, with the context of the side."""
        if server_side:
            return self.server.wrap_socket(sock, server_side=True, **options)
        return super().wrap_socket(sock, **options)

    def wrap_bio(  # type: ignore[override]
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, server_side: bool = False, **options: Any
    ) -> ssl.SSLObject:
        """Begin TLS on buffers, as asyncio does, with the context of the side."""
        if server_side:
            return self.server.wrap_bio(incoming, outgoing, server_side=True, **options)
        return super().wrap_bio(incoming, outgoing, **options)


def make_ssl_context(
    keyfile: str | None = None,
    certfile: str | None = None,
    cafile: str | None = None,
    verify_mode: ssl.VerifyMode | bool | None = None,
    check_hostname: bool | None = None,
    *,
    purpose: ssl.Purpose | None = None,
    verify: bool | None = None,
    **options: Any,
) -> ssl.SSLContext:
    """Create a TLS context that verifies its peer.

    With a certificate and without a purpose, the context serves both sides. As a client it verifies the
    server and its name. As a server it is what browsers expect of HTTPS: clients need no certificate unless
    ``verify_mode`` demands one.

    Args:
        keyfile: path of the private key.
        certfile: path of the certificate.
        cafile: path of the trusted authorities; those of the system by default.
        verify_mode: whether the peer needs a certificate; by default required, except on the server side of
            a context for both sides.
        check_hostname: whether the certificate must match the host name; by default for a client that
            verifies.
        purpose: ``SERVER_AUTH`` for a client only, ``CLIENT_AUTH`` for a server that requires certificates
            of its clients; None for both sides.
        verify: the older form of ``purpose`` in JupyterHub: True for ``SERVER_AUTH``, False for
            ``CLIENT_AUTH``. It does not turn verification off. Deprecated.
        options: further attributes of the context, such as ``minimum_version``.

    Returns:
        The context.

    Raises:
        TypeError: a context has no such attribute.
    """
    if isinstance(verify_mode, bool):  # the fourth argument is ``verify`` in JupyterHub
        verify, verify_mode = verify_mode, None
    if verify is not None:
        purpose = ssl.Purpose.SERVER_AUTH if verify else ssl.Purpose.CLIENT_AUTH
        message = f"make_ssl_context(verify={verify}) is deprecated; use purpose=ssl.{purpose}"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
    files = (keyfile, certfile, cafile)
    if purpose is ssl.Purpose.CLIENT_AUTH:
        return _server(files, ssl.CERT_REQUIRED if verify_mode is None else verify_mode, options)
    client = _client(files, verify_mode, check_hostname, options)
    if purpose is None and certfile:
        client.__class__ = TwoSidedContext
        client.server = _server(files, ssl.CERT_NONE if verify_mode is None else verify_mode, options)  # type: ignore[attr-defined]
    return client


_Files = tuple[str | None, str | None, str | None]
"""Key, certificate, and authorities."""


def _client(
    files: _Files, verify_mode: ssl.VerifyMode | None, check_hostname: bool | None, options: Mapping[str, Any]
) -> ssl.SSLContext:
    context = _load(ssl.Purpose.SERVER_AUTH, files)
    verify = ssl.CERT_REQUIRED if verify_mode is None else verify_mode
    # ssl refuses CERT_NONE while check_hostname is set, so disable it before verify_mode changes
    context.check_hostname = False
    context.verify_mode = verify
    context.check_hostname = verify is not ssl.CERT_NONE if check_hostname is None else check_hostname
    return _set(context, options)


def _server(files: _Files, verify_mode: ssl.VerifyMode, options: Mapping[str, Any]) -> ssl.SSLContext:
    context = _load(ssl.Purpose.CLIENT_AUTH, files)
    context.verify_mode = verify_mode
    return _set(context, options)


def _load(purpose: ssl.Purpose, files: _Files) -> ssl.SSLContext:
    keyfile, certfile, cafile = files
    context = ssl.create_default_context(purpose, cafile=cafile)
    if certfile:
        context.load_cert_chain(certfile, keyfile)
    return context


def _set(context: ssl.SSLContext, options: Mapping[str, Any]) -> ssl.SSLContext:
    for name, value in options.items():
        if not hasattr(context, name):
            raise TypeError(f"a TLS context has no attribute {name!r}")
        setattr(context, name, value)
    return context

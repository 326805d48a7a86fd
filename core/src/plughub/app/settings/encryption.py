"""Settings of HTTPS and internal TLS."""

from __future__ import annotations

import traitlets


class EncryptionSettings(traitlets.HasTraits):
    """Settings that `JupyterHub` inherits."""

    ssl_key = traitlets.Unicode("", help="Path of the private key for HTTPS.").tag(config=True)
    ssl_cert = traitlets.Unicode("", help="Path of the certificate for HTTPS.").tag(config=True)
    internal_ssl = traitlets.Bool(
        False,
        help="""Encrypt all connections between hub, proxy, services and servers with mutual TLS. The hub
        creates the certificate authorities and signs a certificate for each component; internal connections
        over plain HTTP are refused.
        """,
    ).tag(config=True)
    internal_certs_location = traitlets.Unicode(
        "internal-ssl", help="Directory for the authorities, certificates and keys of internal_ssl."
    ).tag(config=True)
    generate_certs = traitlets.Bool(
        False,
        help="""Create missing authorities and certificates of internal_ssl, print their paths, and exit.

        Use the command-line option --generate-certs: with this setting in a config file, the hub never runs.
        """,
    ).tag(config=True)
    recreate_internal_certs = traitlets.Bool(
        False,
        help="""Create new authorities for internal_ssl at startup. Running servers lose their trust, so
        stop all servers first.
        """,
    ).tag(config=True)
    trusted_alt_names: traitlets.List[str] = traitlets.List(
        traitlets.Unicode(),
        help="""Additional subject alternative names for the certificates of hub and proxy with
        internal_ssl, such as DNS:hub.lan.
        """,
    ).tag(config=True)
    external_ssl_authorities = traitlets.Dict(
        help="""Existing authorities to use with internal_ssl, by name, such as proxy-client-ca. Each is a
        dictionary of file paths: cert, optionally key (without it the hub cannot sign with this authority)
        and ca.
        """
    ).tag(config=True)

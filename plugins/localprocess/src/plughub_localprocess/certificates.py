"""Certificate of a server, in the home folder of its user."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from plughub.spawner import SpawnFailed
from plughub_localprocess.accounts import Account
from plughub_localprocess.timings import CERTIFICATE_SECONDS

WRITER: Final = str(Path(__file__).with_name("certificate_writer.py"))
FOLDER: Final = ".jupyterhub/jupyterhub-certs"
NOT_WRITTEN: Final = "the certificate of the server cannot be written to the home folder of its user"


def write_certificates(paths: Mapping[str, str], home: str, account: Account | None) -> dict[str, str]:
    """Write a server's certificate files into its user's home folder, as that user. Blocks.

    The home folder may contain links to anywhere, and may be on a file server that gives root no access. So a
    process that has switched to the user writes the files. The hub keeps no copy of the key.

    Args:
        paths: the files by kind; their names are kept.
        home: home folder.
        account: account to switch to; None to stay the hub's user.

    Returns:
        The new paths by kind.

    Raises:
        SpawnFailed: the files cannot be written.
    """
    target = f"{home.rstrip('/')}/{FOLDER}"
    texts = {Path(path).name: Path(path).read_text("ascii") for path in paths.values()}
    orders = {"folder": target, "files": texts, "account": asdict(account) if account else None}
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-I", "-S", WRITER],
            input=json.dumps(orders).encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
            cwd="/",
            timeout=CERTIFICATE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SpawnFailed(NOT_WRITTEN, detail=f"{target}: {error}") from error
    if done.returncode != 0:
        output = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise SpawnFailed(
            NOT_WRITTEN,
            detail=f"{target}: {' '.join(output)}. The folder must belong to the user and have free space",
        )
    Path(paths["keyfile"]).unlink(missing_ok=True)
    return {kind: f"{target}/{Path(path).name}" for kind, path in paths.items()}

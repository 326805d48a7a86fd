"""Program that writes files as a user: started by path, with the standard library only.

It reads its request from standard input, because the request contains a key, which arguments would reveal.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Switch to the user and write the files."""
    orders: dict[str, Any] = json.load(sys.stdin)
    if account := orders["account"]:
        os.setgroups(account["groups"])
        os.setresgid(account["gid"], account["gid"], account["gid"])
        os.setresuid(account["uid"], account["uid"], account["uid"])
    folder = Path(orders["folder"])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name, text in orders["files"].items():
        write(folder / name, text)


def write(path: Path, text: str) -> None:
    """Write a file that only its owner can read, completely or not at all; an existing file is replaced."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(str(error))

"""What a person reads when neither her server nor the hub answers."""

from __future__ import annotations

from typing import Final

PAGE_NAME: Final = "unavailable.http"

_BODY: Final = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Not reachable</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body style="font-family: sans-serif; max-width: 36em; margin: 4em auto; padding: 0 1em">
<h1>Nothing answers here just now</h1>
<p>The server behind this address does not answer, and neither does the hub.
Try again in a moment; when it stays like this, tell the administrator.</p>
</body>
</html>
"""

PAGE: Final = (
    "HTTP/1.1 503 Service Unavailable\r\n"
    "Cache-Control: no-store\r\n"
    "Content-Type: text/html; charset=utf-8\r\n"
    "Retry-After: 5\r\n"
    f"Content-Length: {len(_BODY.encode())}\r\n"
    "\r\n"
    f"{_BODY}"
)
"""A whole answer, as HAProxy's ``errorfile`` wants it."""

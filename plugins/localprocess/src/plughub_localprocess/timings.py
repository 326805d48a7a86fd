"""Timings of local processes, each with its unit and its reason."""

from __future__ import annotations

from typing import Final

from plughub.utils import Backoff

END_BACKOFF: Final = Backoff(first=0.01, longest=0.2, factor=1.5)
"""Delays between polls of processes whose end the system does not report."""
END_POLL_SECONDS: Final = 1.0
"""Fallback poll interval in seconds for processes whose end the system reports."""
GROUP_GRACE_SECONDS: Final = 1.0
"""Seconds that the other members of a process group have after the leader has ended on a signal."""
EXIT_CODE_SECONDS: Final = 2.0
"""Seconds that the keeper of an ended server has to pass on its exit code."""
CERTIFICATE_SECONDS: Final = 30.0
"""Seconds to write a certificate to a home directory, which may be on a slow network."""
PROCESS_TABLE_SECONDS: Final = 1.0
"""Seconds for which a list of all processes is reused: one serves the measurements of all servers."""

"""Every timing of local processes with its reason. Seconds."""

from __future__ import annotations

from typing import Final

from plughub.utils import Backoff

END_BACKOFF: Final = Backoff(first=0.01, longest=0.2, factor=1.5)
"""Between looks at processes whose end the system does not tell."""
END_POLL_SECONDS: Final = 1.0
"""Fallback poll of a process whose end the system tells."""
GROUP_GRACE_SECONDS: Final = 1.0
"""The members of a group have so long when its leader has followed a signal."""
EXIT_CODE_SECONDS: Final = 2.0
"""The keeper of a server that has ended passes its exit code on."""
CERTIFICATE_SECONDS: Final = 30.0
"""A certificate is written to a home folder, which may be on a slow network."""

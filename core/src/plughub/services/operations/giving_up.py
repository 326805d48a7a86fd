"""Operations at which the hub itself fails again and again."""

from __future__ import annotations

from typing import Final

from plughub.domain.clock import utcnow
from plughub.domain.explaining import with_details
from plughub.domain.servers import Failure, OperationKind, Phase
from plughub.services.operations.job import Job

FIRST_PAUSE: Final = 15.0
LONGEST_PAUSE: Final = 300.0
_MANY: Final = 16


async def give_up(job: Job, mistake: Exception) -> None:
    """End a start, and say so; a stop, and what tidies up, is put off, for longer each time.

    Args:
        job: the operation.
        mistake: what happened last; its text is for the log alone, its kind for administrators.

    Raises:
        PutOffError: it is put off.
        LeaseLostError: another process has the operation now.
    """
    why, detail = "the hub itself failed at it", f"{type(mistake).__name__}, its log tells more"
    if job.operation.kind is OperationKind.START and job.phase is not Phase.UNDO:
        failure = Failure(
            message=f"the server could not be started: {why}",
            detail=detail,
            reference=job.operation.reference,
            at=utcnow(),
        )
        key = job.operation.server_id
        await job.advance(Phase.UNDO, lambda tx: tx.servers.failed(key, failure), failure=failure)
        return
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (min(job.operation.attempts, _MANY) - 1))
    await job.put_off(with_details(why, detail), pause)

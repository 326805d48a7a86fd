"""Operations at which the hub itself fails again and again."""

from __future__ import annotations

from plughub.domain.clock import utcnow
from plughub.domain.explanations import with_details
from plughub.domain.servers import Failure, OperationKind, Phase
from plughub.domain.timings import GIVE_UP_BACKOFF
from plughub.services.operations.job import Job


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
    await job.put_off(with_details(why, detail), GIVE_UP_BACKOFF.after(job.operation.attempts))

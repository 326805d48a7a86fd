"""Operations that repeatedly fail because of an error in the hub itself."""

from __future__ import annotations

from plughub.domain.clock import utcnow
from plughub.domain.explanations import with_details
from plughub.domain.servers import Failure, OperationKind, Phase
from plughub.domain.timings import GIVE_UP_BACKOFF
from plughub.services.operations.job import Job


async def abandon(job: Job, error: Exception) -> None:
    """Undo a start and report its failure; postpone a stop or an undo with growing delays.

    Args:
        job: the operation.
        error: the last error; its text is for the log only, its type for administrators.

    Raises:
        PostponedError: the operation is postponed.
        LeaseLostError: another process has taken over the operation.
    """
    why, detail = "an internal error occurred in the hub", f"{type(error).__name__}; see the log of the hub"
    if job.operation.kind is OperationKind.START and job.phase is not Phase.UNDO:
        failure = Failure(
            message=f"the server could not be started: {why}",
            detail=detail,
            reference=job.operation.reference,
            at=utcnow(),
        )
        key = job.operation.server_id
        await job.advance(Phase.UNDO, lambda tx: tx.servers.record_failure(key, failure), failure=failure)
        return
    await job.postpone(with_details(why, detail), GIVE_UP_BACKOFF.after(job.operation.attempts))

"""Fine-tuning jobs: made, looked at, stopped and gone on with. Workers run them, as jobs of the home's queue."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from typing import Literal

from rung.data.tuning_lines import FEWEST, LineFault
from rung.data.tuning_lines import count as count_lines
from rung.errors import UserError
from rung.registry.db import now
from rung.registry.home import Home
from rung.registry.job_states import Job, State
from rung.registry.submission import submission
from rung.registry.tunings import Fault, Tuning, TuningAsked, TuningEnd, new_id, once_key
from rung.serve.tuning.asking import Request, model_name, with_model_and_files
from rung.serve.types import Refused, Served, Tenant

Status = Literal["validating_files", "queued", "running", "succeeded", "failed", "cancelled", "paused"]
_STATUS: dict[State, Status] = {
    "queued": "queued",
    "running": "running",
    "pausing": "paused",
    "paused": "paused",
    "cancelling": "cancelled",
    "cancelled": "cancelled",
    "failed": "failed",
    "done": "failed",  # what it came to would be written down
}
OVER: tuple[Status, ...] = ("succeeded", "failed", "cancelled")
COMMAND = "tune"
# Jobs of one tenant that may be under way: more of them would make all others wait.
MOST_UNDER_WAY = 32


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A fine-tuning job as it stands: `fault` says why it failed, `finished` is when it ended (ISO 8601, "" while it goes on)."""

    tuning: Tuning
    status: Status
    fault: Fault | None = None
    finished: str = ""


def standing(home: Home, tuning: Tuning) -> Standing:
    """How a job stands: by what came of it, else by how its job of the queue does."""
    if tuning.end is not None:
        status: Status = "failed" if tuning.end.fault else "succeeded"
        return Standing(tuning=tuning, status=status, fault=tuning.end.fault, finished=tuning.end.created)
    job = home.jobs.get(tuning.job)
    status = _STATUS[job.state]
    if status == "running" and not home.tunings.has_begun(tuning.id):
        status = "validating_files"
    fault = Fault(code="server_error", message=job.said or "its process ended and left no word") if status == "failed" else None
    return Standing(tuning=tuning, status=status, fault=fault, finished=job.updated if job.is_final else "")


def own_job(home: Home, tenant: Tenant, name: str) -> Tuning:
    """A tenant's job. Raises Refused (404) in the same words for one that is not there and for another's."""
    found = home.tunings.get(name, tenant.id)
    if found is None:
        told = f"Could not find fine tune: {name[:80]}"
        raise Refused(404, told, type="invalid_request_error", param="fine_tuning_job_id", code="fine_tune_not_found")
    return found


def create(home: Home, tenant: Tenant, request: Request, served: Served) -> Tuning:
    """Makes a job, or gives the one that the same request made before. One whose files do not hold fails at once.

    Raises Refused for a model that cannot be tuned, for files that are not the tenant's, for the same key with something else, and
    for too many jobs under way.
    """
    _, known = _known(home, tenant, request)
    if known is not None:
        return known
    asked = with_model_and_files(home, tenant, request.asked, served)
    fault = _fault_in_files(home, asked)
    id = new_id()
    tuning = Tuning(id=id, tenant=tenant.id, name=model_name(asked, served, id), asked=asked, created=now())
    with home.together():
        once, known = _known(home, tenant, request)  # the same request may have come twice at once
        if known is not None:
            return known
        if fault is None:
            _refuse_too_many(home, tenant)
            labels = {"tuning": id, "tenant": tenant.id}
            job = home.jobs.submit(submission((COMMAND, id), home.path, labels))
            tuning = replace(tuning, job=job.id)
        home.tunings.add(tuning, once=once)
        _begin(home, tuning, fault)
    return own_job(home, tenant, id)


def cancel(home: Home, tuning: Tuning) -> None:
    """Stops a job for good. Raises Refused where it is over."""
    _asked(home, tuning, "cancel")


def pause(home: Home, tuning: Tuning) -> None:
    """Stops a job for now: what it has trained stays. Raises Refused where it is over."""
    _asked(home, tuning, "pause")


def resume(home: Home, tuning: Tuning) -> None:
    """Lets a paused job go on. Raises Refused where it is not paused."""
    _asked(home, tuning, "resume")


def _asked(home: Home, tuning: Tuning, what: Literal["cancel", "pause", "resume"]) -> None:
    stands = standing(home, tuning)
    if stands.status in OVER and not (what == "cancel" and stands.status == "cancelled"):
        raise Refused(400, f"The job has already {_ENDED[stands.status]}.", code="invalid_job_state")
    job = home.jobs.get(tuning.job)
    act = {"cancel": home.jobs.cancel, "pause": home.jobs.pause, "resume": home.jobs.resume}[what]
    try:
        changed: Job = act(job)
    except UserError as error:
        problem = error.problem.replace(job.id, tuning.id)
        raise Refused(409, f"The job cannot be {_DONE[what]} now: {problem}.", code="invalid_job_state") from None
    if changed.number != job.number:
        home.tunings.say(tuning.id, f"The job was {_DONE[what]}.")


_DONE = {"cancel": "cancelled", "pause": "paused", "resume": "resumed"}
_ENDED = {"succeeded": "succeeded", "failed": "failed", "cancelled": "been cancelled"}


def _known(home: Home, tenant: Tenant, request: Request) -> tuple[str, Tuning | None]:
    """What a new job of this key is entered under, and the one that goes on, or is done, under it already."""
    if not request.key:
        return "", None
    for attempt in count():
        once = once_key(tenant.id, request.key, attempt)
        known = home.tunings.once(once)
        if known is None:
            return once, None
        if standing(home, known).status not in ("failed", "cancelled"):
            if replace(known.asked, base="", digests=()) != request.asked:
                told = f"The same key has made another job: {known.id}. Another request needs another key."
                raise Refused(409, told, code="idempotency_error")
            return once, known
    raise AssertionError


def _refuse_too_many(home: Home, tenant: Tenant) -> None:
    going_on = [one for one in home.tunings.of(tenant.id) if one.end is None and not home.jobs.get(one.job).is_final]
    if len(going_on) >= MOST_UNDER_WAY:
        told = f"{MOST_UNDER_WAY} of your fine-tuning jobs are under way: wait for one, or cancel it."
        raise Refused(429, told, type="rate_limit_error", code="rate_limit_exceeded", retry_after_s=60.0)


def _fault_in_files(home: Home, asked: TuningAsked) -> Fault | None:
    """What is wrong with the first of the files that does not hold."""
    for param, digest in zip(("training_file", "validation_file"), asked.digests, strict=False):
        try:
            with home.blobs.open(digest) as stream:
                count_lines(stream, FEWEST if param == "training_file" else 1)
        except LineFault as fault:
            code = "invalid_training_file" if param == "training_file" else "invalid_validation_file"
            return Fault(code=code, message=f"The job failed due to an invalid {param}. {fault}.", param=param)
    return None


def _begin(home: Home, tuning: Tuning, fault: Fault | None) -> None:
    say = home.tunings.say
    say(tuning.id, f"Created fine-tuning job: {tuning.id}")
    say(tuning.id, f"Validating training file: {tuning.asked.training}")
    if tuning.asked.validation:
        say(tuning.id, f"Validating validation file: {tuning.asked.validation}")
    if fault is not None:
        say(tuning.id, fault.message, level="error")
        home.tunings.finish(tuning.id, TuningEnd(fault=fault))
        return
    say(tuning.id, "Files validated, moving job to queued state")
    if not any(worker.alive for worker in home.workers.all()):
        say(tuning.id, "No worker is at work in this server's home; the job waits until one is (`rung worker`).", level="warn")

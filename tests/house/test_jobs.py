"""Does somebody answer every ring? Each job of `mail.jobs` has one handler in `workers`, and each handler a job."""

import dataclasses

import workers.dispatch
import workers.returns  # noqa: F401 - they mark their handlers
from kit import jobs as rings
from mail import jobs


def test_every_job_has_its_handler() -> None:
    declared = {thing for thing in vars(jobs).values() if isinstance(thing, type) and dataclasses.is_dataclass(thing)}
    assert declared == set(rings.handled())


def test_jobs_carry_ids_and_nothing_else() -> None:
    for job in rings.handled():
        for field in dataclasses.fields(job):
            assert field.type in ("tuple[str, ...]", tuple[str, ...]), f"{job.__name__}.{field.name}"

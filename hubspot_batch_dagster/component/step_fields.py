"""The fields of the component that are about its step: schedule, retries, hooks."""

import importlib
from collections.abc import Sequence
from typing import Annotated, Literal

import dagster as dg
from dagster_shared.check import CheckError
from pydantic import model_validator

from hubspot_batch_dagster.api.arguments import check_number
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.component.fields import Located, explained


class Schedule(Located, dg.Model):
    """When the asset is materialized."""

    cron: Annotated[str, explained("Cron expression, such as 0 2 * * *.")]
    timezone: Annotated[str | None, explained("Time zone of the cron expression; by default UTC.")] = None

    @model_validator(mode="after")
    def _check(self) -> "Schedule":
        for name, value in (("timezone", self.timezone), ("cron", self.cron)):
            try:
                dg.ScheduleDefinition(
                    job_name="any",
                    cron_schedule=self.cron if name == "cron" else "0 2 * * *",
                    execution_timezone=self.timezone if name == "timezone" else None,
                )
            except (dg.DagsterError, CheckError):
                kind = "cron expression" if name == "cron" else "time zone"
                example = "0 2 * * *" if name == "cron" else "Europe/Berlin"
                raise ValueError(f"{name} {value!r} is no {kind} such as {example!r}.") from None
        return self


class Retry(Located, dg.Model):
    """How often a step is tried again."""

    max_retries: Annotated[int, explained("How often, after the first attempt.")] = 1
    delay: Annotated[int | float | None, explained("Seconds before the next attempt.")] = None
    backoff: Annotated[
        Literal["linear", "exponential"] | None,
        explained("How the delay grows.", ("linear", "exponential")),
    ] = None
    jitter: Annotated[
        Literal["full", "plus_minus"] | None, explained("How the delay varies.", ("full", "plus_minus"))
    ] = None

    @model_validator(mode="after")
    def _check(self) -> "Retry":
        check_number("retry_policy", "max_retries", self.max_retries, least=0, most=1_000)
        check_number("retry_policy", "delay", self.delay, least=0, most=604_800)
        return self

    @property
    def policy(self) -> dg.RetryPolicy:
        """The same as Dagster has it."""
        return dg.RetryPolicy(
            max_retries=self.max_retries,
            delay=self.delay,
            backoff=None if self.backoff is None else dg.Backoff[self.backoff.upper()],
            jitter=None if self.jitter is None else dg.Jitter[self.jitter.upper()],
        )


def hooks_named(context: dg.ResolutionContext, names: Sequence[str] | None) -> list[dg.HookDefinition]:
    """Return the hooks that YAML names."""
    found = []
    for name in names or ():
        given = context.resolve_value(name)
        if isinstance(given, str):
            module, _, attribute = given.rpartition(".")
            try:
                given = getattr(importlib.import_module(module), attribute)
            except (ImportError, AttributeError, ValueError):
                raise InputError(
                    f"There is no hook {name}.",
                    remedy="Write its module and name: my_project.alerts.tell_slack.",
                ) from None
        if not isinstance(given, dg.HookDefinition):
            raise InputError(f"{name} is no hook.", remedy="Name a @success_hook or @failure_hook.")
        found.append(given)
    return found

"""When what is below a sync is requested: only while the sync's checks pass."""

from typing import Any

import dagster as dg


def eager_when_checks_pass() -> dg.AutomationCondition[Any]:
    """As ``AutomationCondition.eager()``, but not while a check of an upstream asset does not pass.

    A red step keeps the other steps of its own run from running. ``eager()`` alone knows nothing of that: the
    red asset was materialized, so what is below it is requested in a run of its own. This condition holds it
    back until the checks of all upstream assets passed for their latest materialization: after a red run, one
    with unknown rows, or one that was terminated. Yellow holds it back too, since Dagster's conditions see no
    severity. An upstream asset without checks holds nothing back.

    Examples:
        >>> import dagster as dg
        >>> from hubspot_batch_dagster import eager_when_checks_pass
        >>> @dg.asset(deps=["contacts"], automation_condition=eager_when_checks_pass())
        ... def welcome_mails(): ...
    """
    passed = dg.AutomationCondition.all_checks_match(dg.AutomationCondition.check_passed())
    condition: dg.AutomationCondition[Any] = (
        dg.AutomationCondition.eager() & dg.AutomationCondition.all_deps_match(passed)
    )
    return condition

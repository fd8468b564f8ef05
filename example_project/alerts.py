"""What is said when something fails, to a chat that takes ``{"text": ...}`` at a URL, as Slack does."""

import http.client
import json
import logging
import os
import urllib.request

import dagster as dg

WEBHOOK = "SLACK_WEBHOOK_URL"

# Errors whose words are counts and reasons. Those of another one may quote a row, so only its name is told.
_DISCREET = ("Failure", "DagsterAssetCheckFailedError")


@dg.failure_hook
def tell_slack(context: dg.HookContext) -> None:
    """Tells of a failed step. A hook belongs to a job: ``@dg.job(hooks={tell_slack})``."""
    error = context.op_exception
    post(failed(context.step_key, context.run_id, type(error).__name__, str(error)), context.log)


def failed_step(event: dg.DagsterEvent, run_id: str) -> str:
    """One line about a failed step, from its event."""
    step, error = event.step_key or "A step", event.step_failure_data.error
    # An exception that is not Dagster's own comes as the cause of one that is.
    if error is not None and error.cls_name not in _DISCREET:
        error = error.cause or error
    if error is None:
        return failed(step, run_id, "An error without a name", "")
    return failed(step, run_id, error.cls_name or "", error.message.partition(": ")[2])


def failed(what: str, run_id: str, kind: str, words: str) -> str:
    """One line about a failure, with nobody's data in it.

    Args:
        what: The asset or op.
        run_id: The run that the reader should look at.
        kind: Name of the error's class.
        words: What the error says; the first line of it is told if that is sure to be about counts and
            reasons.
    """
    first = words.strip().partition("\n")[0].rstrip(":.")
    return f"{what} failed in run {run_id}: {first if kind in _DISCREET and first else kind}."


def post(text: str, log: logging.Logger) -> None:
    """Post a text to the chat, or log it if no URL is set. A chat that is down fails nothing."""
    url = os.environ.get(WEBHOOK)
    if not url:
        log.warning(f"{text} ({WEBHOOK} is not set, so nobody was told.)")
        return
    body = json.dumps({"text": text}).encode()
    try:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10):
            pass
    except (OSError, ValueError, http.client.HTTPException) as error:
        # The URL is a secret, and an error may quote it.
        log.error(f"{text} (The chat could not be told: {type(error).__name__}.)")

"""The admin API: what tests in another process may ask of the emulator, under `/_emulator`."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

from hubspot_batch_dagster.emulator import portal_setup
from hubspot_batch_dagster.emulator.books import BooksIncomplete
from hubspot_batch_dagster.emulator.exchange import Answer, Refused, error_body
from hubspot_batch_dagster.emulator.faults import Fault, Faults
from hubspot_batch_dagster.emulator.limits import Limits
from hubspot_batch_dagster.emulator.merges import merge_records
from hubspot_batch_dagster.emulator.oauth import Credentials
from hubspot_batch_dagster.emulator.overview import latest_records, overview
from hubspot_batch_dagster.emulator.portal import Portal
from hubspot_batch_dagster.emulator.portal_file import fill, reset
from hubspot_batch_dagster.emulator.schemas import define_object_type


class Admin:
    """Answers the admin API, which has no limits and a token of its own.

    Attributes:
        token: What its callers send as `X-Emulator-Token`.
    """

    def __init__(
        self, portal: Portal, credentials: Credentials, faults: Faults, limits: Limits, token: str
    ) -> None:
        self.portal, self.credentials, self.faults, self.limits = portal, credentials, faults, limits
        self.token = token

    def answer(self, method: str, path: str, headers: Mapping[bytes, bytes], body: bytes) -> Answer:
        """Answer one request; a mistake in it is a 400 with a sentence."""
        given_token = headers.get(b"x-emulator-token", b"")
        if not secrets.compare_digest(given_token, self.token.encode()):
            message = (
                "The admin API needs its token: open the address that was printed at the start, with its end."
            )
            return Answer(401, error_body(message, "INVALID_AUTHENTICATION"))
        parts = path.removeprefix("/_emulator").strip("/").split("/")
        name = f"{method.lower()}_{parts[0] or 'status'}"
        handler = getattr(self, f"_{name}", None)
        if handler is None:
            return Answer(404, error_body(f"no such admin call: {method} {path}"))
        try:
            given = json.loads(body) if body else None
            return Answer(200, handler(given, *parts[1:]))
        except Refused as refused:
            return refused.answer
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, BooksIncomplete) as error:
            return Answer(400, error_body(f"{type(error).__name__}: {error}"))

    def _get_status(self, _: Any) -> Any:
        return {"portalId": self.portal.settings.portal_id, "requests": self.portal.request_count}

    def _get_overview(self, _: Any) -> Any:
        return overview(self.portal, self.faults, self.limits)

    def _get_latest(self, _: Any, object_type: str) -> Any:
        return latest_records(self.portal.table(object_type))

    def _get_books(self, _: Any) -> Any:
        return self.portal.books.as_json()

    def _delete_books(self, _: Any) -> Any:
        self.portal.books.clear()

    def _get_faults(self, _: Any) -> Any:
        return [{"fault": fault.as_json(), "struck": struck} for fault, struck in self.faults.struck()]

    def _post_faults(self, given: Any) -> Any:
        self.faults.add(*(Fault.from_json(rule) for rule in (given if isinstance(given, list) else [given])))

    def _delete_faults(self, _: Any) -> Any:
        self.faults.clear()

    def _get_settings(self, _: Any) -> Any:
        return self.portal.settings.as_json()

    def _post_settings(self, given: Any) -> Any:
        self.portal.change(given)

    def _post_reset(self, _: Any) -> Any:
        reset(self.portal)
        self.faults.clear()
        self.limits.clear()

    def _get_records(self, _: Any, object_type: str, record_id: str | None = None) -> Any:
        found = self.portal.records(object_type)
        return found if record_id is None else {record_id: found[record_id]}

    def _post_records(self, given: Any, object_type: str) -> Any:
        return self.portal.seed_records(object_type, given)

    def _post_merges(self, given: Any, object_type: str) -> Any:
        primary_id, other_id = map(str, given)
        return merge_records(self.portal, self.portal.table(object_type), primary_id, other_id).id

    def _post_properties(self, given: Any, object_type: str) -> Any:
        portal_setup.add_property(self.portal, object_type, **given)

    def _post_labels(self, given: Any, source: str, target: str) -> Any:
        return portal_setup.add_label(self.portal, source, target, **given)

    def _post_pipelines(self, given: Any, object_type: str) -> Any:
        return portal_setup.add_pipeline(self.portal, object_type, given)

    def _post_owners(self, given: Any) -> Any:
        return portal_setup.add_owner(self.portal, **given)

    def _post_portal(self, given: Any) -> Any:
        fill(self.portal, given)

    def _post_types(self, given: Any) -> Any:
        return define_object_type(self.portal, given).definition.type_id

    def _post_rules(self, given: Any, object_type: str) -> Any:
        self.portal.admin_rules[self.portal.table(object_type).name] = list(given)

    def _put_clock(self, given: Any) -> Any:
        self.portal.skew = float(given["skew"])

    def _post_expire(self, _: Any) -> Any:
        self.credentials.expire_oauth()

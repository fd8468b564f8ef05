"""Settings: what the emulated portal does where HubSpot leaves a choice or is not fully known."""

from __future__ import annotations

import dataclasses
import math
import time
from collections import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

_OF_EITHER_SIGN = frozenset({"date_ahead"})
ADMIN_RULE_VERSIONS = frozenset({"2026-09", "2026-09-beta", "2027-03-beta"})


@dataclass(frozen=True)
class Settings:
    """How the emulated portal behaves.

    Each default is what HubSpot documents, or what was seen on live accounts. A field whose real
    behaviour is unknown or disputed says "uncertain": test both values. A value of another kind is a
    `ValueError` that names the setting.

    Limits (HubSpot's usage guidelines)

    Attributes:
        burst_limit: Requests allowed in any rolling window, search excluded. 100, 190 or 250 on real
            accounts. None: no limit and no rate limit headers.
        burst_window: Length of that window in seconds.
        daily_limit: Requests a day for the whole account, reset at midnight in `time_zone`. None: no
            limit.
        search_limit: Searches allowed in any rolling second. None: no limit.
        association_limit: A window of their own for the associations endpoints, as long as
            `burst_window`. None: they count in the burst window. Uncertain which.
        association_headers: The associations endpoints tell the rate limit in their headers too; reported
            otherwise for v4. Uncertain.
        oauth_limit: Requests to the token endpoint in any rolling 10 seconds; 10 by report. None: any.
            Uncertain.
        max_inputs: Inputs a batch may hold; one more is a 400.
        max_history_inputs: The same for a batch read with `propertiesWithHistory`.
        max_association_inputs: Inputs an association create may hold.
        max_association_reads: Inputs an association read may hold.
        max_inline_associations: Associations that one input of a create may hold. None: any. Uncertain.
        max_property_inputs: Inputs a batch of property definitions may hold. None: any. Uncertain.
        max_archived_sources: Records whose associations one batch archive may name; 100 by report. None: any.
            Uncertain.
        max_search_groups: Filter groups a search may hold: 5 by the search guide, 6 by the contract.
        max_search_filters: Filters a search may hold; the search guide says 18, a changelog of 2024-08
            says 25.
        max_search_filters_in_group: The same for one group: 6 or 10.

    The way there and back

    Attributes:
        latency: Seconds between a request and its answer, spent after the work is done.
        latency_jitter: Share of `latency` by which an answer may come earlier or later (0.3: plus or
            minus 30 %).
        inbound_jitter: Seconds, drawn evenly from 0 to this, that a request spends before it is counted.

    Answers

    Attributes:
        shuffle_results: Results come in another order than the inputs, as HubSpot's do.
        echo_trace_id: Results carry the `objectWriteTraceId` of their input. Uncertain outside upsert.
        create_status: Status of a create without errors; some real endpoints moved from 201 to 200.
        conflict_with_trace_ids: "207" puts a CONFLICT beside its trace id; "409" fails the whole batch
            although trace ids were sent. Uncertain for upsert.
        conflict_names_id: A conflict's message and context name the record that is in the way.
        conflict_commits_rows_before: A whole-batch 409 has already written the rows before the conflict.
            Uncertain.
        duplicates_commit_rows_before: A 400 for two inputs that turn out to be one record has already
            written the first half of the batch. Seen once.
        update_unknown_as_error: An update of unknown ids answers 207 with OBJECT_NOT_FOUND; off, it
            answers 207 with neither results nor errors for them.
        all_error_details: A refusal for several bad values has as many `errors` as its message lists; off,
            one less, as captured twice. Uncertain.
        absent_in_one_error: Ids that are not there are told in one error together; off, each has an error of
            its own. Uncertain.
        update_partial_by_trace_id: Trace ids make an update with a bad value answer 207; off, the whole
            batch is a 400. Uncertain.
        partly_traced: What a batch is in which some inputs have no trace id, or two have one:
            "whole_batch" succeeds or fails as a whole, "partial" does not. Uncertain.
        partial_upsert_by_email: An upsert of contacts by `email` can succeed in part. The contacts guide
            says that partial upserts are not supported there, and not what that means. Uncertain.
        null_value: What a JSON null as a property value does: "clear" the property, "ignore" it, or
            "refuse". Uncertain.
        mixed_id_property: One batch may use several `idProperty` values. Uncertain.
        concurrent_upsert: What a second request does with a key that a first one, not answered yet, has
            just created: "serialise" finds it, "409" conflicts, "duplicate" makes a second record.
            Uncertain.
        hs_object_id_as_id_property: `hs_object_id` is taken as `idProperty`; live portals refuse it.
        unique_on_activities: A unique property of the portal's own identifies activities and leads too.
            Uncertain.
        archived_reads_find: A batch read with `archived=true` finds archived records; seen otherwise
            once.
        search_policy_name: The `policyName` of a 429 of search: "SECONDLY", or None for none at all.
            Uncertain.
        search_in_folds_values: The filter `IN` finds texts whatever their case; off, only values in
            lower case find anything. Uncertain.
        v4_number_ids: v4 tells the ends of associations as numbers, as captured; the newer contract says
            text.
        all_absent: What a read or an update answers in which every id is absent: "207" with
            OBJECT_NOT_FOUND among the errors, or "404" with OBJECT_NOT_FOUND. Both were seen. Uncertain.
        v3_association_status: Status of a v3 associations batch create: 201 by the contract, 200 as
            answered since 2025-08-21.
        unlisted_operations: What a batch operation does that the specs of its object type do not list, such
            as an upsert of goals on 2026-09: "refuse" as an unknown path, or "take", for the generic paths
            are published for every type. Uncertain.
        base_name_in_paths: A custom object may be called by its name alone. HubSpot refuses that since
            2025-04-29.
        date_ahead: Seconds by which the `Date` header is ahead of this computer's clock; negative for
            behind. None: no such header.

    Merges

    Attributes:
        merge_gives_new_id: A merged record gets an id of its own, as HubSpot's changelog says; off, it
            keeps the primary record's.
        update_of_merged: What an update by the id of a merged record does in a batch: "left_out" of
            results and errors (seen once), "carried_out" and told with the id of the record that is left,
            "under_old_id" carried out and told with the id that was sent, or "not_found". Uncertain.
        archive_of_merged: What an archive by such an id does: "carried_out" on the record that is left,
            or "ignored". Uncertain.

    Portal

    Attributes:
        portal_id: The account's number.
        time_zone: The account's time zone; its midnight resets the day's limit.
        search_lag: Seconds until a write shows in search; how many is not known. Batch read sees it at once.
        required_properties: Versions on whose paths required properties and admin rules are enforced.
        listed_is_required: On those versions a create is refused that lacks what the guides list as required
            of a deal, ticket, company, product, service, project or user, or a contact without email and
            name, which an older page refuses. The deals guide says that without
            `pipeline` the default one is used, legacy pages that no stage is needed. Uncertain.
        normalise_dates: Versions that correct a date with a time of day and say so in `warnings`.
        default_lifecycle_stage: The stage of a contact that is made without one: `lead` in captures, by the
            portal's own setting. A write of `subscriber` then changes nothing. None: no stage. Uncertain.
        epoch_seconds: What a time in seconds does on the other versions: "take", and it means moments of
            1970, for HubSpot reads milliseconds, or "refuse". Uncertain.
        lead_requires_contact: A lead cannot be created without its contact.
        email_reuse_after_archive: The email of an archived contact may be used again. Uncertain.
        secondary_email_sent: What a contact's secondary address does that is sent as its `email`:
            "becomes_primary", and the primary one a secondary one, or "keeps_primary". Uncertain.
        known_tlds: Top-level domains that an email may end in, in lower case; HubSpot takes those of
            IANA's list. None: any, so that `.example` and `.test` will do.
        unknown_owner: What an owner id does that no owner has: "refuse" with INVALID_OWNER_ID, as users
            report, or "take". A user's id is refused either way, as the owners guide says.
        company_domain: What a company's `domain` does that has a scheme, a path or `www.`: "keep",
            "normalise" or "refuse". Uncertain.
        gdpr_blocks_addresses: The addresses of a contact that was deleted by GDPR cannot be used again.
            HubSpot says so; its words are not known.
        enforce_validations: The property validation rules about length, size, letters and patterns hold
            for the API too. Uncertain.
        max_associations: Associations that a record may have to one object type.
        check_tokens: Requests need a known token.
        unreadable_token: What a token is told that cannot be read: "invalid", or "expired" in 1970, as users
            report of private apps. Uncertain.
        scopes: Scopes of the portal's own token. None: all of them.
        token_seconds: How long an OAuth access token lives.
        rotate_refresh_token: Each refresh gives a new refresh token and the old one ends. Uncertain.
        keep_books: Every request and commit is kept in the books. Off saves memory in long load tests.
        max_book_entries: The most requests, and the most commits, that the books keep. Beyond that the
            oldest go, and questions that need them raise an error.
        max_body: Bytes that a request body may have; a longer one gets a 413. HubSpot's own bound is not
            known.
        clock: Returns the time in seconds since 1970.
    """

    burst_limit: int | None = None
    burst_window: float = 10.0
    daily_limit: int | None = None
    search_limit: int | None = None
    association_limit: int | None = None
    association_headers: bool = True
    oauth_limit: int | None = None
    max_inputs: int = 100
    max_history_inputs: int = 50
    max_association_inputs: int = 2000
    max_association_reads: int = 1000
    max_inline_associations: int | None = None
    max_property_inputs: int | None = None
    max_archived_sources: int | None = 100
    max_search_groups: int = 5
    max_search_filters: int = 18
    max_search_filters_in_group: int = 6

    latency: float = 0.0
    latency_jitter: float = 0.0
    inbound_jitter: float = 0.0

    shuffle_results: bool = True
    echo_trace_id: bool = True
    create_status: Literal[201, 200] = 201
    conflict_with_trace_ids: Literal["207", "409"] = "207"
    conflict_names_id: bool = True
    conflict_commits_rows_before: bool = False
    duplicates_commit_rows_before: bool = False
    update_unknown_as_error: bool = True
    all_error_details: bool = True
    absent_in_one_error: bool = True
    update_partial_by_trace_id: bool = False
    partly_traced: Literal["whole_batch", "partial"] = "whole_batch"
    partial_upsert_by_email: bool = True
    null_value: Literal["clear", "ignore", "refuse"] = "clear"
    mixed_id_property: bool = True
    concurrent_upsert: Literal["serialise", "409", "duplicate"] = "serialise"
    hs_object_id_as_id_property: bool = False
    unique_on_activities: bool = True
    archived_reads_find: bool = True
    search_policy_name: str | None = "SECONDLY"
    search_in_folds_values: bool = True
    v4_number_ids: bool = True
    all_absent: Literal["207", "404"] = "207"
    v3_association_status: Literal[201, 200] = 201
    unlisted_operations: Literal["refuse", "take"] = "refuse"
    base_name_in_paths: bool = False
    date_ahead: float | None = 0.0

    merge_gives_new_id: bool = True
    update_of_merged: Literal["left_out", "carried_out", "under_old_id", "not_found"] = "left_out"
    archive_of_merged: Literal["carried_out", "ignored"] = "carried_out"

    portal_id: int = 48_211_907
    time_zone: str = "America/New_York"
    search_lag: float = 5.0
    required_properties: frozenset[str] = ADMIN_RULE_VERSIONS
    listed_is_required: bool = False
    normalise_dates: frozenset[str] = ADMIN_RULE_VERSIONS
    default_lifecycle_stage: str | None = None
    epoch_seconds: Literal["take", "refuse"] = "take"
    lead_requires_contact: bool = True
    email_reuse_after_archive: bool = True
    secondary_email_sent: Literal["becomes_primary", "keeps_primary"] = "becomes_primary"
    known_tlds: frozenset[str] | None = None
    unknown_owner: Literal["refuse", "take"] = "refuse"
    company_domain: Literal["keep", "normalise", "refuse"] = "keep"
    gdpr_blocks_addresses: bool = True
    enforce_validations: bool = False
    max_associations: int = 250_000
    check_tokens: bool = True
    unreadable_token: Literal["invalid", "expired"] = "invalid"
    scopes: frozenset[str] | None = None
    token_seconds: float = 1800.0
    rotate_refresh_token: bool = False
    keep_books: bool = True
    max_book_entries: int = 2_000_000
    max_body: int = 20_000_000
    clock: Callable[[], float] = field(default=time.time, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, kind in _kinds(type(self)).items():
            value = getattr(self, name)
            if not _fits(kind, value):
                raise ValueError(f"{name} cannot be {value!r}: it is {_told(kind)}")
            least = -math.inf if name in _OF_EITHER_SIGN else 0
            if isinstance(value, int | float) and not least <= value < math.inf:
                raise ValueError(f"{name} cannot be {value!r}: it is a number from {least} on")
        try:
            ZoneInfo(self.time_zone)
        except (ValueError, OSError, KeyError):
            raise ValueError(
                f"time_zone cannot be {self.time_zone!r}: it is a name such as 'Europe/Berlin'"
            ) from None

    @property
    def app_id(self) -> int:
        """The number of the app that the portal's token belongs to."""
        return 1_000_000 + self.portal_id % 9_000_000

    @cached_property
    def app_id_text(self) -> str:
        """The same as text, which records tell as their source."""
        return str(self.app_id)

    def changed(self, changes: Mapping[str, Any]) -> Settings:
        """Return these settings with some fields replaced.

        Args:
            changes: Field names and new values; lists become sets where the field is a set.

        Raises:
            ValueError: A name is not a setting, or a value is not of its kind; the message says what is.
        """
        known = {f.name for f in dataclasses.fields(self)}
        unknown = sorted(set(changes) - known)
        if unknown:
            raise ValueError(f"no such setting: {', '.join(unknown)}. There are: {', '.join(sorted(known))}")
        fields: dict[str, Any] = {
            name: frozenset(value) if isinstance(value, list) else value for name, value in changes.items()
        }
        return dataclasses.replace(self, **fields)

    def as_json(self) -> dict[str, Any]:
        """Return the settings as plain JSON values, without the clock."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "clock"}
        return {
            name: sorted(value) if isinstance(value, frozenset) else value for name, value in values.items()
        }


_KINDS: dict[type, dict[str, Any]] = {}


def _kinds(settings: type) -> dict[str, Any]:
    """Tell the type of each field. Reading annotations takes milliseconds; tests change settings often."""
    if settings not in _KINDS:
        _KINDS[settings] = get_type_hints(settings)
    return _KINDS[settings]


def _fits(kind: Any, value: Any) -> bool:
    """Whether a value is of the kind that a field's annotation names."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return any(_fits(argument, value) for argument in arguments)
    if origin is Literal:
        return value in arguments
    if origin is frozenset:
        return isinstance(value, (set, frozenset)) and all(isinstance(each, str) for each in value)
    if origin is abc.Callable:
        return callable(value)
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def _told(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(repr(choice) for choice in get_args(kind))
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text", type(None): "null"}
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(_told(argument) for argument in get_args(kind))
    return "a list of texts" if get_origin(kind) is frozenset else names.get(kind, "a function")

"""Every switch of the emulator: what a client sees with each of its values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from emulator_helpers import Caller, contact_rows, rows
from emulator_looks import (
    absent_errors,
    all_absent,
    archive_of_merged,
    archived_read,
    archived_sources,
    association_headers,
    association_window,
    bad_update,
    bare_name,
    by_own_key,
    concurrent_upsert,
    deal_without_pipeline,
    domain,
    error_details,
    foreign_token,
    found_at_once,
    inline_associations,
    lead_alone,
    many_properties,
    merged_id,
    mixed_id_property,
    moved_back,
    null_value,
    partial_upsert,
    partly_traced,
    purged,
    refresh_token_stays,
    reused_email,
    ruled,
    search_filters,
    search_filters_in_all,
    search_groups,
    search_in,
    search_refused,
    secondary,
    seconds,
    shuffled,
    taken,
    tokens_asked_twice,
    two_inputs_for_one_record,
    unknown_update,
    update_of_merged,
    v3_association,
    v4_id,
    without_trace_ids,
)

from hubspot_batch_dagster.emulator import Emulator


class Switch(NamedTuple):
    """What is seen with each value of a setting."""

    seen: dict[Any, Any]
    look: Callable[[Caller, Emulator], Any]


SWITCHES: dict[str, Switch] = {
    "association_limit": Switch({None: 429, 5: 200}, association_window),
    "association_headers": Switch({True: True, False: False}, association_headers),
    "max_archived_sources": Switch({100: 400, None: 204}, archived_sources),
    "max_search_groups": Switch({5: 400, 6: 200}, search_groups),
    "all_error_details": Switch({True: (3, 3), False: (3, 2)}, error_details),
    "absent_in_one_error": Switch(
        {True: [[["77", "78"]]] * 2, False: [[["77"], ["78"]]] * 2},
        absent_errors,
    ),
    "unreadable_token": Switch(
        {"invalid": (401, "INVALID_AUTHENTICATION"), "expired": (401, "EXPIRED_AUTHENTICATION")},
        foreign_token,
    ),
    "oauth_limit": Switch({None: [200, 200], 1: [200, 429]}, tokens_asked_twice),
    "max_inline_associations": Switch({None: 201, 1: 400}, inline_associations),
    "max_property_inputs": Switch({None: 200, 1: 400}, many_properties),
    "max_search_filters": Switch({18: 400, 25: 200}, search_filters_in_all),
    "max_search_filters_in_group": Switch({6: 400, 10: 200}, search_filters(7)),
    "shuffle_results": Switch({True: False, False: True}, shuffled),
    "echo_trace_id": Switch(
        {True: True, False: False},
        lambda call, _: (
            "objectWriteTraceId" in call.batch("contacts", "create", contact_rows(1)).json()["results"][0]
        ),
    ),
    "create_status": Switch(
        {201: 201, 200: 200},
        lambda call, _: call.batch("contacts", "create", contact_rows(1)).status_code,
    ),
    "conflict_with_trace_ids": Switch({"207": 207, "409": 409}, lambda *at: taken(*at).status_code),
    "conflict_names_id": Switch(
        {True: True, False: False},
        lambda *at: "Existing ID" in without_trace_ids(*at).json()["message"],
    ),
    "conflict_commits_rows_before": Switch(
        {True: 2, False: 1},
        lambda call, hubspot: (without_trace_ids(call, hubspot), len(hubspot.records("contacts")))[1],
    ),
    "duplicates_commit_rows_before": Switch(
        {True: ["Ulm", "Ulm"], False: [None, None]}, two_inputs_for_one_record
    ),
    "update_unknown_as_error": Switch({True: 1, False: 0}, unknown_update),
    "update_partial_by_trace_id": Switch({True: 207, False: 400}, bad_update),
    "partly_traced": Switch({"whole_batch": 400, "partial": 207}, partly_traced),
    "partial_upsert_by_email": Switch({True: 207, False: 400}, partial_upsert),
    "null_value": Switch({"clear": (200, None), "ignore": (200, "Ulm"), "refuse": (400, "Ulm")}, null_value),
    "mixed_id_property": Switch({True: 200, False: 400}, mixed_id_property),
    "concurrent_upsert": Switch(
        {"serialise": (200, 1), "409": (409, 1), "duplicate": (200, 2)}, concurrent_upsert
    ),
    "hs_object_id_as_id_property": Switch(
        {True: 207, False: 400},
        lambda call, _: (
            call.batch(
                "contacts", "update", [{"id": "77", "idProperty": "hs_object_id", "properties": {}}]
            ).status_code
        ),
    ),
    "unique_on_activities": Switch({True: 200, False: 400}, by_own_key),
    "archived_reads_find": Switch({True: 1, False: 0}, archived_read),
    "search_policy_name": Switch({"SECONDLY": "SECONDLY", None: None}, search_refused),
    "search_in_folds_values": Switch({True: 1, False: 0}, search_in),
    "v4_number_ids": Switch({True: int, False: str}, v4_id),
    "all_absent": Switch({"207": 207, "404": 404}, all_absent),
    "v3_association_status": Switch({201: 201, 200: 200}, v3_association),
    "unlisted_operations": Switch(
        {"refuse": 404, "take": 201},
        lambda call, _: call.batch("projects", "create", rows({}), version="2026-09").status_code,
    ),
    "base_name_in_paths": Switch({False: 400, True: 201}, bare_name),
    "merge_gives_new_id": Switch({True: False, False: True}, merged_id),
    "update_of_merged": Switch(
        {
            "left_out": ([], 0, None),
            "carried_out": (["new"], 0, "Ulm"),
            "under_old_id": (["old"], 0, "Ulm"),
            "not_found": ([], 1, None),
        },
        update_of_merged,
    ),
    "archive_of_merged": Switch({"carried_out": 0, "ignored": 1}, archive_of_merged),
    "default_lifecycle_stage": Switch({None: "subscriber", "lead": "lead"}, moved_back),
    "epoch_seconds": Switch(
        {"take": (201, ["1970-01-21T10:59:31.200Z"]), "refuse": (400, [])},
        seconds,
    ),
    "listed_is_required": Switch({False: (201, "default"), True: (400, None)}, deal_without_pipeline),
    "lead_requires_contact": Switch({True: 400, False: 201}, lead_alone),
    "email_reuse_after_archive": Switch({True: 201, False: 409}, reused_email),
    "secondary_email_sent": Switch(
        {
            "becomes_primary": ("b@example.com", "a@example.com", "Ulm"),
            "keeps_primary": ("a@example.com", "b@example.com", "Ulm"),
        },
        secondary,
    ),
    "known_tlds": Switch(
        {None: 201, frozenset({"org"}): 400},
        lambda call, _: call.batch("contacts", "create", contact_rows(1, trace=False)).status_code,
    ),
    "unknown_owner": Switch(
        {"refuse": 400, "take": 201},
        lambda call, _: (
            call.batch("contacts", "create", rows({"hubspot_owner_id": "5"}, trace=False)).status_code
        ),
    ),
    "company_domain": Switch(
        {"keep": ["https://x.example/"], "normalise": ["x.example"], "refuse": []}, domain
    ),
    "gdpr_blocks_addresses": Switch({True: 400, False: 201}, purged),
    "search_lag": Switch({5.0: 0, 0.0: 1}, found_at_once),
    "rotate_refresh_token": Switch({False: True, True: False}, refresh_token_stays),
    "max_body": Switch(
        {20_000_000: 201, 50: 413},
        lambda call, _: call.batch("contacts", "create", contact_rows(1)).status_code,
    ),
    "enforce_validations": Switch({False: 201, True: 400}, ruled),
}
"""Setting -> what is seen with each value that it can have."""

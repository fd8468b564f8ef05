"""Every table of a run's DuckDB database: what it holds, who writes it, who reads it.

All of a run's questions about rows as a whole are asked of these. They are gone when the run is.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A table, or a view.

    Attributes:
        holds: One line of it is what.
        columns: Their names, in order.
        written_by: Modules below ``sync/`` that make or fill it.
        read_by: Modules below ``sync/`` that ask it.
    """

    holds: str
    columns: tuple[str, ...]
    written_by: tuple[str, ...]
    read_by: tuple[str, ...]


def _table(holds: str, columns: str, written_by: str, read_by: str) -> Table:
    return Table(holds, tuple(columns.split()), tuple(written_by.split()), tuple(read_by.split()))


_KNOWN = (
    "key keys id outcome digest definition synced_at category code property message correlation_id warning "
    "associations former as_of"
)
_SETTLED = "row outcome id stale settled_at seq"
_REASON = "category code property message correlation_id warning"

TABLES = {
    "staged": _table(
        "a row that can be sent, with its key and the hash of its text",
        "row keys key id digest as_of",
        "staging/staging_area planning/planner",
        "planning/planner planning/guards staging/conclusion staging/known_rows"
        " associations/association_table",
    ),
    "rejected": _table(
        "a reason why a row cannot be sent, found before anything was",
        "row keys key column property code message",
        "staging/staging_area planning/planner",
        "planning/guards planning/preview staging/conclusion",
    ),
    "omitted": _table(
        "a cell that is left out of its row by a rule of its column",
        "row keys key column property code message",
        "staging/staging_area",
        "staging/conclusion",
    ),
    "incomplete": _table(
        "a row that lacks what a new record needs",
        "row column property code message",
        "staging/staging_area",
        "planning/planner",
    ),
    "doubtful": _table(
        "a row of which a rule doubts that HubSpot takes it",
        "row doubt",
        "staging/staging_area",
        "planning/planner",
    ),
    "base": _table(
        "a line of the ids table, as its file has it", _KNOWN, "staging/known_rows", "staging/known_rows"
    ),
    "recovered": _table(
        "an outcome that the file does not have yet: of the journal, or found in the portal",
        f"row key digest outcome id {_REASON} settled_at seq",
        "staging/known_rows",
        "staging/known_rows",
    ),
    "known": _table(
        "what is known of a row key, from the ids table and all that came after it",
        _KNOWN,
        "staging/known_rows",
        "planning/planner planning/guards staging/staging_area staging/conclusion"
        " associations/association_table",
    ),
    "others": _table(
        "a record id of the sync in whose ids table the row keys are looked up",
        "key id",
        "staging/known_rows",
        "planning/planner",
    ),
    "ids_of_0": _table(
        "a record id of another sync whose keys a column holds; ids_of_1 and so on for more syncs",
        "key id",
        "staging/known_rows",
        "associations/key_lookup",
    ),
    "asked": _table(
        "a key of a column, with its spelling as an email",
        "place key folded",
        "associations/key_lookup",
        "associations/key_lookup",
    ),
    "wanted": _table(
        "an association that a row wants",
        "row place target_key target_id code message",
        "staging/staging_area",
        "planning/planner associations/association_table",
    ),
    "odd_keys": _table(
        "a key that looks like another one once case, blanks and Unicode form are put aside",
        "key folded is_new",
        "planning/near_keys",
        "planning/near_keys",
    ),
    "doubled": _table(
        "a key that several rows have", "key kept first_row", "planning/planner", "planning/planner"
    ),
    "superseded": _table(
        "a row of which a newer part of the table has another one",
        "row",
        "planning/planner",
        "planning/planner",
    ),
    "held": _table(
        "a key whose create may still be carried out", "key", "planning/planner", "planning/planner"
    ),
    "at_large": _table(
        "a key with an update that HubSpot may carry out late",
        "key digest intent",
        "planning/planner",
        "planning/planner",
    ),
    "freed": _table(
        "a key that shared a record with a row that has left", "key", "planning/planner", "planning/planner"
    ),
    "planned": _table(
        "what becomes of a row: its action, its record, the id that is sent",
        "row action retry retry_id known_id synced_at send_id",
        "planning/planner stages/retry_refused stages/match_existing staging/reopened_rows"
        " staging/shared_records",
        "planning/planner staging/conclusion associations/association_table",
    ),
    "plan": _table(
        "the same with the key and the hash of the row",
        "row key digest action retry retry_id known_id synced_at send_id",
        "planning/planner",
        "staging/staging_area planning/preview",
    ),
    "gone": _table(
        "a known record whose row left the source", "row keys key id", "planning/planner", "planning/planner"
    ),
    "targets": _table(
        "a row that is an association: its two records; without a row the other end's view of one",
        "row id target",
        "staging/staging_area",
        "staging/staging_area staging/reopened_rows",
    ),
    "settled": _table(
        "an outcome of a row; of several the one with the highest seq counts",
        _SETTLED,
        "staging/staging_area",
        "staging/conclusion planning/planner associations/association_table",
    ),
    "reasons": _table(
        "why an outcome is what it is", f"row seq {_REASON}", "staging/staging_area", "staging/conclusion"
    ),
    "lost": _table(
        "a row whose answer was lost, and that no look-up has found",
        "row",
        "staging/staging_area",
        "staging/conclusion",
    ),
    "merged": _table(
        "a record that was merged into one which a row was written to",
        "part id",
        "stages/merged_records",
        "staging/known_rows stages/merged_records",
    ),
    "same": _table(
        "a row whose known record another row has",
        "row id owner",
        "staging/shared_records",
        "staging/shared_records",
    ),
    "shared": _table(
        "a row that ended at the record of another one",
        "row id wrote first writes",
        "staging/shared_records",
        "staging/shared_records",
    ),
    "reopened": _table(
        "a row that is sent once more within the run",
        "row id",
        "staging/shared_records staging/reopened_rows",
        "staging/staging_area stages/match_existing",
    ),
    "retried": _table(
        "a row that was refused for a passing reason and that this run looks at again",
        f"row id {_REASON}",
        "stages/retry_refused",
        "stages/retry_refused",
    ),
    "to_match": _table(
        "a row to create, with the values by which its record is looked for",
        "row key digest v0",
        "stages/match_existing",
        "stages/match_existing",
    ),
    "matches": _table(
        "a record that has such a value", "id v0", "stages/match_existing", "stages/match_existing"
    ),
    "matched": _table(
        "a row to create, with the records that it matches and the first row with its values",
        "row key digest owner ids",
        "stages/match_existing",
        "stages/match_existing",
    ),
    "verdicts": _table("the last outcome of a row", _SETTLED, "staging/conclusion", "staging/conclusion"),
    "told": _table(
        "what became of a row that is not simply unchanged",
        "row keys key digest id outcome settled_at category code property message correlation_id warning"
        " column_name moved former as_of",
        "staging/conclusion",
        "staging/conclusion",
    ),
    "final": _table(
        "what became of a row; each row has one line",
        "row keys key digest id outcome settled_at category code property message correlation_id warning"
        " column_name moved former as_of",
        "staging/conclusion",
        "staging/conclusion staging/known_rows associations/association_files",
    ),
    "association_places": _table(
        "an association of the operation",
        "place name to label sync label_type replaces",
        "associations/association_table",
        "associations/association_table associations/association_files",
    ),
    "association_found": _table(
        "a row to create whose record was there already",
        "row",
        "associations/association_table",
        "associations/association_table",
    ),
    "association_again": _table(
        "a key whose association requests may be carried out late",
        "key",
        "associations/association_table",
        "associations/association_table",
    ),
    "association_rows": _table(
        "a row that wants associations, with its record and their hash",
        "row key keys action before id written inline again reverted digest changed",
        "associations/association_table",
        "associations/association_table",
    ),
    "association_open": _table(
        "an association that was open after the last run",
        "key keys name target_key target_id outcome code message",
        "associations/association_table",
        "associations/association_table",
    ),
    "association_own_records": _table(
        "a record of this sync, old or of this run",
        "key id",
        "associations/association_table",
        "associations/association_table",
    ),
    "wanted_once": _table(
        "an association that a row wants, once",
        "row place target_key target_id code message",
        "associations/association_table",
        "associations/association_table",
    ),
    "association_given": _table(
        "one of a row that was not rejected here, with the row's record",
        "row key keys id place target_key target_id code message",
        "associations/association_table",
        "associations/association_table",
    ),
    "association_away": _table(
        "an open one of a row that is away",
        "row key keys id place target_key target_id code message",
        "associations/association_table",
        "associations/association_table",
    ),
    "association_refused": _table(
        "one of a row that was rejected here, and whether it is told of already",
        "row key keys id place target_key target_id code message told_already",
        "associations/association_table",
        "associations/association_table",
    ),
    "association_lines": _table(
        "an association that a row wants, and what became of it",
        "line row key keys id place target_key target_id code message outcome resolved_early unreadable",
        "associations/association_table",
        "associations/association_table associations/association_files",
    ),
    "row_associations": _table(
        "a row that is an association, in the words of associations",
        "line keys to label target_key target_id outcome error_code reason _label_type _key _record _name",
        "associations/association_files",
        "associations/association_files",
    ),
    "association_sources": _table(
        "a row that is an association, with the record that it starts from",
        "row record",
        "associations/association_files",
        "associations/association_files",
    ),
    "association_others": _table(
        "a record that has associations besides those that replace leaves it",
        "id",
        "associations/association_table",
        "associations/association_table",
    ),
    "association_ends": _table(
        "a row that is away and whose record lost something because of the other end's row",
        "key",
        "associations/association_table",
        "associations/association_table",
    ),
    "association_verdicts": _table(
        "an answer about one of them",
        "line outcome code message",
        "associations/association_table",
        "associations/association_table",
    ),
    "association_removed": _table(
        "what replace took away",
        "record to target_id labels whole",
        "associations/association_files",
        "associations/association_files",
    ),
    "association_state": _table(
        "the hash of a row's associations for the new ids table",
        "key digest",
        "associations/association_table",
        "staging/known_rows",
    ),
}

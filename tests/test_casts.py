"""Every cast in the package is a safe one, or a test says why it may not be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "hubspot_batch_dagster"
ELSEWHERE = ("emulator", "cli", "api")
"""HubSpot's side, commands and the wire hold no cells of a user's table."""

CELLS = (
    "table",
    "component",
    "sync/batches/value_comparison",
    "sync/changed_rows",
    "sync/associations",
    "sync/planning",
    "sync/staging",
    "sync/warehouse",
)
"""Where cells are handled; elsewhere int and float are of numbers of our own."""

_SQL_CAST = re.compile(r"\b(?:TRY_)?CAST\s*\(")
_SQL_COLONS = re.compile(r"[^\s(,]*::[A-Za-z{][^\s,()]*")

CASTS: dict[str, str] = {
    "Arrow raises where a value does not fit, and the batch is halved": (
        """
        table/plain.py _plain_lists: pc.fill_null(pc.list_value_length(array), 0).cast(pa.int32())
    """
    ),
    "a message shows it; nothing is sent": (
        """
        table/messages.py _far_off: cell.cast(pa.int32())
        table/messages.py _far_off: cell.cast(pa.int64())
        table/messages.py _far_off: cell.cast(pa.string())
        table/messages.py _far_off: cell.cast(pa.timestamp(kind.unit))
        table/messages.py _far_off: cell.cast(pa.timestamp(kind.unit)).cast(pa.string())
        table/messages.py written: cell.cast(pa.string())
        table/objects.py _numpy: value.astype('timedelta64[us]')
    """
    ),
    "a null gets a type": (
        """
        sync/associations/association_files.py write_rows: SQL NULL::VARCHAR
        sync/associations/association_statements.py make_away: SQL NULL::BIGINT
        sync/associations/association_statements.py module: SQL NULL::VARCHAR
        sync/associations/association_statements.py make_rows: SQL NULL::VARCHAR
        sync/associations/kept_lines.py wanted_lines: SQL 'NULL::VARCHAR'}
        sync/associations/kept_lines.py wanted_lines: SQL NULL::VARCHAR
        sync/planning/planner.py _set_duplicates_apart: SQL NULL::BIGINT
        sync/reconciliation/association_reconciliation.py AssociationReader._make_rows: SQL NULL::VARCHAR
        sync/stages/match_existing.py _to_match: SQL NULL::VARCHAR
        sync/staging/known_rows.py _nothing: SQL NULL::TIMESTAMPTZ
        sync/staging/known_rows.py _nothing: SQL NULL::VARCHAR
        sync/staging/known_rows.py _nothing: SQL NULL::{struct}
        sync/staging/known_rows.py _optional: SQL NULL::VARCHAR
        sync/staging/known_rows.py _order: SQL NULL::VARCHAR
        sync/staging/known_rows.py _types_of_columns: SQL NULL::{struct}
        sync/staging/known_rows.py attach: SQL NULL::{struct}
        sync/staging/staging_statements.py lines_of_final: SQL NULL::VARCHAR
        sync/staging/staging_statements.py module: SQL NULL::VARCHAR
    """
    ),
    "a number of our own or of a setting: a count, a position, a version, a moment of the run; no cell": (
        """
        component/source.py Cursor.over: int(found[1])
        sync/associations/association_files.py planned_rows: int(n)
        sync/associations/association_files.py write_rows: int(n)
        sync/associations/association_table.py AssociationTable.counts: int(n)
        sync/changed_rows.py _moment: int(said)
        sync/changed_rows.py open_changes: int(known.get('generation', 0))
        sync/planning/planner.py make_plan: int(n)
        sync/staging/conclusion.py counts: int(found.get(name, 0))
        sync/staging/conclusion.py reasons: int(n)
        sync/staging/conclusion.py write_omitted: int(n)
        sync/staging/outcome_table.py outcome_table: int(each.settled_at * 1000000.0)
        sync/staging/outcome_table.py outcomes_without_reasons: int(each.settled_at * 1000000.0)
        sync/staging/record_owners.py RecordOwners.suspects: float(seen)
        sync/staging/reopened_rows.py places: int(row)
        sync/staging/shared_records.py _outcomes: int(str(line[0]))
        sync/staging/staging_area.py StagingArea.count: int(found[0][0] or 0)
        sync/staging/stored_keys.py _form: int(decimal[1])
        sync/warehouse/comparison.py Comparison._reasons: int(n)
        sync/warehouse/comparison.py _counts: int((stored or {}).get('generation', 0))
        sync/warehouse/engine.py Engine.count: int(self.fetch(query)[0][0] or 0)
        sync/warehouse/warehouse_ids.py WarehouseIds.counts: int(n)
        sync/warehouse/warehouse_ids.py WarehouseIds.registered: int(generation)
        sync/warehouse/warehouse_ids.py WarehouseIds.registered: int(merged)
        sync/warehouse/warehouse_query.py check_connection: int(port[:6])
    """
    ),
    "a text is made: every value of the type has one that says all of it": (
        """
        sync/associations/association_files.py write_rows: SQL f.keys.{to_column}::VARCHAR
        sync/associations/key_lookup.py KeyLookup._ids: self._stage.table(query).column('id').cast(pa.string())
        sync/batches/packed_batch.py _pack: column['row'].cast(pa.string())
        sync/report.py _filled: table.column(name).cast(pa.string())
        sync/staging/known_rows.py write: SQL 'hs_object_id')}::VARCHAR
        sync/staging/respelling.py _copied: batch.column(place).cast(pa.string())
        sync/staging/staging_area.py StagingArea.targets: SQL r.{start}::VARCHAR
        sync/staging/staging_area.py StagingArea.targets: SQL s.{start}::VARCHAR
        sync/warehouse/postgres_engine.py _types_of_columns: SQL 'pg_temp.{table}'::regclass
        sync/warehouse/postgres_engine.py _types_of_columns: SQL a.attname::text
        sync/warehouse/source_digest.py source_digest: SQL CAST(length({text}) AS VARCHAR)
        table/casting.py _truths: array.cast(pa.string())
        table/dates.py _integers: without(array, found).cast(pa.string())
        table/dates.py _midnights: days.cast(pa.int32()).view(pa.date32()).cast(pa.string())
        table/text.py _float_text: array.cast(pa.string())
        table/text.py _float_text: whole.cast(pa.string())
        table/text.py date_text: without(array, found).cast(pa.string())
        table/text.py text_of: array.cast(pa.string())
        table/text.py timestamp_text: millis.view(pa.timestamp('ms')).cast(pa.string())
    """
    ),
    "a wider type: it holds every value of the narrower one": (
        """
        sync/staging/spill_file.py SpillFile.joined: int(pc.sum(pc.cast(pc.less_equal(waiting.column('row'), last), pa.int64())).as_py() or 0)
        sync/staging/spill_file.py SpillFile.joined: pc.cast(pc.less_equal(waiting.column('row'), last), pa.int64())
        table/elements.py _of_parts: pc.array_sort_indices(order).cast(pa.int64())
        table/elements.py elements_of: pc.list_parent_indices(array).cast(pa.int64())
        table/kernels.py floor_divided: below.cast(array.type)
    """
    ),
    "asked before, or held against the original after: only what is the same value is taken": (
        """
        table/dates.py _fractions: int(value)
        table/parquet.py _of_the_first_type: array.cast(field.type)
        table/parquet.py _of_the_first_type: found.cast(array.type)
        table/parquet.py _refuse_far_off: array.view(pa.int64())
        table/plain.py _plain_dates: days.cast(pa.timestamp('ms'))
        table/plain.py _plain_dates: moments.cast(pa.date32())
    """
    ),
    "digits alone: any whole number": (
        """
        table/dates.py _date_cell: int(text)
        table/dates.py _day: int(moment)
        table/dates.py _datetime_cell: int(part or 0)
        table/dates.py _datetime_cell: int(text)
        table/dates.py _offset: int(digits[2:])
        table/dates.py _offset: int(digits[:2])
        table/soundness.py _is_sound: int(''.join(map(str, least.as_tuple().digits)))
    """
    ),
    "no batch is over 64 MB, and no year outside 1 to 9999: they fit": (
        """
        table/dates.py _midnights: days.cast(pa.int32())
        table/elements.py Elements.in_lists: pc.cumulative_sum(self.lengths).cast(pa.int32())
        table/text.py _regrouped: pc.cumulative_sum(lengths).cast(pa.int32())
    """
    ),
    "the same bits as another type of the same width, where it is known what they count": (
        """
        sync/batches/packed_batch.py _numbers: memoryview(column.buffers()[1]).cast('q')
        sync/warehouse/fetched_postgres.py _array: pa.array(filled, count).view(kind)
        sync/warehouse/fetched_postgres.py _array: within.view(count)
        table/casting.py _moment: _assumed(local, cast.time_zone).view(pa.timestamp('us'))
        table/dates.py _midnights: days.cast(pa.int32()).view(pa.date32())
        table/plain.py _plain_dates: array.view(pa.int64())
        table/plain.py _plain_dates: millis.view(pa.timestamp('ms'))
        table/text.py date_text: array.view(pa.int32())
        table/text.py instants_of: array.view(pa.int64())
        table/text.py timestamp_text: millis.view(pa.timestamp('ms'))
    """
    ),
    "tests/sync/settlement/test_echoes.py::test_hubspots_own_way_to_write_a_value_is_told_from_another_value": (
        """
        sync/batches/value_comparison.py _same_number: float(one)
        sync/batches/value_comparison.py _same_number: float(other)
    """
    ),
    "tests/sync/staging/test_known_keys.py::test_the_text_of_a_key_becomes_a_value_only_where_the_type_holds_all_of_it tests/sync/staging/test_known_keys.py::test_a_stored_value_takes_another_type_only_where_it_comes_back_from_it": (
        """
        sync/staging/stored_keys.py _cast: SQL TRY_CAST({text} AS {kind})
        sync/staging/stored_keys.py exactly: SQL TRY_CAST({cast} AS {stored})
        sync/staging/stored_keys.py exactly: SQL TRY_CAST({value} AS {kind})
    """
    ),
    "tests/sync/warehouse/test_fetched_rows.py::test_both_ways_give_the_same_cells_of_every_type": (
        """
        sync/warehouse/fetched_postgres.py _array: pa.array([None if _beyond(each) else each for each in values], pa.string()).cast(kind)
    """
    ),
    "tests/sync/warehouse/test_source_digest.py::test_two_values_of_a_type_never_share_a_hash": (
        """
        sync/warehouse/duckdb_engine.py DuckDbEngine.text_of: SQL CAST(epoch_us({column}) AS VARCHAR)
        sync/warehouse/duckdb_engine.py DuckDbEngine.text_of: SQL CAST(to_json({column}) AS VARCHAR)
        sync/warehouse/duckdb_engine.py DuckDbEngine.text_of: SQL CAST({column} AS VARCHAR)
        sync/warehouse/postgres_engine.py PostgresEngine.text_of: SQL {column})::text
    """
    ),
    "tests/sync/warehouse/test_warehouse_equals.py::test_counts_and_records_are_the_same": (
        """
        sync/warehouse/merged_lines.py merge_statement: SQL CAST(o.{quoted(each)} AS {types[each]})
    """
    ),
    "tests/table/test_carriers.py::test_each_type_is_sent_as_the_table_says": (
        """
        table/halves.py shortest_half: float(f'{value:.{digits}g}')
        table/halves.py widened: float(each)
        table/objects.py _arrow: float(value.as_py())
        table/objects.py _decimal: int(exponent)
        table/objects.py _float: float(value)
        table/objects.py _integer: int(value)
        table/objects.py _numpy: float(value)
        table/objects.py _numpy_moment: value.astype('datetime64[us]')
        table/objects.py _numpy_moment: whole.astype(value.dtype)
    """
    ),
    "tests/table/test_carriers.py::test_what_is_stored_in_a_parquet_file_is_sent_as_it_would_have_been_or_refused": (
        """
        table/parquet.py _storable: cast('Any', array).dictionary_encode().cast(pa.dictionary(kind.index_type, coded.type.value_type, kind.ordered))
        table/parquet.py _storable: plain.cast(kind)
        table/parquet.py _storable: plain_array(coded.dictionary, pa.string()).cast(pa.large_string())
    """
    ),
    "tests/table/test_encode.py::test_floats_are_the_same_float_again_without_exponent": (
        """
        table/text.py _small_whole: array.cast(pa.int64())
    """
    ),
    "tests/table/test_mixed_columns.py::test_duckdbs_longest_integers_are_themselves": (
        """
        table/duckdb_rows.py _finite: column.view(pa.int64())
        table/duckdb_rows.py as_it_is: SQL CAST({column} AS {kind.replace('UHUGEINT', 'VARCHAR')})
    """
    ),
    "tests/table/test_order.py::test_the_texts_sort_as_the_values_do tests/table/test_order.py::test_microseconds_are_rounded_down_before_1970_too": (
        """
        table/order.py _moments: micros.view(pa.int64())
        table/order.py _moments: micros.view(pa.timestamp('us', 'UTC'))
        table/order.py _moments: rest.cast(pa.string())
        table/order.py _moments: values.cast(pa.timestamp('s'))
        table/order.py _moments: values.view(pa.int64())
        table/order.py microseconds: micros.view(pa.timestamp('us', values.type.tz))
        table/order.py _numerals: above.cast(pa.string())
        table/order.py _numerals: values.cast(pa.int64())
        table/order.py _numerals: values.cast(pa.string())
    """
    ),
    "tests/table/test_property_oracle.py::test_a_column_of_one_form_is_read_like_its_cells": (
        """
        table/dates.py _parsed: array.cast(kind)
    """
    ),
    "tests/table/test_row_keys.py::test_timestamp_keys_keep_every_digit": (
        """
        table/keys.py _exact_timestamps: array.view(pa.int64())
        table/keys.py _exact_timestamps: array.view(pa.int64()).view(pa.timestamp(array.type.unit))
        table/keys.py _exact_timestamps: array.view(pa.int64()).view(pa.timestamp(array.type.unit)).cast(pa.string())
    """
    ),
    "tests/table/test_rows.py::test_a_later_key_that_is_no_value_of_the_first_keys_type_is_refused_and_never_becomes_another": (
        """
        table/keys.py _cast_or_null: cell.cast(kind)
        table/keys.py _cast_where_it_can: array.cast(kind)
    """
    ),
    "tests/table/test_rows.py::test_unusual_types_become_plain_ones_with_the_same_values": (
        """
        table/plain.py plain_array: pa.concat_arrays([array]).cast(kind)
    """
    ),
}
"""Why a cast loses nothing, or the tests that prove it -> where it stands: module, function, code."""


def told() -> dict[str, str]:
    return {
        line.strip(): why
        for why, lines in CASTS.items()
        for line in lines.strip().splitlines()
        if line.strip()
    }


def casts_of(path: Path) -> Iterator[str]:
    """Each cast of a module: of Arrow, NumPy and buffers, to int and float, and in the text of SQL."""
    tree = ast.parse(path.read_text())
    prose = {
        id(node.value)
        for parent in ast.walk(tree)
        for node in (parent.body if isinstance(parent, ast.Module | ast.ClassDef | ast.FunctionDef) else ())
        if isinstance(node, ast.Expr)
    }

    def visit(node: ast.AST, where: tuple[str, ...], *, in_text: bool) -> Iterator[str]:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            where = (*where, node.name)
        name = f"{path.relative_to(PACKAGE).as_posix()} {'.'.join(where) or 'module'}: "
        if isinstance(node, ast.Call):
            called = node.func
            method = isinstance(called, ast.Attribute) and called.attr in ("cast", "astype", "view")
            builtin = (
                isinstance(called, ast.Name) and called.id in ("int", "float") and name.startswith(CELLS)
            )
            if (
                method
                or builtin
                or any(each.arg == "safe" and not _is_text(each.value) for each in node.keywords)
            ):
                yield name + ast.unparse(node)
        is_text = isinstance(node, ast.JoinedStr | ast.Constant)
        if is_text and not in_text and id(node) not in prose:
            yield from (name + each for each in _sql_casts(_text(node)))
        for child in ast.iter_child_nodes(node):
            inside = isinstance(node, ast.JoinedStr) and not isinstance(child, ast.FormattedValue)
            yield from visit(child, where, in_text=in_text or inside)

    yield from visit(tree, (), in_text=False)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        parts = (
            each.value if isinstance(each, ast.Constant) else "{" + ast.unparse(each.value) + "}"  # type: ignore[attr-defined]
            for each in node.values
        )
        return "".join(map(str, parts))
    return str(node.value) if isinstance(node, ast.Constant) and _is_text(node) else ""


def _sql_casts(text: str) -> Iterator[str]:
    for found in _SQL_CAST.finditer(text):
        depth, end = 0, found.start()
        for end in range(found.start(), len(text)):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            if not depth and text[end] == ")":
                break
        yield "SQL " + " ".join(text[found.start() : end + 1].split())
    for found in _SQL_COLONS.finditer(text):
        yield f"SQL {found.group()}"


def found() -> set[str]:
    files = (path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in ELSEWHERE)
    return {cast for path in files for cast in casts_of(path)}


def test_every_cast_is_in_the_list_with_a_reason_or_a_test() -> None:
    assert sorted(found() - set(told())) == [], (
        "say in CASTS why it loses nothing, or name the test that proves it"
    )


def test_the_list_names_no_cast_that_is_gone() -> None:
    assert sorted(set(told()) - found()) == []


@pytest.mark.parametrize("why", [why for why in CASTS if "::" in why])
def test_the_tests_that_prove_a_cast_exist(why: str) -> None:
    for proof in why.split():
        file, _, name = proof.partition("::")
        tree = ast.parse((ROOT / file).read_text())
        assert name in {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}


def test_a_cast_of_any_kind_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.PACKAGE", tmp_path)
    (tmp_path / "table").mkdir()
    (tmp_path / "table" / "some.py").write_text(
        "def f(a, t):\n"
        "    'CAST(x AS y) in prose is none.'\n"
        "    pc.cast(a, t), a.astype(t), g(a, safe=False), int(a)\n"
        "    return f'SELECT TRY_CAST({a} AS {t}), b::INT', 'x::DATE'\n"
    )
    assert sorted(each.partition(": ")[2] for each in casts_of(tmp_path / "table" / "some.py")) == [
        "SQL TRY_CAST({a} AS {t})",
        "SQL b::INT",
        "SQL x::DATE",
        "a.astype(t)",
        "g(a, safe=False)",
        "int(a)",
        "pc.cast(a, t)",
    ]

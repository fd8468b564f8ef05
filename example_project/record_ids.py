"""From a row to the HubSpot record that it belongs to."""

import duckdb
import pyarrow as pa


def with_record_id(rows: object, ids: pa.Table, on: str, name: str) -> pa.Table:
    """Look up record ids in an ids table.

    Args:
        rows: Any frame with the column ``on``.
        ids: An ids table: the value of an asset that was sent to HubSpot.
        on: The key column; both sides have it. Capitals and spaces around it do not matter.
        name: Name of the new column. It is null where the record is unknown, or was rejected.
    """
    # A rejected row is in the ids table too, without a record id; left in, it would double rows of a repeated
    # key.
    query = f"""
        with known as (
            select lower(trim({on})) as key, any_value(hs_object_id) as record_id
            from ids where hs_object_id is not null group by all
        )
        select rows.*, known.record_id as {name}
        from rows left join known on lower(trim(rows.{on})) = known.key
    """
    with duckdb.connect() as memory:
        memory.register("rows", rows)
        memory.register("ids", ids)
        return memory.sql(query).to_arrow_table()

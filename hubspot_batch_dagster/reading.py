"""Reading records into Arrow: what :class:`HubSpotResource` offers beside writing them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pyarrow as pa


class Reading:
    """The resource's reads; it has the client and the waits."""

    def read(
        self,
        object_type: str,
        ids: object,
        *,
        properties: Sequence[str],
        id_property: str | None = None,
        history: bool = False,
        missing: Literal["omit", "keep"] = "omit",
    ) -> "pa.Table":
        """Read records by id or by a unique property into an Arrow table, many requests at a time within the budget.

        Args:
            object_type: What to read.
            ids: Record ids, or values of ``id_property``: a list, an Arrow array, or a frame with a column named
                ``hs_object_id`` or like ``id_property``. An ids table will do. What is named twice is read once.
            properties: What to bring back, as text.
            id_property: The unique property that ``ids`` are values of, such as ``email``.
            history: Bring the former values back too; 50 records in a request instead of 100.
            missing: Ids without a record are left out (``"omit"``), or kept as lines that hold nothing but what was
                ``requested`` (``"keep"``).

        Returns:
            A line for each record, in the order of ``ids``: ``requested``, ``hs_object_id``, the properties,
            ``created_at``, ``updated_at``, ``archived``, and with history ``<property>_history`` (lists of value,
            timestamp, source type and source id).

        Raises:
            InputError: An id is none, or the object type cannot be read.
            HubSpotError: HubSpot refused, or did not answer.

        Source: HubSpot, "Using object APIs" (batch read).
        """
        from hubspot_batch_dagster.sync.read import read_records
        from hubspot_batch_dagster.sync.requests.requester import Requester
        from hubspot_batch_dagster.sync.requests.stop_signal import StopSignal

        resource: Any = self
        requester = Requester(
            resource.client, stop=StopSignal(), retry_policy=resource._options(None).retry_policy
        )
        return read_records(
            requester,
            object_type,
            ids,
            properties=properties,
            id_property=id_property,
            history=history,
            missing=missing,
        )

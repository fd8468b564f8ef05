"""The custom objects of a portal: by which names they go, and the type ids that these stand for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from hubspot_batch_dagster.api.definitions import ObjectSchema
from hubspot_batch_dagster.api.object_types import ObjectType, is_type_id, object_type


class CustomObjects:
    """Type ids by name, as far as the portal's schemas were read; any number of threads may share it.

    HubSpot's paths refuse a custom object's name alone. Before the schemas are read, or where the token may
    not read them, `p_` and the name goes into paths; after that it is the type id, which a renamed object
    keeps.
    """

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def learn(self, schemas: Iterable[ObjectSchema]) -> None:
        """Take the names of these schemas for all that there are."""
        known = [each for each in schemas if is_type_id(each.object_type_id)]
        ids: dict[str, str] = {}
        for spelling in zip(*(spellings(each) for each in known), strict=True):  # what is exact comes first
            for name, each in zip(spelling, known, strict=True):
                ids.setdefault(name, each.object_type_id)
        self._ids = ids

    def resolve(self, kind: str | ObjectType) -> ObjectType:
        """Return the type that a name stands for, under the name as given; with its id where that is known.

        Raises:
            InputError: As `object_type` does.
        """
        found = object_type(kind)
        if not found.custom or found.type_id:
            return found
        type_id = self._ids.get(found.name.lower())
        return found if type_id is None else replace(found, type_id=type_id, segment=type_id)


def spellings(schema: ObjectSchema) -> Iterator[str]:
    """By which names a custom object goes, in lower case: its id, its full name, `p_` and its name, and its
    name.
    """
    for name in (
        schema.object_type_id,
        schema.fully_qualified_name or schema.object_type_id,
        f"p_{schema.name}",
        schema.name,
    ):
        yield name.lower()

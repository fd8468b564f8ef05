"""The associations of a portal: which types there are, and which records are associated."""

from __future__ import annotations

from hubspot_batch_dagster.emulator.association_types import STANDARD_TYPES, AssociationType


class Associations:
    """Every association type and every association of a portal."""

    def __init__(self) -> None:
        self._types: dict[tuple[str, int], AssociationType] = {}
        self._by_pair: dict[tuple[str, str], list[AssociationType]] = {}
        self._held: dict[tuple[str, str], dict[str, dict[str, set[tuple[str, int]]]]] = {}
        self._last_id = 0  # of the portal's own types
        for pair in STANDARD_TYPES:
            self.define_pair(
                pair.first,
                pair.second,
                pair.forward,
                pair.backward,
                label=pair.label,
                inverse_label=pair.inverse_label,
            )

    def define_pair(
        self,
        first: str,
        second: str,
        forward: int,
        backward: int,
        *,
        category: str = "HUBSPOT_DEFINED",
        label: str | None = None,
        inverse_label: str | None = None,
        name: str = "",
    ) -> list[AssociationType]:
        """Add a type; both directions of it unless they are the same."""
        made = [AssociationType(first, second, forward, backward, category, label, name)]
        if backward != forward:
            made.append(
                AssociationType(second, first, backward, forward, category, inverse_label or label, name)
            )
        for kind in made:
            self.define(kind)
        return made

    def define(self, kind: AssociationType) -> None:
        """Add a type in one direction; another one of its category and id goes."""
        known = self.find(kind.category, kind.type_id)
        if known is not None:
            self.remove_type(known)
        self._types[kind.category, kind.type_id] = kind
        self._by_pair.setdefault((kind.source, kind.target), []).append(kind)
        if kind.category == "USER_DEFINED":
            self._last_id = max(self._last_id, kind.type_id)

    def new_type_id(self) -> int:
        """Return a type id for a label of the portal's own."""
        self._last_id += 1
        return self._last_id

    def pairs_from(self, source: str) -> list[tuple[str, str]]:
        """Return the pairs of object types that begin with one and have associations."""
        return [pair for pair in self._held if pair[0] == source]

    def types(self, source: str, target: str) -> list[AssociationType]:
        """Return the types between two object types in one direction."""
        return self._by_pair.get((source, target), [])

    def types_from(self, source: str) -> list[AssociationType]:
        """Return the types from one object type to all others."""
        return [found for (first, _), types in self._by_pair.items() if first == source for found in types]

    def remove_type(self, kind: AssociationType) -> None:
        """Take a type away, in one direction."""
        self._types.pop((kind.category, kind.type_id), None)
        self._by_pair[kind.source, kind.target].remove(kind)

    def replace_type(self, old: AssociationType, new: AssociationType) -> None:
        """Put a relabelled type in the place of the old one."""
        self._types[new.category, new.type_id] = new
        known = self._by_pair[old.source, old.target]
        known[known.index(old)] = new

    def plain(self, source: str, target: str) -> AssociationType | None:
        """Return the unlabelled type between two object types."""
        return next((known for known in self.types(source, target) if known.label is None), None)

    def find(self, category: str, type_id: int) -> AssociationType | None:
        """Return a type by category and id."""
        return self._types.get((category, type_id))

    def of(self, source: str, source_id: str, target: str) -> dict[str, set[tuple[str, int]]]:
        """Return what a record is associated to: target id to the types, as pairs of category and type id."""
        return self._held.get((source, target), {}).get(source_id, {})

    def add(self, kind: AssociationType, source_id: str, target_id: str) -> None:
        """Associations two records in both directions; a second primary takes the place of the first."""
        inverse = self.find(kind.category, kind.inverse)
        if kind.primary:
            if kind.source == "leads" or kind.target == "companies" or inverse is None:
                self._displace_primary(kind, source_id)
            else:  # it is the other end that has one primary record at most
                self._displace_primary(inverse, target_id)
        self._put(kind, source_id, target_id)
        if inverse is not None:
            self._put(inverse, target_id, source_id)

    def _put(self, kind: AssociationType, source_id: str, target_id: str) -> None:
        pair = self._held.setdefault((kind.source, kind.target), {})
        pair.setdefault(source_id, {}).setdefault(target_id, set()).add((kind.category, kind.type_id))

    def _displace_primary(self, kind: AssociationType, source_id: str) -> None:
        for target_id in list(self.of(kind.source, source_id, kind.target)):
            self.remove(kind, source_id, target_id)

    def remove(self, kind: AssociationType, source_id: str, target_id: str) -> None:
        """Take one type off a pair, in both directions."""
        self._discard(kind, source_id, target_id)
        inverse = self.find(kind.category, kind.inverse)
        if inverse is not None:
            self._discard(inverse, target_id, source_id)

    def _discard(self, kind: AssociationType, source_id: str, target_id: str) -> None:
        targets = self.of(kind.source, source_id, kind.target)
        types = targets.get(target_id, set())
        types.discard((kind.category, kind.type_id))
        if not types:
            targets.pop(target_id, None)

    def pairs(self) -> list[tuple[str, str]]:
        """Return the pairs of object types between which there are types."""
        return list(self._by_pair)

    def forget(self, object_type: str, record_id: str) -> None:
        """Take away every association of a record that is gone for good."""
        for source, target in self.pairs_from(object_type):
            for other_id in list(self.of(source, record_id, target)):
                self.remove_all(source, record_id, target, other_id)

    def remove_all(self, source: str, source_id: str, target: str, target_id: str) -> bool:
        """Take every type off a pair; return whether there was any."""
        ways = (source, source_id, target, target_id), (target, target_id, source, source_id)
        gone = [self._held.get((a, b), {}).get(a_id, {}).pop(b_id, None) for a, a_id, b, b_id in ways]
        return any(types for types in gone)

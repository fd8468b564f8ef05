"""The nights of a seed: which records the tables want associated, and which that was over time."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hubspot_batch_dagster.operations.associate import Associate
from hubspot_batch_dagster.operations.association import Association
from hubspot_batch_dagster.operations.base import Operation
from hubspot_batch_dagster.operations.existing_records import Update
from hubspot_batch_dagster.operations.records import Create, Upsert

PEOPLE, FIRMS = 8, 10
VERBS = ("create", "upsert", "update", "associate")
LABELS = ("plain", "label", "both")
OWN = ("none", "parent", "sibling")
LABEL, PARENT = "Buyer", 14


class Wanted(NamedTuple):
    """An association that a row names.

    Attributes:
        firm: Its row.
        column: Which association of the operation.
        target: Its key: an address, or the number of a firm.
    """

    firm: int
    column: str
    target: str


@dataclass
class Nights:
    """What one seed's tables say.

    A seed has a verb, labels, associations to records of the same table, and ``replace`` or not: all of them
    in turn.

    Attributes:
        there: Contacts that exist.
        wanted: Of each row that was ever there what it wanted last.
        ever: All that any row wanted.
    """

    seed: int
    rng: random.Random = field(init=False)
    there: set[str] = field(default_factory=set)
    wanted: dict[int, dict[str, list[str]]] = field(default_factory=dict)
    ever: set[Wanted] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        rest, verb = divmod(self.seed, len(VERBS))
        rest, replace = divmod(rest, 2)
        rest, label = divmod(rest, len(LABELS))
        self.verb, self.replace, self.label = VERBS[verb], bool(replace), LABELS[label]
        self.own = OWN[rest % len(OWN)]

    def __str__(self) -> str:
        return f"{self.verb}, {self.label}, own: {self.own}, replace={self.replace}"

    @property
    def columns(self) -> dict[str, Association]:
        """The associations of the operation by their columns."""
        found: dict[str, Association] = {}
        if self.label != "label":
            found["mail"] = self._association("contacts", "mail", "people")
        if self.label != "plain":
            found["buyer"] = self._association("contacts", "buyer", "people", type=LABEL)
        if self.own != "none":
            kind = PARENT if self.own == "parent" else None
            found["kin"] = self._association("companies", "kin", self.firms, type=kind)
        if self.verb == "associate":  # it has one
            column = "kin" if "kin" in found else next(iter(found))
            found = {column: found[column]}
        return found

    def _association(self, to: str, column: str, through: str, type: int | str | None = None) -> Association:
        return Association(to, column=column, type=type, through=through, replace=self.replace)

    @property
    def firms(self) -> str:
        """The sync whose keys are the numbers of the firms: of ``Associate`` another one."""
        return "firms" if self.verb == "associate" else "tried"

    def people(self) -> list[dict[str, str]]:
        """The contacts of a night; none goes."""
        names = [self._mail(i) for i in range(PEOPLE)]
        self.there |= set(self.rng.sample(names, self.rng.randint(0, 3)))
        return [{"email": each} for each in sorted(self.there)]

    def night(self) -> list[dict[str, Any]]:
        """The rows of a night: some are new, some want others, some are away."""
        for n in self.rng.sample(range(FIRMS), self.rng.randint(2, FIRMS)):
            self.wanted[n] = {column: self._targets(n, column) for column in self.columns}
            self.ever |= set(self._of(n))
        away = self.rng.sample(sorted(self.wanted), self.rng.randint(0, len(self.wanted) // 3))
        return self.table(set(away))

    def table(self, away: set[int] | frozenset[int] = frozenset()) -> list[dict[str, Any]]:
        """Every row but those that are away. A cell with one key is a list, or is not."""
        here = [n for n in sorted(self.wanted) if n not in away]
        if self.verb == "associate":
            return [{"n": n, column: target} for n in here for _, column, target in self._of(n)]
        return [{"n": n, "name": f"F{n}", **self._cells(n)} for n in here]

    def every_firm(self) -> list[dict[str, Any]]:
        """The rows of the firms alone, where another sync makes them."""
        return [{"n": n, "name": f"F{n}"} for n in sorted(self.wanted)]

    def all_wanted(self) -> set[Wanted]:
        """What the rows want now."""
        return {each for n in self.wanted for each in self._of(n)}

    def operation(self) -> Operation:
        """The operation under torture."""
        associations = list(self.columns.values())
        if self.verb == "associate":
            (only,) = associations
            return Associate(
                "companies",
                only.to,
                from_column="n",
                to_column=only.column,
                type=only.type,
                from_through="firms",
                to_through=only.through,
                replace=self.replace,
            )
        if self.verb == "update":
            return Update(
                "companies", key="n", through="firms", properties=["name"], associations=associations
            )
        kind = Create if self.verb == "create" else Upsert
        return kind("companies", key="n", properties=["name"], associations=associations)

    def _of(self, n: int) -> list[Wanted]:
        return [Wanted(n, column, each) for column, targets in self.wanted[n].items() for each in targets]

    def _cells(self, n: int) -> dict[str, Any]:
        # A list in one row and a key in another: both are what they are.
        return {
            column: targets[0] if len(targets) == 1 and n % 2 else targets or None
            for column, targets in self.wanted[n].items()
        }

    def _targets(self, n: int, column: str) -> list[str]:
        if column == "kin":
            others = [str(i) for i in range(FIRMS) if i != n]
            return self.rng.sample(others, self.rng.randint(0, 1 if self.own == "parent" else 2))
        return [self._mail(i) for i in self.rng.sample(range(PEOPLE), self.rng.randint(0, 3))]

    def _mail(self, i: int) -> str:
        return f"p{i}-{self.seed}@x.org"

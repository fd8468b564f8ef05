"""HubSpotClient: the typed endpoints. One request in, one typed answer out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar

from pydantic import ValidationError
from typing_extensions import Self

from hubspot_batch_dagster.api.arguments import checked
from hubspot_batch_dagster.api.associations import (
    ArchiveAnswer,
    AssociationArchiveInput,
    AssociationInput,
    AssociationReadInput,
    CreatedAnswer,
    DefaultAnswer,
    DefaultAssociationInput,
    LabelDefinition,
    ReadAnswer,
)
from hubspot_batch_dagster.api.bodies import Received, Sent, batch_body
from hubspot_batch_dagster.api.connection import Connection, next_page, results_of
from hubspot_batch_dagster.api.definitions import (
    AccountDetails,
    DailyUsage,
    ObjectSchema,
    Owner,
    Pipeline,
    PropertyBatchAnswer,
    PropertyCreate,
    PropertyDefinition,
    Sensitivity,
)
from hubspot_batch_dagster.api.endpoints import (
    AssociationKind,
    Endpoint,
    ObjectType,
    association_endpoint,
    associations_path,
    definition_path,
    endpoint,
    search_endpoint,
)
from hubspot_batch_dagster.api.errors import InputError
from hubspot_batch_dagster.api.models import (
    ArchiveInput,
    BatchAnswer,
    CreateInput,
    ObjectId,
    ReadRequest,
    UpdateInput,
    UpsertInput,
)
from hubspot_batch_dagster.api.response_errors import ResponseError
from hubspot_batch_dagster.api.search import SearchAnswer, SearchRequest

S = TypeVar("S", bound=Sent)
M = TypeVar("M", bound=Received)

OWNERS_PER_PAGE = 500
MOST_PAGES_OF_OWNERS = 200

Type = str | ObjectType
"""An object type, as `endpoints.object_type` takes it: a custom object by its id (`2-123`), by `p123_cars`,
`p_cars` or `cars`.
"""


class HubSpotClient(Connection):
    """HubSpot's batch endpoints and definitions, typed.

    One method call is one request. Inputs may be models or plain dicts with HubSpot's own field names; they
    are checked before anything is sent. Nothing is retried: see `errors` for what each failure means and
    whether to send again.

    Examples:
        The token and the URL are an emulator's; HubSpot's own URL is the default.

        >>> from hubspot_batch_dagster import HubSpotClient
        >>> from hubspot_batch_dagster.emulator import Emulator
        >>> with Emulator() as emulator, HubSpotClient(emulator.token, base_url=emulator.url) as hubspot:
        ...     answer = hubspot.batch_create("contacts", [
        ...         {"properties": {"email": "ada@example.com"}, "objectWriteTraceId": "1"},
        ...         {"properties": {"email": "nonsense"}, "objectWriteTraceId": "2"}])
        >>> [record.properties["email"] for record in answer.results]
        ['ada@example.com']
        >>> [error.trace_ids for error in answer.errors]
        [['2']]
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @checked
    def type_of(self, kind: Type) -> ObjectType:
        """Return the object type that a name stands for; :meth:`schemas` gives custom ones theirs."""
        return self._custom_objects.resolve(kind)

    @checked
    def batch_create(self, kind: Type, inputs: Iterable[CreateInput | Mapping[str, Any]]) -> BatchAnswer:
        """Make up to 100 records.

        Without a unique `objectWriteTraceId` on every input, one bad input fails them all. Sending the same
        inputs twice makes the records twice.

        Raises:
            InputError: No inputs, too many, or one that is malformed; nothing was sent.
            ResponseError: HubSpot refused the whole batch.
            TransportError: No whole answer.
        """
        return self._batch(
            endpoint(self.type_of(kind), "create", self.version), CreateInput, inputs, BatchAnswer
        )

    @checked
    def batch_update(self, kind: Type, inputs: Iterable[UpdateInput | Mapping[str, Any]]) -> BatchAnswer:
        """Change up to 100 records, by record id or by a unique property. Raises as `batch_create` does."""
        return self._batch(
            endpoint(self.type_of(kind), "update", self.version), UpdateInput, inputs, BatchAnswer
        )

    @checked
    def batch_upsert(self, kind: Type, inputs: Iterable[UpsertInput | Mapping[str, Any]]) -> BatchAnswer:
        """Make or change up to 100 records, by a unique property (`idProperty` in each input).

        Each result says in `new` which it was. Raises as `batch_create` does.
        """
        return self._batch(
            endpoint(self.type_of(kind), "upsert", self.version), UpsertInput, inputs, BatchAnswer
        )

    @checked
    def batch_read(
        self,
        kind: Type,
        ids: Iterable[str | int],
        *,
        properties: Sequence[str] = (),
        properties_with_history: Sequence[str] = (),
        id_property: str | None = None,
        archived: bool = False,
    ) -> BatchAnswer:
        """Read up to 100 records, or 50 with history. What does not exist is in `errors`, or silently left
        out.

        Args:
            kind: The object type.
            ids: Record ids, or values of `id_property`.
            properties: What to bring back; empty brings HubSpot's default properties.
            properties_with_history: Properties to bring back with their former values.
            id_property: A unique property that the ids are values of.
            archived: Read archived records instead of live ones.
        """
        found = endpoint(self.type_of(kind), "read", self.version, with_history=bool(properties_with_history))
        inputs = self._checked(found, ObjectId, map(_as_id_input, ids))
        request = ReadRequest(
            inputs=inputs,
            properties=list(properties),
            properties_with_history=list(properties_with_history),
            id_property=id_property,
        )
        if archived:
            found = found.of_archived()
        return self.send(found, request.to_json()).read(BatchAnswer)

    @checked
    def batch_archive(self, kind: Type, ids: Iterable[str | int | ArchiveInput | Mapping[str, Any]]) -> None:
        """Archive up to 100 records by record id. HubSpot does not say which of them existed."""
        found = endpoint(self.type_of(kind), "archive", self.version)
        self.send(found, _body(self._checked(found, ArchiveInput, map(_as_id_input, ids))))

    @checked
    def search(self, kind: Type, request: SearchRequest | Mapping[str, Any]) -> SearchAnswer:
        """One page of the records that match. What was written in the last seconds may be missing.

        Search has a limit of its own, 5 requests a second for the whole account.
        """
        body = as_model(SearchRequest, request).to_json()
        return self.send(search_endpoint(self.type_of(kind), self.version), body).read(SearchAnswer)

    @checked
    def association_batch_create(
        self, from_type: Type, to_type: Type, inputs: Iterable[AssociationInput | Mapping[str, Any]]
    ) -> CreatedAnswer:
        """Associate up to 2,000 pairs with labels, which replace those that the pairs had. Repeatable."""
        found = self._between(from_type, to_type, "create")
        return self._batch(found, AssociationInput, inputs, CreatedAnswer)

    @checked
    def association_batch_default(
        self, from_type: Type, to_type: Type, inputs: Iterable[DefaultAssociationInput | Mapping[str, Any]]
    ) -> DefaultAnswer:
        """Associate up to 2,000 pairs without a label. Repeatable; the answer has each in both directions."""
        found = self._between(from_type, to_type, "default")
        return self._batch(found, DefaultAssociationInput, inputs, DefaultAnswer)

    @checked
    def association_batch_read(
        self,
        from_type: Type,
        to_type: Type,
        inputs: Iterable[str | int | AssociationReadInput | Mapping[str, Any]],
    ) -> ReadAnswer:
        """Return what up to 1,000 records (or ids) are associated with. Long lists go on with `after`."""
        found = self._between(from_type, to_type, "read")
        return self._batch(found, AssociationReadInput, map(_as_id_input, inputs), ReadAnswer)

    @checked
    def association_batch_archive(
        self, from_type: Type, to_type: Type, inputs: Iterable[AssociationArchiveInput | Mapping[str, Any]]
    ) -> ArchiveAnswer:
        """Remove every association between up to 100 records and those named with each of them."""
        found = self._between(from_type, to_type, "archive")
        return self._batch(found, AssociationArchiveInput, inputs, ArchiveAnswer)

    @checked
    def association_labels_archive(
        self, from_type: Type, to_type: Type, inputs: Iterable[AssociationInput | Mapping[str, Any]]
    ) -> ArchiveAnswer:
        """Take some labels from up to 100 pairs; the pairs stay associated by the others."""
        found = self._between(from_type, to_type, "labels_archive")
        return self._batch(found, AssociationInput, inputs, ArchiveAnswer)

    @checked
    def association_labels(self, from_type: Type, to_type: Type) -> list[LabelDefinition]:
        """Return what an association from one type to the other can mean, with this direction's numbers."""
        path = associations_path(self.type_of(from_type), self.type_of(to_type), self.version)
        return results_of(self.get(f"{path}/labels"), LabelDefinition)

    @checked
    def properties(
        self, kind: Type, *, archived: bool = False, sensitivity: Sensitivity | None = None
    ) -> list[PropertyDefinition]:
        """All properties of an object type, in one request.

        Args:
            kind: The object type.
            archived: The archived ones instead of the live ones.
            sensitivity: ``"sensitive"`` or ``"highly_sensitive"`` lists those alone. By default HubSpot
                leaves them out.

        Raises:
            MissingScopes: The token may not read properties, or not the sensitive ones.
        """
        path = definition_path("properties", self.version, self.type_of(kind).segment)
        query = {"archived": archived or None, "dataSensitivity": sensitivity}
        return results_of(self.get(path, query), PropertyDefinition)

    @checked
    def create_property(
        self, kind: Type, definition: PropertyCreate | Mapping[str, Any]
    ) -> PropertyDefinition:
        """Make one property.

        Raises:
            Conflict: There is one of that name. An archived one comes back instead, with its old type.
        """
        path = definition_path("properties", self.version, self.type_of(kind).segment)
        return self._post(path, as_model(PropertyCreate, definition).to_json(), PropertyDefinition)

    @checked
    def property_batch_create(
        self, kind: Type, definitions: Iterable[PropertyCreate | Mapping[str, Any]]
    ) -> PropertyBatchAnswer:
        """Make up to 100 properties; those that exist already are in `errors`."""
        path = definition_path("properties", self.version, f"{self.type_of(kind).segment}/batch/create")
        return self._batch(
            Endpoint(path, "property_create"), PropertyCreate, definitions, PropertyBatchAnswer
        )

    @checked
    def schemas(self, *, archived: bool = False) -> list[ObjectSchema]:
        """Return the portal's custom object types, with their properties and associations.

        From then on requests about them have the type id in their path, by whichever name they are asked for.
        """
        path = definition_path("crm-object-schemas", self.version, "schemas")
        found = results_of(self.get(path, {"archived": archived or None}), ObjectSchema)
        if not archived:
            self._custom_objects.learn(found)
        return found

    @checked
    def pipelines(self, kind: Type) -> list[Pipeline]:
        """Return the pipelines of an object type, with their stages."""
        path = definition_path("pipelines", self.version, self.type_of(kind).segment)
        return results_of(self.get(path), Pipeline)

    @checked
    def owners(self, *, archived: bool = False) -> list[Owner]:
        """Everybody who may own records, or (``archived``) who did; 500 in a request.

        Raises:
            MissingScopes: The token may not read owners.
        """
        path = definition_path("owners", self.version)
        found: list[Owner] = []
        after: str | None = None
        for _ in range(MOST_PAGES_OF_OWNERS):
            page = self.get(path, {"limit": OWNERS_PER_PAGE, "archived": archived or None, "after": after})
            found += results_of(page, Owner)
            after = next_page(page)
            if not after:
                break
        return found

    def account_details(self) -> AccountDetails:
        """Which account the token belongs to, and in which time zone its day begins."""
        path = definition_path("account-info", self.version, "details")
        return self._request("GET", path, None, "burst", (200,), writes=False).read(AccountDetails)

    def granted_scopes(self) -> frozenset[str] | None:
        """Return the scopes that the token was granted; ``None`` where HubSpot does not tell, as for the
        token of an OAuth app.

        Source: not in HubSpot's reference; public code of several integrations makes this request for private
        apps.
        """
        try:
            told = self._about_token("/oauth/v2/private-apps/get/access-token-info")
        except ResponseError:
            return None
        scopes = told.get("scopes") if isinstance(told, dict) else None
        return frozenset(map(str, scopes)) if isinstance(scopes, list) else None

    def daily_usage(self) -> list[DailyUsage]:
        """How much of the day's requests is used. OAuth apps have no daily limit and get no line."""
        path = definition_path("account-info", self.version, "api-usage/daily/private-apps")
        return results_of(self.get(path), DailyUsage)

    def _between(self, from_type: Type, to_type: Type, kind: AssociationKind) -> Endpoint:
        return association_endpoint(self.type_of(from_type), self.type_of(to_type), kind, self.version)

    def _post(self, path: str, body: bytes, model: type[M]) -> M:
        return self._request("POST", path, body, "burst", (200, 201)).read(model)

    def _batch(self, found: Endpoint, kind: type[S], inputs: Iterable[Any], model: type[M]) -> M:
        answer = self.send(found, _body(self._checked(found, kind, inputs)))
        return model() if answer.status == 204 else answer.read(model)

    @staticmethod
    def _checked(found: Endpoint, kind: type[S], inputs: Iterable[Any]) -> list[S]:
        entries = [as_model(kind, entry, index) for index, entry in enumerate(inputs)]
        if not entries:
            raise InputError(
                "There are no inputs.",
                remedy="Leave the request out: HubSpot would answer it as a success that did nothing.",
            )
        if len(entries) > found.max_inputs:
            raise InputError(
                f"{len(entries)} inputs are too many for {found.path}.",
                remedy=f"HubSpot takes at most {found.max_inputs} in one request; send them in parts.",
            )
        return entries


def _as_id_input(one: Any) -> Any:
    return {"id": one} if isinstance(one, str | int) else one


def _body(inputs: Sequence[Sent]) -> bytes:
    return batch_body(*(entry.to_json() for entry in inputs))


def as_model(kind: type[S], entry: Any, row: int | None = None) -> S:
    """Return an input as its model.

    Raises:
        InputError: A field is missing, unknown or of the wrong type. The message names it, not its value.
    """
    if isinstance(entry, kind):
        return entry
    data = entry.model_dump(by_alias=True, exclude_none=True) if isinstance(entry, Sent) else entry
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    raise InputError(
        f"{where or kind.__name__}: {first['msg']}.",
        row=row,
        remedy=f"HubSpot takes property values as text. See {kind.__name__} for the fields.",
    )

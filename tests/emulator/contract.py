"""What HubSpot's answers look like: one field a line, each with its source.

    Schema  field  type  source

A field with `!` is required. Types: `text`, `digits` (an id in text), `whole`, `number`, `truth`, `time`,
`any`, a schema, `[type]` a list, `{type}` an object of them, `a|b` one of these words, `type?` for a value
that may be null. Sources: `S name` the published contract (spec collection of 2026-08-21) and its schema, `D`
HubSpot's documentation, `L` answers that were captured. Where they disagree, the capture stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

CONTRACT = """
Record            id!                       digits                  S SimplePublicObject
Record            properties!               {text?}                 S SimplePublicObject; null: L
Record            createdAt!                time                    S SimplePublicObject
Record            updatedAt!                time                    S SimplePublicObject
Record            archived!                 truth                   S SimplePublicObject
Record            archivedAt                time                    S SimplePublicObject
Record            objectWriteTraceId        text                    S SimplePublicObject
Record            propertiesWithHistory     {[Value]}               S SimplePublicObject
Record            url                       text                    S SimplePublicObject
Record            warnings                  [Warning]               S SimplePublicObject
Record            new                       truth                   S SimplePublicUpsertObject
Record            associations              {Associated}            S SimplePublicObjectWithAssociations
Value             value!                    text                    S ValueWithTimestamp
Value             timestamp!                time                    S ValueWithTimestamp
Value             sourceType!               text                    S ValueWithTimestamp
Warning           category!                 text                    S PublicObjectWarning
Warning           message!                  text                    S PublicObjectWarning
Warning           context!                  {text}                  S PublicObjectWarning
Associated        results!                  [Association]           S CollectionResponseAssociatedId
Associated        paging                    Paging                  S CollectionResponseAssociatedId
Association       id!                       digits                  S AssociatedId
Association       type!                     text                    S AssociatedId
Paging            next!                     Next                    S ForwardPaging
Next              after!                    text                    S NextPage
Next              link                      text                    S NextPage
Batch             status!                   COMPLETE|PENDING|PROCESSING|CANCELED  S BatchResponseSimplePublicObject
Batch             results!                  [Record]                S BatchResponseSimplePublicObject
Batch             startedAt!                time                    S BatchResponseSimplePublicObject
Batch             completedAt!              time                    S BatchResponseSimplePublicObject
Batch             numErrors                 whole                   S BatchResponseSimplePublicObjectWithErrors
Batch             errors                    [Problem]               S BatchResponseSimplePublicObjectWithErrors
Problem           status!                   error                   S StandardError
Problem           category!                 text                    S StandardError
Problem           message!                  text                    S StandardError
Problem           context                   {[text]}                S StandardError; left out: L
Problem           subCategory               text                    L (the contract says an object)
Error             status                    error                   L (not in the contract)
Error             message!                  text                    S Error
Error             correlationId!            text                    S Error
Error             category                  text                    S Error; left out of some 400, 404, 429: L
Error             subCategory               text                    S Error
Error             context                   {[text]}                S Error
Error             errors                    [Detail]                S Error
Error             links                     {text}                  S Error
Error             errorType                 text                    D usage guidelines
Error             policyName                text                    D usage guidelines
Error             groupName                 text                    L
Error             requestId                 text                    D usage guidelines
GrantError        status!                   text                    L (BAD_REFRESH_TOKEN and the like)
GrantError        message!                  text                    S Error
GrantError        error!                    text                    D changelog of 2026-01-27 (RFC 6749)
GrantError        error_description!        text                    D changelog of 2026-01-27 (RFC 6749)
GrantError        correlationId!            text                    S Error
Detail            message!                  text                    S ErrorDetail
Detail            code                      text                    S ErrorDetail
Detail            context                   {[text]}                S ErrorDetail
Page              results!                  [Record]                S CollectionResponseSimplePublicObjectWithAssociationsForwardPaging
Page              paging                    Paging                  S CollectionResponseSimplePublicObjectWithAssociationsForwardPaging
Found             total!                    whole                   S CollectionResponseWithTotalSimplePublicObject
Found             results!                  [Record]                S CollectionResponseWithTotalSimplePublicObject
Found             paging                    Paging                  S CollectionResponseWithTotalSimplePublicObject
Property          name!                     text                    S Property
Property          label!                    text                    S Property
Property          type!                     bool|date|datetime|enumeration|number|phone_number|string  S PropertyCreate
Property          fieldType!                text                    S Property
Property          description!              text                    S Property
Property          groupName!                text                    S Property
Property          options!                  [Option]                S Property
Property          displayOrder              whole                   S Property
Property          calculated                truth                   S Property
Property          externalOptions           truth                   S Property
Property          referencedObjectType      text                    S Property
Property          hasUniqueValue            truth                   S Property
Property          hidden                    truth                   S Property
Property          hubspotDefined            truth                   S Property
Property          modificationMetadata      Modification            S Property
Property          formField                 truth                   S Property
Property          dataSensitivity           non_sensitive|sensitive|highly_sensitive  S Property
Property          archived                  truth                   S Property
Property          createdAt                 time                    S Property
Property          updatedAt                 time                    S Property
Option            label!                    text                    S Option
Option            value!                    text                    S Option
Option            hidden!                   truth                   S Option
Option            displayOrder              whole                   S Option
Modification      archivable!               truth                   S PropertyModificationMetadata
Modification      readOnlyDefinition!       truth                   S PropertyModificationMetadata
Modification      readOnlyValue!            truth                   S PropertyModificationMetadata
Modification      readOnlyOptions           truth                   S PropertyModificationMetadata
Properties        results!                  [Property]              S CollectionResponsePropertyNoPaging
PropertyBatch     status!                   COMPLETE                S BatchResponseProperty
PropertyBatch     results!                  [Property]              S BatchResponseProperty
PropertyBatch     startedAt!                time                    S BatchResponseProperty
PropertyBatch     completedAt!              time                    S BatchResponseProperty
PropertyBatch     numErrors                 whole                   S BatchResponsePropertyWithErrors
PropertyBatch     errors                    [Problem]               S BatchResponsePropertyWithErrors
Group             name!                     text                    S PropertyGroup
Group             label!                    text                    S PropertyGroup
Group             archived!                 truth                   S PropertyGroup
Group             displayOrder              whole                   S PropertyGroup
Groups            results!                  [Group]                 S CollectionResponsePropertyGroupNoPaging
RuleMap           propertyName!             text                    S PublicPropertyValidationRuleMap
RuleMap           propertyValidationRules!  [Rule]                  S PublicPropertyValidationRuleMap
Rule              ruleType!                 text                    S PublicPropertyValidationRule
Rule              ruleArguments!            [text]                  S PublicPropertyValidationRule
Rule              shouldApplyNormalization  truth                   S PublicPropertyValidationRule
RuleMaps          results!                  [RuleMap]               S CollectionResponsePublicPropertyValidationRuleMapNoPaging
Rules             results!                  [Rule]                  S CollectionResponsePublicPropertyValidationRuleNoPaging
Pipeline          id!                       text                    S Pipeline
Pipeline          label!                    text                    S Pipeline
Pipeline          displayOrder!             whole                   S Pipeline
Pipeline          stages!                   [Stage]                 S Pipeline
Pipeline          createdAt!                time                    S Pipeline
Pipeline          updatedAt!                time                    S Pipeline
Pipeline          archived!                 truth                   S Pipeline
Stage             id!                       text                    S PipelineStage
Stage             label!                    text                    S PipelineStage
Stage             displayOrder!             whole                   S PipelineStage
Stage             metadata!                 {text}                  S PipelineStage
Stage             writePermissions!         CRM_PERMISSIONS_ENFORCEMENT|READ_ONLY|INTERNAL_ONLY  S PipelineStage
Stage             createdAt!                time                    S PipelineStage
Stage             updatedAt!                time                    S PipelineStage
Stage             archived!                 truth                   S PipelineStage
Pipelines         results!                  [Pipeline]              S CollectionResponsePipelineNoPaging
Stages            results!                  [Stage]                 S CollectionResponsePipelineStageNoPaging
Audits            results!                  [Audit]                 S CollectionResponsePublicAuditInfoNoPaging
Audit             portalId!                 whole                   S PublicAuditInfo
Audit             identifier!               text                    S PublicAuditInfo
Audit             action!                   text                    S PublicAuditInfo
Audit             timestamp                 time                    S PublicAuditInfo
Audit             message                   text                    S PublicAuditInfo
Audit             rawObject                 any                     S PublicAuditInfo
Owner             id!                       text                    S PublicOwner
Owner             email                     text                    S PublicOwner
Owner             type!                     PERSON|QUEUE            S PublicOwner
Owner             firstName                 text                    S PublicOwner
Owner             lastName                  text                    S PublicOwner
Owner             userId                    whole                   S PublicOwner
Owner             userIdIncludingInactive   whole                   S PublicOwner
Owner             createdAt!                time                    S PublicOwner
Owner             updatedAt!                time                    S PublicOwner
Owner             archived!                 truth                   S PublicOwner
Owners            results!                  [Owner]                 S CollectionResponsePublicOwnerForwardPaging
Owners            paging                    Paging                  S CollectionResponsePublicOwnerForwardPaging
Account           portalId!                 whole                   S PortalInformationResponse
Account           accountType!              STANDARD|SANDBOX|DEVELOPER_TEST|APP_DEVELOPER  S PortalInformationResponse
Account           timeZone!                 text                    S PortalInformationResponse
Account           companyCurrency!          text                    S PortalInformationResponse
Account           additionalCurrencies!     [text]                  S PortalInformationResponse
Account           utcOffset!                text                    S PortalInformationResponse
Account           utcOffsetMilliseconds!    whole                   S PortalInformationResponse
Account           uiDomain!                 text                    S PortalInformationResponse
Account           dataHostingLocation!      text                    S PortalInformationResponse
Usages            results!                  [Usage]                 S CollectionResponseApiUsageNoPaging
Usage             name!                     text                    S ApiUsage
Usage             usageLimit!               whole                   S ApiUsage
Usage             currentUsage!             whole                   S ApiUsage
Usage             collectedAt!              time                    S ApiUsage
Usage             fetchStatus!              SUCCESS|CACHED|FAILURE|NOTFOUND|TIMEOUT  S ApiUsage
Usage             resetsAt                  time                    S ApiUsage
Schemas           results!                  [Schema]                S CollectionResponseObjectSchemaNoPaging
SchemaBatch       results!                  [Schema]                S BatchResponseObjectSchema
SchemaBatch       status!                   COMPLETE                S BatchResponseObjectSchema
SchemaBatch       startedAt!                time                    S BatchResponseObjectSchema
SchemaBatch       completedAt!              time                    S BatchResponseObjectSchema
Schema            id!                       text                    S ObjectSchema
Schema            objectTypeId!             text                    S ObjectSchema
Schema            name!                     text                    S ObjectSchema
Schema            fullyQualifiedName!       text                    S ObjectSchema
Schema            labels!                   Labels                  S ObjectSchema
Schema            primaryDisplayProperty    text                    S ObjectSchema
Schema            secondaryDisplayProperties!  [text]               S ObjectSchema
Schema            searchableProperties!     [text]                  S ObjectSchema
Schema            requiredProperties!       [text]                  S ObjectSchema
Schema            properties!               [Property]              S ObjectSchema
Schema            associations!             [SchemaAssociation]     S ObjectSchema
Schema            metaType                  PORTAL_SPECIFIC|HUBSPOT  D custom objects guide
Schema            allowsSensitiveProperties!  truth                 S ObjectSchema
Schema            archived!                 truth                   S ObjectSchema
Schema            createdAt                 time                    S ObjectSchema
Schema            updatedAt                 time                    S ObjectSchema
Labels            singular                  text                    S ObjectTypeDefinitionLabels
Labels            plural                    text                    S ObjectTypeDefinitionLabels
SchemaAssociation id!                       text                    S AssociationDefinition
SchemaAssociation fromObjectTypeId!         text                    S AssociationDefinition
SchemaAssociation toObjectTypeId!           text                    S AssociationDefinition
SchemaAssociation name                      text                    S AssociationDefinition
SchemaAssociation cardinality               text                    D custom objects guide
SchemaAssociation inverseCardinality        text                    D custom objects guide
Ref               id!                       digits                  S PublicObjectId
Spec              associationCategory!      HUBSPOT_DEFINED|USER_DEFINED|INTEGRATOR_DEFINED|WORK  S AssociationSpec
Spec              associationTypeId!        whole                   S AssociationSpec
Kind              category!                 HUBSPOT_DEFINED|USER_DEFINED|INTEGRATOR_DEFINED|WORK  S AssociationSpecWithLabel
Kind              typeId!                   whole                   S AssociationSpecWithLabel
Kind              label!                    text?                   S AssociationSpecWithLabel; null: L
Kinds             results!                  [Kind]                  S CollectionResponseAssociationSpecWithLabelNoPaging
Pair              fromObjectTypeId!         text                    S LabelsBetweenObjectPair
Pair              fromObjectId!             digits                  S LabelsBetweenObjectPair
Pair              toObjectTypeId!           text                    S LabelsBetweenObjectPair
Pair              toObjectId!               digits                  S LabelsBetweenObjectPair
Pair              labels!                   [text]                  S LabelsBetweenObjectPair
PairBatch         status!                   COMPLETE                S BatchResponseLabelsBetweenObjectPair
PairBatch         results!                  [Pair]                  S BatchResponseLabelsBetweenObjectPair
PairBatch         startedAt!                time                    S BatchResponseLabelsBetweenObjectPair
PairBatch         completedAt!              time                    S BatchResponseLabelsBetweenObjectPair
PairBatch         numErrors                 whole                   S BatchResponseLabelsBetweenObjectPairWithErrors
PairBatch         errors                    [Problem]               S BatchResponseLabelsBetweenObjectPairWithErrors
Default           from!                     Ref                     S PublicDefaultAssociation
Default           to!                       Ref                     S PublicDefaultAssociation
Default           associationSpec!          Spec                    S PublicDefaultAssociation
DefaultBatch      status!                   COMPLETE                S BatchResponsePublicDefaultAssociation
DefaultBatch      results!                  [Default]               S BatchResponsePublicDefaultAssociation
DefaultBatch      startedAt!                time                    S BatchResponsePublicDefaultAssociation
DefaultBatch      completedAt!              time                    S BatchResponsePublicDefaultAssociation
DefaultBatch      numErrors                 whole                   S BatchResponsePublicDefaultAssociation
DefaultBatch      errors                    [Problem]               S BatchResponsePublicDefaultAssociation
To                toObjectId!               digits                  S MultiAssociatedObjectWithLabel
To                associationTypes!         [Kind]                  S MultiAssociatedObjectWithLabel
Tos               results!                  [To]                    S CollectionResponseMultiAssociatedObjectWithLabelForwardPaging
Tos               paging                    Paging                  S CollectionResponseMultiAssociatedObjectWithLabelForwardPaging
Multi             from!                     Ref                     S PublicAssociationMultiWithLabel
Multi             to!                       [To]                    S PublicAssociationMultiWithLabel
Multi             paging                    Paging                  S PublicAssociationMultiWithLabel
MultiBatch        status!                   COMPLETE                S BatchResponsePublicAssociationMultiWithLabel
MultiBatch        results!                  [Multi]                 S BatchResponsePublicAssociationMultiWithLabel
MultiBatch        startedAt!                time                    S BatchResponsePublicAssociationMultiWithLabel
MultiBatch        completedAt!              time                    S BatchResponsePublicAssociationMultiWithLabel
MultiBatch        numErrors                 whole                   S BatchResponsePublicAssociationMultiWithLabelWithErrors
MultiBatch        errors                    [Problem]               S BatchResponsePublicAssociationMultiWithLabelWithErrors
Gone              from!                     Ref                     D associations guide (2026-03: archive answers with a body)
Gone              to!                       Ref                     D associations guide
GoneBatch         status!                   COMPLETE                D associations guide
GoneBatch         results!                  [Gone]                  D associations guide
GoneBatch         startedAt!                time                    D associations guide
GoneBatch         completedAt!              time                    D associations guide
V3                from!                     Ref                     S PublicAssociation
V3                to!                       Ref                     S PublicAssociation
V3                type!                     text                    S PublicAssociation
V3Batch           status!                   COMPLETE                S BatchResponsePublicAssociation
V3Batch           results!                  [V3]                    S BatchResponsePublicAssociation
V3Batch           startedAt!                time                    S BatchResponsePublicAssociation
V3Batch           completedAt!              time                    S BatchResponsePublicAssociation
V3Multi           from!                     Ref                     S PublicAssociationMulti
V3Multi           to!                       [Association]           S PublicAssociationMulti
V3Multi           paging                    Paging                  S PublicAssociationMulti
V3MultiBatch      status!                   COMPLETE                S BatchResponsePublicAssociationMulti
V3MultiBatch      results!                  [V3Multi]               S BatchResponsePublicAssociationMulti
V3MultiBatch      startedAt!                time                    S BatchResponsePublicAssociationMulti
V3MultiBatch      completedAt!              time                    S BatchResponsePublicAssociationMulti
V3Kinds           results!                  [V3Kind]                S CollectionResponsePublicAssociationDefinitionNoPaging
V3Kind            id!                       digits                  S PublicAssociationDefinition
V3Kind            name!                     text                    S PublicAssociationDefinition
Type              objectTypeId!             text                    S ObjectTypeDefinition
Type              singularLabel!            text                    S ObjectTypeDefinition
Type              pluralLabel!              text                    S ObjectTypeDefinition
Counted           objectTypeId!             text                    S UsageForObjectType
Counted           singularLabel!            text                    S UsageForObjectType
Counted           pluralLabel!              text                    S UsageForObjectType
Counted           usage!                    whole                   S UsageForObjectType
Limited           objectTypeId!             text                    S LimitAndUsageForObjectType
Limited           singularLabel!            text                    S LimitAndUsageForObjectType
Limited           pluralLabel!              text                    S LimitAndUsageForObjectType
Limited           usage!                    whole                   S LimitAndUsageForObjectType
Limited           limit!                    whole                   S LimitAndUsageForObjectType
Limited           percentage!               number                  S LimitAndUsageForObjectType
Overall           overallLimit!             whole                   S CustomObjectRecordLimitResponse
Overall           overallUsage!             whole                   S CustomObjectRecordLimitResponse
Overall           overallPercentage!        number                  S CustomObjectRecordLimitResponse
Overall           byObjectType!             [Counted]               S CustomObjectRecordLimitResponse
LimitedOverall    overallLimit!             whole                   S CustomPropertyLimitResponse
LimitedOverall    overallUsage!             whole                   S CustomPropertyLimitResponse
LimitedOverall    overallPercentage!        number                  S CustomPropertyLimitResponse
LimitedOverall    byObjectType!             [Limited]               S CustomPropertyLimitResponse
TypeLimits        hubspotDefinedObjectTypes!  [Limited]             S RecordLimitResponse, PipelineLimitResponse
TypeLimits        customObjectTypes!        Overall                 S RecordLimitResponse, PipelineLimitResponse
OneLimit          limit!                    whole                   S CustomObjectLimitResponse
OneLimit          usage!                    whole                   S CustomObjectLimitResponse
OneLimit          percentage!               number                  S CustomObjectLimitResponse
LabelLimits       results!                  [LabelLimit]            S CollectionResponseAssociationLabelLimitResponseNoPaging
LabelLimit        allLabels!                [text]                  S AssociationLabelLimitResponse
LabelLimit        fromObjectType!           Type                    S AssociationLabelLimitResponse
LabelLimit        toObjectType!             Type                    S AssociationLabelLimitResponse
LabelLimit        limit!                    whole                   S AssociationLabelLimitResponse
LabelLimit        usage!                    whole                   S AssociationLabelLimitResponse
LabelLimit        percentage!               number                  S AssociationLabelLimitResponse
NearLimits        results!                  [NearLimit]             S CollectionResponseObjectTypeNearOrAtAssociationLimitNoPaging
NearLimit         objectTypeId!             text                    S ObjectTypeNearOrAtAssociationLimit
NearLimit         singularLabel!            text                    S ObjectTypeNearOrAtAssociationLimit
NearLimit         pluralLabel!              text                    S ObjectTypeNearOrAtAssociationLimit
NearLimit         hasRecordsAtLimit!        truth                   S ObjectTypeNearOrAtAssociationLimit
NearLimit         hasRecordsNearLimit!      truth                   S ObjectTypeNearOrAtAssociationLimit
RecordLimit       limit!                    whole                   S AssociationRecordLimitResponse
RecordLimit       totalRecordsAtLimit!      whole                   S AssociationRecordLimitResponse
RecordLimit       totalRecordsNearLimit!    whole                   S AssociationRecordLimitResponse
RecordLimit       atLimitFromRecordSamples!  [Sample]               S AssociationRecordLimitResponse
RecordLimit       nearLimitFromRecordSamples!  [Sample]             S AssociationRecordLimitResponse
Sample            objectId!                 whole                   S AtLimitRecordSample
Sample            label!                    text                    S AtLimitRecordSample
Sample            usage                     whole                   S NearLimitRecordSample
Sample            percentage                number                  S NearLimitRecordSample
Token             access_token!             text                    S AccessTokenResponse
Token             refresh_token!            text                    S AccessTokenResponse
Token             expires_in!               whole                   S AccessTokenResponse
Token             token_type!               bearer                  S AccessTokenResponse
Token             token_use!                access_token            S AccessTokenResponse
Token             hub_id                    whole                   S AccessTokenResponse
Token             user_id                   whole                   S AccessTokenResponse
Token             scopes                    [text]                  S AccessTokenResponse
TokenInfo         active!                   truth                   S PublicAccessTokenInfoResponse
TokenInfo         token!                    text                    S PublicAccessTokenInfoResponse
TokenInfo         token_type!               text                    S PublicAccessTokenInfoResponse
TokenInfo         token_use!                access_token|refresh_token  S PublicAccessTokenInfoResponse
TokenInfo         client_id!                text                    S PublicAccessTokenInfoResponse
TokenInfo         app_id!                   whole                   S PublicAccessTokenInfoResponse
TokenInfo         hub_id!                   whole                   S PublicAccessTokenInfoResponse
TokenInfo         hub_domain                text                    S PublicAccessTokenInfoResponse
TokenInfo         user                      text                    S PublicAccessTokenInfoResponse
TokenInfo         user_id!                  whole                   S PublicAccessTokenInfoResponse
TokenInfo         scopes!                   [text]                  S PublicAccessTokenInfoResponse
TokenInfo         expires_in                whole                   S PublicAccessTokenInfoResponse
TokenInfo         is_private_distribution   truth                   S PublicAccessTokenInfoResponse
TokenInfo         signed_access_token       any                     S PublicAccessTokenInfoResponse
InactiveToken     active!                   truth                   D RFC 7662, 2.2 (the contract tells of active tokens only)
PrivateApp        userId!                   whole                   L (no page has it; HubSpot's MCP server asks it)
PrivateApp        hubId!                    whole                   L (HubSpot's MCP server)
PrivateApp        appId!                    whole                   L (HubSpot's MCP server)
PrivateApp        scopes!                   [text]                  L (HubSpot's MCP server)
OldTokenInfo      token!                    text                    S AccessTokenInfoResponse (v1)
OldTokenInfo      token_type!               text                    S AccessTokenInfoResponse (v1)
OldTokenInfo      client_id                 text                    S RefreshTokenInfoResponse (v1)
OldTokenInfo      app_id                    whole                   S AccessTokenInfoResponse (v1)
OldTokenInfo      hub_id!                   whole                   S AccessTokenInfoResponse (v1)
OldTokenInfo      hub_domain                text                    S AccessTokenInfoResponse (v1)
OldTokenInfo      user                      text                    S AccessTokenInfoResponse (v1)
OldTokenInfo      user_id!                  whole                   S AccessTokenInfoResponse (v1)
OldTokenInfo      scopes!                   [text]                  S AccessTokenInfoResponse (v1)
OldTokenInfo      expires_in                whole                   S AccessTokenInfoResponse (v1)
OldTokenInfo      is_private_distribution   truth                   S AccessTokenInfoResponse (v1)
OldTokenInfo      signed_access_token       any                     S AccessTokenInfoResponse (v1)
"""

DEVIATIONS: dict[str, str] = {
    "Pair.fromObjectId": "v4: numbers, as captured; the switch v4_number_ids tells them as text",
    "Pair.toObjectId": "v4: numbers, as captured; the switch v4_number_ids tells them as text",
    "To.toObjectId": "v4: numbers, as captured; the switch v4_number_ids tells them as text",
}
"""What may differ from the contract, and why."""


class Field(NamedTuple):
    """One line of the contract."""

    kind: str
    required: bool
    source: str


def _parse() -> dict[str, dict[str, Field]]:
    schemas: dict[str, dict[str, Field]] = {}
    for line in CONTRACT.strip().splitlines():
        schema, name, kind, source = line.split(None, 3)
        schemas.setdefault(schema, {})[name.rstrip("!")] = Field(kind, name.endswith("!"), source)
    return schemas


SCHEMAS = _parse()
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")


def differences(schema: str, value: Any, place: str = "") -> Iterator[str]:
    """What in an answer is not as the contract says; deviations that are known are passed over."""
    if not isinstance(value, dict):
        yield f"{place or schema}: {value!r} is no {schema}"
        return
    fields = SCHEMAS[schema]
    for name, field in fields.items():
        if field.required and name not in value:
            yield f"{place}.{name} is missing ({schema})"
    for name, held in value.items():
        if name not in fields:
            yield f"{place}.{name} is not in the contract ({schema})"
        elif f"{schema}.{name}" not in DEVIATIONS:
            yield from _wrong(fields[name].kind, held, f"{place}.{name}")


def _wrong(kind: str, value: Any, place: str) -> Iterator[str]:
    if kind.endswith("?"):
        if value is not None:
            yield from _wrong(kind[:-1], value, place)
    elif kind.startswith("["):
        if not isinstance(value, list):
            yield f"{place}: {value!r} is no list"
            return
        for number, each in enumerate(value):
            yield from _wrong(kind[1:-1], each, f"{place}[{number}]")
    elif kind.startswith("{"):
        if not isinstance(value, dict):
            yield f"{place}: {value!r} is no object"
            return
        for name, each in value.items():
            yield from _wrong(kind[1:-1], each, f"{place}.{name}")
    elif kind in SCHEMAS:
        yield from differences(kind, value, place)
    elif not _is(kind, value):
        yield f"{place}: {value!r} is not {kind}"


def _is(kind: str, value: Any) -> bool:
    if kind in ("text", "digits", "time"):
        pattern = {"digits": r"\d+", "time": _TIME}.get(kind, r"(?s).*")
        return isinstance(value, str) and re.fullmatch(pattern, value) is not None
    if kind == "whole":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == "truth":
        return isinstance(value, bool)
    return kind == "any" or value in kind.split("|")

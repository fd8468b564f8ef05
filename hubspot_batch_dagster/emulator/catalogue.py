"""The catalogue: every route the emulator has."""

from __future__ import annotations

from hubspot_batch_dagster.emulator import (
    account_details,
    association_batch,
    association_labels,
    associations_v3,
    limit_reports,
    merges,
    owner_list,
    pipeline_definitions,
    privacy,
    property_definitions,
    property_validations,
    records,
    schemas,
)
from hubspot_batch_dagster.emulator.exchange import Answer, Request
from hubspot_batch_dagster.emulator.limits import Limits
from hubspot_batch_dagster.emulator.oauth import Credentials
from hubspot_batch_dagster.emulator.portal import Portal
from hubspot_batch_dagster.emulator.routes import DATED, Handler, Route, batch_routes
from hubspot_batch_dagster.emulator.search import search

FOUR = ("v4", *DATED)


def all_routes(credentials: Credentials, limits: Limits) -> tuple[Route, ...]:
    """Every route of a portal; of two that fit a path the first wins."""
    return (
        *batch_routes(),
        *_record_routes(),
        *_association_routes(),
        *_association_v3_routes(),
        *_property_routes(),
        *_validation_routes(),
        *_limit_routes(),
        *_schema_routes(),
        *_account_routes(limits),
        *_pipeline_routes(),
        *_oauth_routes(credentials),
    )


def _record_routes() -> tuple[Route, ...]:
    many, one = "/crm/objects/{type}", "/crm/objects/{type}/{id}"
    return (
        Route("POST", f"{many}/search", "search", search, "search"),
        Route("POST", f"{many}/merge", "merge", merges.merge, access="write"),
        Route("POST", f"{many}/gdpr-delete", "gdpr_delete", privacy.gdpr_delete, access="write"),
        Route("POST", many, "create_one", records.create_one, access="write"),
        Route("GET", many, "list", records.list_page),
        Route("GET", one, "read_one", records.read_one),
        Route("PATCH", one, "update_one", records.update_one, access="write"),
        Route("DELETE", one, "archive_one", records.archive_one, access="write"),
    )


def _association_routes() -> tuple[Route, ...]:
    pair, one = "/crm/associations/{from}/{to}", "/crm/objects/{type}/{id}/associations"
    batch = {
        "create": ("batch/create", association_batch.create, "write"),
        "default": ("batch/associate/default", association_batch.create_default, "write"),
        "read": ("batch/read", association_batch.read, "read"),
        "archive": ("batch/archive", association_batch.archive, "write"),
        "labels_archive": ("batch/labels/archive", association_batch.archive_labels, "write"),
    }
    labels = (
        ("GET", "labels", "labels.list", association_labels.list_labels, "read"),
        ("POST", "labels", "labels.create", association_labels.create_label, "write"),
        ("PUT", "labels", "labels.update", association_labels.update_label, "write"),
        ("DELETE", "labels/{label}", "labels.delete", association_labels.delete_label, "write"),
    )
    single = (
        ("PUT", "default/{to}/{to_id}", "put_default", association_batch.put_default, "write"),
        ("GET", "{to}", "list_one", association_batch.list_one, "read"),
        ("PUT", "{to}/{to_id}", "put_one", association_batch.put_labels, "write"),
        ("DELETE", "{to}/{to_id}", "delete_one", association_batch.delete_one, "write"),
    )
    return (
        *(
            Route("POST", f"{pair}/{path}", f"associations.{name}", handler, "associations", access, FOUR)
            for name, (path, handler, access) in batch.items()
        ),
        *(
            Route(method, f"{where}/{path}", f"associations.{name}", handler, "associations", access, FOUR)
            for where, routes in ((pair, labels), (one, single))
            for method, path, name, handler, access in routes
        ),
    )


def _association_v3_routes() -> tuple[Route, ...]:
    pair, one = "/crm/associations/{from}/{to}", "/crm/objects/{type}/{id}/associations/{to}"
    entry = f"{one}/{{to_id}}/{{kind}}"
    return tuple(
        Route(method, path, f"associations.{name}", handler, "associations", access, ("v3",))
        for method, path, name, handler, access in (
            ("POST", f"{pair}/batch/create", "create", associations_v3.create, "write"),
            ("POST", f"{pair}/batch/read", "read", associations_v3.read, "read"),
            ("POST", f"{pair}/batch/archive", "archive", associations_v3.archive, "write"),
            ("GET", f"{pair}/types", "types", associations_v3.list_types, "read"),
            ("GET", one, "list_one", associations_v3.list_one, "read"),
            ("PUT", entry, "put_one", associations_v3.put_one, "write"),
            ("DELETE", entry, "delete_one", associations_v3.delete_one, "write"),
        )
    )


def _limit_routes() -> tuple[Route, ...]:
    records = "associations/records"
    return tuple(
        Route("GET", f"/crm/limits/{path}", f"limits.{name}", handler, access="none")
        for path, name, handler in (
            ("records", "records", limit_reports.records),
            ("pipelines", "pipelines", limit_reports.pipelines),
            ("custom-properties", "custom_properties", limit_reports.custom_properties),
            ("calculated-properties", "calculated_properties", limit_reports.calculated_properties),
            ("custom-object-types", "custom_object_types", limit_reports.custom_object_types),
            ("associations/labels", "association_labels", limit_reports.association_labels),
            (f"{records}/from", "association_sources", limit_reports.association_sources),
            (f"{records}/{{from}}/to", "association_targets", limit_reports.association_targets),
            (f"{records}/{{from}}/{{to}}", "association_records", limit_reports.association_records),
        )
    )


def _validation_routes() -> tuple[Route, ...]:
    rules = property_validations
    return _definition_routes(
        "/crm/property-validations/{type}",
        "validations",
        ("GET", "", "list", rules.list_rules, "read"),
        ("GET", "/{name}", "read", rules.read_rules, "read"),
        ("GET", "/{name}/rule-type/{rule}", "read_rule", rules.read_rule, "read"),
        ("PUT", "/{name}/rule-type/{rule}", "put_rule", rules.put_rule, "write"),
    )


def _property_routes() -> tuple[Route, ...]:
    definitions = property_definitions
    return _definition_routes(
        "/crm/properties/{type}",
        "properties",
        ("POST", "/batch/create", "batch_create", definitions.batch_create, "write"),
        ("POST", "/batch/read", "batch_read", definitions.batch_read, "read"),
        ("POST", "/batch/archive", "batch_archive", definitions.batch_archive, "write"),
        ("GET", "/groups", "groups.list", definitions.list_groups, "read"),
        ("POST", "/groups", "groups.create", definitions.create_group, "write"),
        ("GET", "/groups/{name}", "groups.read", definitions.read_group, "read"),
        ("PATCH", "/groups/{name}", "groups.update", definitions.update_group, "write"),
        ("DELETE", "/groups/{name}", "groups.archive", definitions.archive_group, "write"),
        ("GET", "", "list", definitions.list_properties, "read"),
        ("POST", "", "create", definitions.create_property, "write"),
        ("GET", "/{name}", "read", definitions.read_property, "read"),
        ("PATCH", "/{name}", "update", definitions.update_property, "write"),
        ("DELETE", "/{name}", "archive", definitions.archive_property, "write"),
    )


def _definition_routes(
    many: str, group: str, *routes: tuple[str, str, str, Handler, str]
) -> tuple[Route, ...]:
    return tuple(
        Route(method, f"{many}{path}", f"{group}.{name}", handler, access=f"schema.{verb}")
        for method, path, name, handler, verb in routes
    )


def _schema_routes() -> tuple[Route, ...]:
    return tuple(
        Route(method, f"{many}{path}", f"schemas.{name}", handler, access="none")
        for many in ("/crm-object-schemas/schemas", "/crm/schemas")
        for method, path, name, handler in (
            ("POST", "/batch/read", "batch_read", schemas.batch_read),
            ("GET", "", "list", schemas.list_schemas),
            ("POST", "", "create", schemas.create_schema),
            ("GET", "/{schema}", "read", schemas.read_schema),
            ("PATCH", "/{schema}", "update", schemas.update_schema),
            ("DELETE", "/{schema}", "delete", schemas.delete_schema),
        )
    )


def _account_routes(limits: Limits) -> tuple[Route, ...]:
    def usage(portal: Portal, _: Request) -> Answer:
        return account_details.daily_usage(portal, limits)

    daily = "/account-info/api-usage/daily/private-apps"
    return (
        Route("GET", "/account-info/details", "account.details", account_details.details, access="none"),
        Route("GET", daily, "account.usage", usage, access="none"),
        Route("GET", "/crm/owners", "owners.list", owner_list.list_owners, access="none"),
        Route("GET", "/crm/owners/{owner}", "owners.read", owner_list.read_owner, access="none"),
    )


def _pipeline_routes() -> tuple[Route, ...]:
    many, definitions = "/crm/pipelines/{type}", pipeline_definitions
    one, stage = "/{pipeline}", "/{pipeline}/stages/{stage}"
    return tuple(
        Route(method, f"{many}{path}", f"pipelines.{name}", handler, access=access)
        for method, path, name, handler, access in (
            ("GET", "", "list", definitions.list_pipelines, "read"),
            ("POST", "", "create", definitions.create_pipeline, "write"),
            ("GET", one, "read", definitions.read_pipeline, "read"),
            ("PATCH", one, "update", definitions.update_pipeline, "write"),
            ("PUT", one, "replace", definitions.replace_pipeline, "write"),
            ("DELETE", one, "archive", definitions.delete_pipeline, "write"),
            ("GET", f"{one}/audit", "audit", definitions.audit, "read"),
            ("GET", f"{one}/stages", "stages.list", definitions.list_stages, "read"),
            ("POST", f"{one}/stages", "stages.create", definitions.create_stage, "write"),
            ("GET", stage, "stages.read", definitions.read_stage, "read"),
            ("PATCH", stage, "stages.update", definitions.update_stage, "write"),
            ("PUT", stage, "stages.replace", definitions.replace_stage, "write"),
            ("DELETE", stage, "stages.archive", definitions.delete_stage, "write"),
            ("GET", f"{stage}/audit", "stages.audit", definitions.audit, "read"),
        )
    )


def _oauth_routes(credentials: Credentials) -> tuple[Route, ...]:
    new, old = ("v3", *DATED), ("v1",)
    endpoints = {
        "/oauth/token": ("oauth.token", credentials.grant, (*old, *new)),
        "/oauth/token/introspect": ("oauth.introspect", credentials.introspect, new),
        "/oauth/token/revoke": ("oauth.revoke", credentials.revoke, new),
    }

    def handler_for(path: str) -> Handler:
        def handler(_: Portal, request: Request) -> Answer:
            return endpoints[path][1](request)

        return handler

    def about_token(_: Portal, request: Request) -> Answer:
        return credentials.token_info(request)

    def private_app_info(_: Portal, request: Request) -> Answer:
        return credentials.private_app_info(request)

    def delete_refresh_token(_: Portal, request: Request) -> Answer:
        return credentials.delete_refresh_token(request)

    access, refresh = "/oauth/access-tokens/{token}", "/oauth/refresh-tokens/{token}"
    private = "/oauth/private-apps/get/access-token-info"
    return (
        Route("POST", private, "private_app.token_info", private_app_info, "oauth", "none", ("v2",)),
        *(
            Route("POST", path, name, handler_for(path), "oauth", "none", versions)
            for path, (name, _, versions) in endpoints.items()
        ),
        Route("GET", access, "oauth.access_token", about_token, "oauth", "none", old),
        Route("GET", refresh, "oauth.refresh_token", about_token, "oauth", "none", old),
        Route("DELETE", refresh, "oauth.delete", delete_refresh_token, "oauth", "none", old),
    )

"""OpenAPI says what the declarations and the error table say, and its examples are true."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pydantic
import pytest

from services import operations
from services.api import app as api
from services.api.http import bodies, problems
from services.api.routes import health
from services.base import errors

DOCUMENT: dict[str, Any] = api.create_app().openapi()
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
ROUTES = [(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods]
JSON = "application/json"

# The list, with the preview that the dashboard has too.
PROMISED = {
    "post /jobs",
    "post /jobs/preview",
    "post /jobs/preview/records",
    "get /jobs",
    "get /jobs/{job_id}",
    "delete /jobs/{job_id}",
    "get /jobs/{job_id}/results",
    "get /jobs/{job_id}/removal",
    "get /jobs/{job_id}/schema",
    "get /jobs/{job_id}/problems",
    "get /jobs/{job_id}/broken-rules",
    "get /jobs/named/{text}",
    "get /jobs/{job_id}/compare/{operation}",
    "get /jobs/{job_id}/artifacts",
    "get /jobs/{job_id}/artifacts.zip",
    "get /jobs/{job_id}/artifacts/{name}",
    "get /jobs/{job_id}/issues",
    "post /jobs/{job_id}/cancel",
    "post /jobs/{job_id}/pause",
    "post /jobs/{job_id}/resume",
    "post /jobs/{job_id}/rerun",
    "get /schedules",
    "post /schedules",
    "get /schedules/{schedule_id}",
    "patch /schedules/{schedule_id}",
    "delete /schedules/{schedule_id}",
    "post /schedules/{schedule_id}/run",
    "post /jobs/{job_id}/pin",
    "delete /jobs/{job_id}/pin",
    "post /clean",
    "get /operations",
    "get /config",
    "get /health/live",
    "get /health/ready",
    "get /metrics",
}


def route(method: str, path: str) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][path][method]
    return found


def validate(value: Any, schema: dict[str, Any]) -> None:
    """Validate a value against a schema of the document; references lead into its components."""
    whole = {**schema, "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker()).validate(value)


def examples(node: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield (schema, example) of every example in a part of the document."""
    if isinstance(node, dict):
        for example in node.get("examples") or [] if isinstance(node.get("examples"), list) else []:
            yield node, example
        if "schema" in node and isinstance(node.get("examples"), dict):
            yield from ((node["schema"], one["value"]) for one in node["examples"].values())
        for inner in node.values():
            yield from examples(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from examples(inner)


def test_every_promised_route_is_there_and_no_other() -> None:
    assert {f"{method} {path}" for method, path in ROUTES} == PROMISED


def union_of(body: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of one operation of a job."""
    assert body["content"][JSON]["schema"] == {"$ref": "#/components/schemas/JobBody"}
    found: dict[str, Any] = SCHEMAS["JobBody"]["properties"]["operations"]["items"]
    return found


@pytest.mark.parametrize("path", ["/jobs", "/jobs/preview", "/jobs/preview/records"])
def test_the_body_is_a_union_of_all_operations(path: str) -> None:
    body = route("post", path)["requestBody"]
    assert body["required"] is True
    schema = union_of(body)
    assert "minItems" in SCHEMAS["JobBody"]["properties"]["operations"]
    assert schema["discriminator"]["propertyName"] == "operation"
    assert set(schema["discriminator"]["mapping"]) == {operation.name for operation in operations.OPERATIONS}
    assert set(schema["discriminator"]["mapping"].values()) == {one["$ref"] for one in schema["oneOf"]}


@pytest.mark.parametrize("operation", operations.OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_shows_its_options_as_declared(operation: operations.Operation) -> None:
    mapping = union_of(route("post", "/jobs")["requestBody"])["discriminator"]["mapping"]
    shown = SCHEMAS[mapping[operation.name].rpartition("/")[2]]
    assert shown["description"] == operation.summary
    assert shown["properties"]["operation"]["const"] == operation.name
    assert shown["additionalProperties"] is False
    assert set(shown["properties"]) == set(bodies.OperationBody.model_fields) | {"options"}

    options = SCHEMAS[shown["properties"]["options"]["$ref"].rpartition("/")[2]]
    declared = operation.options.model_json_schema(ref_template="#/components/schemas/{model}")
    for name, definition in declared.pop("$defs", {}).items():
        assert SCHEMAS[name] == definition
    assert options == declared
    assert set(options["properties"]) == set(operation.options.model_fields)
    assert ("options" in shown["required"]) == bool(declared.get("required"))
    for field in options["properties"].values():
        # A field whose title is that of its type takes it from there.
        assert field.get("title") or SCHEMAS[field["$ref"].rpartition("/")[2]]["title"]
        assert field["description"]
        assert field["category"] in {"basic", "advanced"}


def test_the_walk_rules_are_shown_as_declared_to_the_last_digit() -> None:
    assert SCHEMAS["WalkOptions"] == operations.WalkOptions.model_json_schema(
        ref_template="#/components/schemas/{model}"
    )
    assert SCHEMAS["WalkOptions"]["properties"]["max_size_bytes"]["anyOf"][0]["maximum"] == 2**63 - 1


@pytest.mark.parametrize("operation", operations.OPERATIONS, ids=lambda operation: operation.name)
def test_the_example_of_every_operation_is_a_request_the_services_take(operation: operations.Operation) -> None:
    content = route("post", "/jobs")["requestBody"]["content"][JSON]
    example = content["examples"][operation.name]["value"]
    validate(example, content["schema"])
    body = pydantic.TypeAdapter(bodies.JobBody).validate_python(example)
    assert body.request("key").validated().names == (operation.name,)
    assert body.request("key").idempotency_key == "key"


def test_all_examples_fit_their_schemas() -> None:
    found = list(examples(DOCUMENT))
    assert len(found) > 100
    for schema, example in found:
        validate(example, schema)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_documents_its_problems(method: str, path: str) -> None:
    operation = route(method, path)
    assert operation["operationId"]
    assert operation["tags"]
    assert operation["description"]
    answers = operation["responses"]
    codes = {}
    for status, answer in answers.items():
        if int(status) < 400:
            continue
        assert list(answer["content"]) == [problems.MEDIA_TYPE]
        content = answer["content"][problems.MEDIA_TYPE]
        assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
        for code, example in content["examples"].items():
            assert example["value"]["code"] == code
            assert example["value"]["status"] == int(status)
            assert example["value"]["remedy"]
            codes[code] = int(status)
    assert {"request_forbidden": 403, "internal": 500, "database_unavailable": 503}.items() <= codes.items()
    if "{job_id}" in path:
        assert codes["job_not_found"] == 404
    if "{schedule_id}" in path:
        assert codes["schedule_not_found"] == 404
    if operation.get("parameters") or "requestBody" in operation:
        assert codes["invalid_options"] == 422
    if "requestBody" in operation:
        assert {"malformed_request": 400, "limit_exceeded": 413, "source_not_found": 404}.items() <= codes.items()


def test_every_documented_code_is_known_and_every_known_one_is_documented() -> None:
    documented = {
        code
        for method, path in ROUTES
        for answer in route(method, path)["responses"].values()
        for code in answer.get("content", {}).get(problems.MEDIA_TYPE, {}).get("examples", {})
    }
    own = {cls.code: cls for cls in (*problems.HttpError.__subclasses__(), health.NotReadyError)}
    table = {row.code for row in errors.ERRORS}
    assert not own.keys() & table
    assert documented <= own.keys() | table
    # A cancelled job is a state, which GET /jobs/{job_id} shows; no call fails with it. That a server is unavailable
    # is what its clients find. The router's own
    # two refusals belong to no operation.
    assert (own.keys() | table) - documented == {"cancelled", "server_unavailable", "not_found", "method_not_allowed"}
    for cls in own.values():
        assert cls.remedy != errors.PravahError.remedy
        assert cls.title != errors.PravahError.title


def test_operation_ids_are_unique_and_nothing_of_the_framework_shows() -> None:
    ids = [route(method, path)["operationId"] for method, path in ROUTES]
    assert len(set(ids)) == len(ids)
    assert not {"HTTPValidationError", "ValidationError"} & SCHEMAS.keys()


def test_every_parameter_is_described() -> None:
    for method, path in ROUTES:
        for parameter in route(method, path).get("parameters", []):
            if parameter["in"] == "header" and parameter["name"] != "Idempotency-Key":
                continue  # RFC 9110 describes them
            assert parameter.get("description"), (method, path, parameter["name"])

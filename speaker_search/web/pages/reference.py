"""The server's OpenAPI description as /docs shows it: pieces of HTML for types, limits and prose, operations by tag."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup, escape

PROBLEMS = "application/problem+json"
_CODE = re.compile(r"`([^`]+)`")
_LIMITS = {
    "minimum": "from {}",
    "exclusiveMinimum": "above {}",
    "maximum": "to {}",
    "exclusiveMaximum": "below {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "maxLength": "at most {} characters",
}


def operations(description: Mapping[str, Any], tag: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """The operations with a tag: method, path, and the operation as described."""
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            if tag in operation["tags"]:
                yield method.upper(), path, operation


def problems_of(operation: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The problems that an operation may be answered with: status and kind."""
    return [
        (status, kind)
        for status, answer in sorted(operation["responses"].items())
        for kind in answer.get("content", {}).get(PROBLEMS, {}).get("examples", {})
    ]


def type_of(schema: Mapping[str, Any]) -> Markup:
    """What a value is, with links to the schemas that it is made of."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return Markup('<a href="#schema-{0}">{0}</a>').format(name)
    if "anyOf" in schema:
        return Markup(" or ").join(type_of(one) for one in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return Markup(" or ").join(json.dumps(one) for one in schema.get("enum", [schema.get("const")]))
    if "prefixItems" in schema:
        return Markup("[{}]").format(Markup(", ").join(type_of(one) for one in schema["prefixItems"]))
    if schema.get("type") == "array":
        items = schema.get("items", {})
        shape = "({})[]" if "anyOf" in items or "enum" in items else "{}[]"
        return Markup(shape).format(type_of(items))  # noqa: S704 - one of the two above
    if isinstance(schema.get("additionalProperties"), Mapping):
        return Markup("object of ") + type_of(schema["additionalProperties"])
    if schema.get("format") == "binary" or "contentMediaType" in schema:
        return Markup("file")
    return escape(schema.get("format") or schema.get("type") or "anything")


def limits_of(schema: Mapping[str, Any]) -> str:
    """What a value may be, and what it is by default."""
    told = [
        words.format(one[key])
        for one in [schema, *schema.get("anyOf", [])]
        for key, words in _LIMITS.items()
        if key in one
    ]
    if "default" in schema:
        told.append(f"default {json.dumps(schema['default'], ensure_ascii=False)}")
    if schema.get("readOnly"):
        told.append("only in answers")
    return ", ".join(told)


def prose(text: str) -> Markup:
    """Paragraphs of a description, with what is between backticks as code."""
    parts = [_CODE.sub(r"<code>\1</code>", str(escape(part))) for part in text.split("\n\n")]
    return Markup("").join(Markup("<p>{}</p>").format(Markup(part)) for part in parts)  # noqa: S704 - escaped above


def pretty(example: object) -> str:
    return json.dumps(example, ensure_ascii=False, indent=2)


IN_TEMPLATES = (operations, problems_of, type_of, limits_of, prose, pretty)

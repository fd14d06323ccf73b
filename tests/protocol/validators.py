"""Validators of OpenAPI, imported when they are used: they compile grammars for a second, and each process of pytest
imports every test."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openapi_schema_validator import OAS31Validator
    from openapi_spec_validator import OpenAPIV31SpecValidator


def validator(schema: Mapping[str, Any]) -> "OAS31Validator":
    """Return the validator of one schema of OpenAPI 3.1."""
    from openapi_schema_validator import OAS31Validator

    return OAS31Validator(dict(schema))


def document_validator(document: Mapping[str, Any]) -> "OpenAPIV31SpecValidator":
    """Return the validator of a whole document of OpenAPI 3.1."""
    from openapi_spec_validator import OpenAPIV31SpecValidator

    return OpenAPIV31SpecValidator(dict(document))

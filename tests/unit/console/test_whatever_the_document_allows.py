"""Whatever the OpenAPI document allows, and a good deal that it does not, is answered as the document says."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.generation import GenerationMode
from schemathesis.generation.case import Case

from linewatch.console.endpoint import Endpoint
from linewatch.console.openapi import document_of
from linewatch.console.server import ENDPOINTS
from tests.unit.console.bench import Console

_LAST = ("logout", "changePassword", "waiveRetest")
CALM = [each for each in ENDPOINTS if not each.stream and each.name not in _LAST]
"""Streams do not end, and who signs out, changes the password or has tried too many does not come in again."""
schemathesis.checks.load_all_checks()
# A 500 is in no document: the first check finds it.
CHECKS = [
    schemathesis.checks.CHECKS.get_one(name)
    for name in ("status_code_conformance", "content_type_conformance", "response_schema_conformance")
]


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("endpoint", CALM, ids=lambda each: each.name)
def test_no_answer_is_other_than_the_document_says(console: Console, endpoint: Endpoint, mode: GenerationMode) -> None:
    headers = console.sign_in("boss1" if "administrator" in endpoint.roles and len(endpoint.roles) < 3 else "lead1")
    cookies = dict(console.client.cookies)
    schema = schemathesis.openapi.from_dict(document_of(CALM))
    operation = schema[endpoint.path][endpoint.method]

    @settings(
        max_examples=settings.default.max_examples // 14 + 1,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Case) -> None:
        case.headers = {**{name: v for name, v in (case.headers or {}).items() if name.lower() != "x-csrf"}, **headers}
        # Somebody has signed in; what the document makes up in that place is another test's affair.
        case.cookies = cookies
        case.call_and_validate(base_url=console.address, checks=CHECKS, timeout=20)

    try:
        ask()
    except Unsatisfiable:
        assert mode == GenerationMode.NEGATIVE  # without parameters there is nothing that the document does not allow

"""What a server sends can cost a batch, never the process."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from bench.answer_fuzz import WAYS, AnswerReader, answers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("HUBSPOT_FUZZ_EXAMPLES", "200"))


@pytest.fixture(scope="module")
def reader() -> Iterator[AnswerReader]:
    with AnswerReader() as running:
        yield running


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(way=st.sampled_from(WAYS), answer=answers())
def test_whatever_a_server_answers_ends_well_or_in_an_error_of_the_tree(
    reader: AnswerReader, way: str, answer: bytes
) -> None:
    reader.take(way, answer)

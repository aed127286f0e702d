"""Message codes of published messages (RTDS, in the shared vectors), and of what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import DecodeError
from protocols.gbcs.message import grouping, message_code


@pytest.fixture
def messages(shared_vectors):
    return shared_vectors("gbcs")["messages"]


def test_codes_originators_and_recipients_of_all_published_messages(messages):
    assert len(messages) > 700
    for each in messages:
        message = bytes.fromhex(each["hex"])
        header = grouping(message)
        assert message_code(message) == int(each["message_code"], 16), each["id"]
        assert (header.originator.hex(), header.recipient.hex()) == (each["originator"], each["recipient"])


def test_a_message_cut_anywhere_has_its_code_or_none(messages):
    message = bytes.fromhex(messages[0]["hex"])
    code = message_code(message)
    assert {message_code(message[:length]) for length in range(len(message))} <= {code, None}


@given(st.binary(max_size=80))
def test_other_octets_have_none(octets):
    for lead in (b"", b"\xdf", bytes.fromhex("DD000000000000")):
        message_code(lead + octets)
        try:
            grouping(lead + octets)
        except DecodeError:
            assert message_code(lead + octets) is None

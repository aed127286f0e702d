"""The short way to read a data frame's addresses agrees with the codec, for whatever arrives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core import crc
from protocols.core.errors import RemoteProtocolError
from protocols.zigbee import mac

CONTROLS = st.integers(0, 0xFFFF) | st.builds(
    lambda more: mac.SHORT_DATA | more,
    st.sampled_from([0, mac.ACK_REQUEST, mac.FRAME_PENDING, mac.ACK_REQUEST | mac.FRAME_PENDING]),
)


@given(CONTROLS, st.binary(max_size=30))
def test_short_data_is_what_the_codec_reads(control: int, rest: bytes) -> None:
    psdu = crc.append_kermit(control.to_bytes(2, "little") + rest)
    addresses = mac.short_data(psdu)
    form = control & ~(mac.ACK_REQUEST | mac.FRAME_PENDING)
    try:
        header, msdu = mac.split(psdu)
    except RemoteProtocolError:
        assert addresses is None
        return
    assert (addresses is not None) is (form == mac.SHORT_DATA)
    if addresses is not None:
        assert addresses == (header.destination_pan, header.destination, header.source)
        assert psdu[mac.SHORT_HEADER.size : -mac.FCS] == msdu


@pytest.mark.parametrize("psdu", [b"", bytes(4), bytes(128), bytes(9) + b"\x01\x02"])
def test_a_length_or_checksum_that_cannot_be_is_refused(psdu: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        mac.check(psdu)

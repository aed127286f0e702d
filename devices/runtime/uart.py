"""What a UART hears when the line's rate is not its own: the waveform of one rate, sampled at another.

Ten bits an octet, least significant first, sampled in their middles. A stop bit that is missing spoils no octet here, because ports
carry no error flags; the receiver then waits for the line to rest. Noise and tolerances are not modelled.
"""

from __future__ import annotations

_BITS = 10


def heard(octets: bytes, sent: int, listened: int) -> bytes:
    """Octets sent without a pause at one baud rate, as they are received at another."""
    if sent == listened:
        return octets
    levels = [level for octet in octets for level in (0, *(octet >> bit & 1 for bit in range(8)), 1)]
    bit, half = 2 * listened, sent  # of the sender, and half a bit of the receiver's, in one unit
    end = len(levels) * bit

    def level(time: int) -> int:
        return levels[time // bit] if time < end else 1

    received = bytearray()
    time = 0
    while time < end:
        if level(time):
            time = (time // bit + 1) * bit
            continue
        samples = [level(time + (2 * place + 1) * half) for place in range(_BITS)]
        if samples[0]:  # too short for a start bit
            time += half
            continue
        received.append(sum(sample << place for place, sample in enumerate(samples[1:-1])))
        time += (2 * _BITS - 1) * half
        while time < end and not level(time):
            time = (time // bit + 1) * bit
    return bytes(received)

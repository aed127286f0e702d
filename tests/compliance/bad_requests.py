"""The table of bad inputs C1 to C22: dialogues of octets, and what the standard lets a server say.

The requests are those of published messages (Green Book, annex of encoded examples) with one thing wrong in each.
Judged in test_bad_requests.py; the requests are where fuzzing begins, too.
"""

from __future__ import annotations

from typing import Final

PUBLIC, MANAGEMENT, MD5, STRANGER = 16, 1, 33, 99

# --- what a client says

INITIATE = "BE10040E01000000065F1F0400007E1F{:04X}"
AARQ_PUBLIC = "601DA109060760857405080101" + INITIATE
AARQ_LLS = "6036A1090607608574050801018A0207808B0760857405080201AC0A80083132333435363738" + INITIATE
LARGE = 0xFFFF
RLRQ = "6203800100"
CLOCK = "00080000010000FF02"
ZONE = "00080000010000FF03"
MODE = "0046000060030AFF04"
ENERGY = "00030100010800FF02"
LOG = "00070100630100FF02"
GENERAL_BLOCKS = "207E1F"
"""Conformance with general block transfer."""
OBJECTS = "000F0000280000FF02"
GET, SET, ACTION = "C001C1", "C101C1", "C301C1"
DISCONNECT = "0046000060030AFF01"
GOOD_GET = GET + "00010000 2A0000FF 02 00"
NEW_TIME = "07EA0101FF000000FF000000"

# --- what a server may say

SILENCE: Final = None
TYPE_UNMATCHED, OTHER_REASON, SCOPE = 0x0C, 0xFA, 0x0D
EMPTY: Final = "C401C1000100"
MALFORMED: Final = "D80103"
TOO_LONG: Final = "D80104"
NOT_ASSOCIATED: Final = "D80101"
NOT_SUPPORTED: Final = "D80202"


class Refusal:
    """Any answer that says no: an exception, a result that is not success, a rejected association."""

    def __init__(self, *codes: int) -> None:
        self.codes = codes
        """Results that are right; none: any."""

    def __eq__(self, answer: object) -> bool:
        assert isinstance(answer, str)
        octets = bytes.fromhex(answer)
        if octets[0] == 0xD8:
            return not self.codes and len(octets) == 3
        if octets[:2] in (b"\xc5\x01", b"\xc7\x01"):
            return self._is(octets[3])
        if octets[:2] == b"\xc4\x01":
            return octets[3] == 1 and self._is(octets[4])
        return False

    def _is(self, code: int) -> bool:
        return code in self.codes if self.codes else code != 0

    def __repr__(self) -> str:
        return f"a refusal {self.codes or ''}"


class Rejection(Refusal):
    """An AARE with result rejected-permanent, one of these diagnostics of the service user, and this initiate error."""

    def __init__(self, *codes: int, source: int = 0xA1, error: int | None = None) -> None:
        super().__init__(*codes)
        self.source, self.error = source, error

    def __eq__(self, answer: object) -> bool:
        assert isinstance(answer, str)
        diagnosed = any(f"A203020101A305{self.source:02X}030201{code:02X}" in answer for code in self.codes)
        return answer.startswith("61") and diagnosed and (self.error is None or answer.endswith(f"0E0106{self.error:02X}"))


class Acceptance(Refusal):
    """An AARE with result accepted."""

    def __eq__(self, answer: object) -> bool:
        return isinstance(answer, str) and answer.startswith("61") and "A203020100A305A103020100" in answer


class Pending(Refusal):
    """An AARE with result accepted that asks for the proof."""

    def __eq__(self, answer: object) -> bool:
        return isinstance(answer, str) and answer.startswith("61") and "A203020100A305A10302010E" in answer


class OneOf:
    """Any of several answers."""

    def __init__(self, *answers: object) -> None:
        self.answers = answers

    def __eq__(self, answer: object) -> bool:
        return any(each == answer for each in self.answers)

    def __repr__(self) -> str:
        return f"one of {self.answers}"


def aarq_md5(challenge: bytes) -> str:
    """An AARQ of high level security with MD5."""
    value = f"AC{len(challenge) + 2:02X}80{len(challenge):02X}{challenge.hex()}"
    body = "A109060760857405080101" + "8A0207808B0760857405080203" + value + INITIATE.format(LARGE)
    return f"60{len(body) // 2:02X}{body}"


def proof(octets: str) -> str:
    """Pass 3: the method reply_to_HLS_authentication of the current association."""
    return f"{ACTION}000F0000280000FF 01 01 09{len(octets) // 2:02X}{octets}"


def put(value: str, attribute: str = CLOCK) -> str:
    return f"{SET}{attribute}00{value}"


def time(octets: str) -> str:
    size = len(octets.replace(" ", "")) // 2
    return put(f"09{size:02X}{octets}")


def entries(first: int, last: int) -> str:
    return f"{GET}{LOG}01 02 0204 06{first:08X} 06{last:08X} 120001 120000"


def moments(since: str, until: str) -> str:
    clock = "0204 120008 09060000010000FF 0F02 120000"
    return f"{GET}{LOG}01 01 0204 {clock} 090C{since} 090C{until} 0100"


def listed(count: int, *attributes: str) -> str:
    assert count == len(attributes) < 0x80
    return f"C003C1{count:02X}" + "".join(f"{attribute}00" for attribute in attributes)


def first_block(raw: str, last: int = 0, number: int = 1) -> str:
    return f"C102C1{CLOCK}00{last:02X}{number:08X}{len(raw) // 2:02X}{raw}"


def block(number: int, raw: str = "", last: int = 1) -> str:
    return f"C103C1{last:02X}{number:08X}{len(raw) // 2:02X}{raw}"


def taken(number: int) -> str:
    return f"C502C1{number:08X}"


def ended(result: int, number: int) -> str:
    return f"C503C1{result:02X}{number:08X}"


LAST, STREAMING, WINDOW = 0x80, 0x40, 3


def general(number: int, raw: str, control: int = 0, acknowledged: int = 0) -> str:
    """A block of general block transfer."""
    octets = raw.replace(" ", "")
    return f"E0{control | WINDOW:02X}{number:04X}{acknowledged:04X}{len(octets) // 2:02X}{octets}"


class Acknowledges(Refusal):
    """A block that says which was the last one without a gap, and carries nothing."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def __eq__(self, answer: object) -> bool:
        assert isinstance(answer, str)
        return answer[:2] == "E0" and answer[8:14] == f"{self.number:04X}00"


class Carries(Refusal):
    """A block whose contents begin so."""

    def __init__(self, octets: str) -> None:
        super().__init__()
        self.octets = octets

    def __eq__(self, answer: object) -> bool:
        assert isinstance(answer, str)
        return answer[:2] == "E0" and answer[14:].startswith(self.octets)


class Aborts(Refusal):
    """Block 0, and the last."""

    def __eq__(self, answer: object) -> bool:
        return isinstance(answer, str) and answer[:2] == "E0" and answer[4:8] == "0000" and bool(int(answer[2:4], 16) & LAST)


BEGUN: Final = (first_block("090C07EA"), taken(1))
"""A SET in blocks."""
PENDING: Final = (aarq_md5(bytes.fromhex("00112233445566778899AABBCCDDEEFF")), Pending())
"""High level security half-way."""
Dialogue = list[tuple[str, object]]

ASSOCIATED: dict[str, Dialogue] = {
    # A-XDR
    "C1 array of 2^32-1 items": [(put("0184FFFFFFFF"), MALFORMED)],
    "C1 structure of 2^32-1 items": [(put("0284FFFFFFFF 00"), MALFORMED)],
    "C1 octet-string of 2^32-1 octets": [(put("0984FFFFFFFF 0000"), MALFORMED)],
    "C1 visible-string of 2^32-1 octets": [(put("0A84FFFFFFFF 0000"), MALFORMED)],
    "C1 bit-string of 2^32-1 bits": [(put("0484FFFFFFFF 0000"), MALFORMED)],
    "C1 list of 2^32-1 attributes": [("C003C1 84FFFFFFFF" + CLOCK + "00", MALFORMED)],
    "C1 in a block": [(first_block("0184FFFFFFFF", last=1), ended(TYPE_UNMATCHED, 1))],
    "C2 double-long-unsigned of two octets": [(put("060102"), MALFORMED)],
    "C2 every fixed type cut": [(put(cut), MALFORMED) for cut in (
        "03", "05010203", "06", "0D", "0F", "10FF", "11", "12FF", "1401020304050607", "15", "16", "17000000", "1800",
        "190102", "1A01", "1B",
    )],
    "C2 descriptor cut": [(GET + CLOCK[:-2], MALFORMED), (GET + CLOCK, MALFORMED), ("C001", MALFORMED)],
    "C2 octets behind the end": [(f"{GET}{CLOCK}00FF", MALFORMED), (time(NEW_TIME) + "00", MALFORMED)],
    "C3 length octet 80": [(put("0980"), MALFORMED)],
    "C3 length octets 85 to FF": [(put(f"09{octet:02X}" + "00" * 130), MALFORMED) for octet in range(0x85, 0x100)],
    "C5 seventeen levels": [(put("0101" * 16 + "00"), Refusal(TYPE_UNMATCHED)), (put("0101" * 17 + "00"), MALFORMED)],
    "C5 five thousand levels": [(put("0101" * 5000 + "00"), MALFORMED), (put("0201" * 5000), MALFORMED)],
    "C6 array that holds less than it says": [(put("0182FFFF 00"), MALFORMED)],
    "C6 array of 65,000 nulls": [(put("0182FDE8" + "00" * 65_000), TOO_LONG)],
    "C7 a type that does not exist": [(put("7F"), Refusal(TYPE_UNMATCHED)), (put("0101 7F"), Refusal(TYPE_UNMATCHED))],
    "C8 compact array with a piece of an item": [(put("13 12 03 000102"), Refusal())],
    "C8 compact array of a type that does not exist": [(put("13 7F 02 0001"), Refusal())],
    "C8 compact array nested too deeply": [(put("13" + "010001" * 17 + "12 02 0001"), Refusal())],
    "C8 compact array without contents": [(put("13 12"), Refusal()), (put("13"), Refusal()), (put("13 0202 12"), Refusal())],
    "C9 date-time of 11 octets": [(time(NEW_TIME[:-2]), Refusal(TYPE_UNMATCHED, SCOPE))],
    "C9 date-time of 13 octets": [(time(NEW_TIME + "00"), Refusal(TYPE_UNMATCHED, SCOPE))],
    "C9 month 13": [(time("07EA0D01FF000000FF000000"), Refusal(TYPE_UNMATCHED, SCOPE))],
    "C9 hour 24, minute 60, second 60": [
        (time(f"07EA0101FF{fields}FF000000"), Refusal(TYPE_UNMATCHED, SCOPE)) for fields in ("180000", "003C00", "00003C")
    ],
    "C9 30 February": [(time("07EA021EFF000000FF000000"), Refusal(TYPE_UNMATCHED, SCOPE))],
    "C9 deviation of a day": [(time("07EA0101FF000000FF05A000"), Refusal(TYPE_UNMATCHED, SCOPE))],
    "C9 nothing specified": [(time("FFFFFFFFFFFFFFFFFF8000FF"), Refusal(TYPE_UNMATCHED, SCOPE))],
    "C9 no year": [(time("FFFF0101FF000000FF000000"), Refusal(TYPE_UNMATCHED, SCOPE))],
    # services
    "C10 tags that are none": [(octets, NOT_SUPPORTED) for octets in ("FF", "77010203", "F000", "13")],
    "C10 choices that are none": [(octets, NOT_SUPPORTED) for octets in ("C000C1", "C004C1", "C0FF", "C106C1", "C307C1")],
    "C10 answers and errors are not answered": [
        (octets, SILENCE) for octets in ("C401C10000", "C501C100", "C701C10000", "D80101", "6303800100", "0E010600")
    ],
    "C11 no such object": [(f"{GET}0003 0100639900FF 02 00", Refusal(4)), (put("00", "0003 0100639900FF 02"), Refusal(4))],
    "C11 another class": [(f"{GET}0001 0100010800FF 02 00", Refusal(9)), (put("00", "0001 0100010800FF 02"), Refusal(9))],
    "C11 attributes 0 and 200": [
        # Attribute 0 stands for all of them where both ends agreed on that: for reading, here, and not for writing.
        *((f"{GET}0003 0100010800FF {number} 00", Refusal(3, 11)) for number in ("C8", "04", "7F")),
        (put("00", "0003 0100010800FF 00"), Refusal(3, 11)),
    ],
    "C13 another type": [(put("1100"), Refusal(TYPE_UNMATCHED)), (put("1101", MODE), Refusal(TYPE_UNMATCHED))],
    "C13 out of range": [(put("16FF", MODE), Refusal(SCOPE, OTHER_REASON))],
    "C13 read-only": [(put("0600000000", ENERGY), Refusal(3)), (put("0100", LOG), Refusal(3))],
    "C13 a method's argument": [(f"{ACTION}{DISCONNECT}01 1100", Refusal(TYPE_UNMATCHED))],
    "C13 a method that is not there": [(f"{ACTION}0046 000060030AFF 09 01 0F00", Refusal(3, 4, 11))],
    "C14 from after to": [
        (moments("07EA020101000000FF000000", "07E9010101000000FF000000"), OneOf(EMPTY, Refusal())),
        (entries(4, 2), OneOf(EMPTY, Refusal())),
    ],
    "C14 entry 2^32-1": [(entries(0xFFFFFFFF, 0xFFFFFFFF), OneOf(EMPTY, Refusal()))],
    "C14 selectors that are none": [(f"{GET}{LOG}01 {selector} 00", Refusal()) for selector in ("00", "03", "FF")],
    "C14 parameters of another type": [
        (f"{GET}{LOG}01 {wrong}", Refusal()) for wrong in ("01 00", "02 00", "02 0200", "01 0204 00000000")
    ],
    "C14 selection where there is none": [(f"{GET}{ENERGY}01 02 0204 0600000001 0600000002 120001 120000", Refusal())],
    "C15 list of none": [("C003C100", OneOf("C403C100", MALFORMED))],
    "C15 list with one bad": [(listed(3, ZONE, "0003 0100639900FF 02", ZONE), "C403C1 03 00100000 0104 00100000")],
    "C15 list of 256": [("C003C1820100" + f"{ZONE}00" * 256, TOO_LONG)],
    "C15 more attributes than values": [("C104C1 02" + f"{CLOCK}00" * 2 + "01 090C" + NEW_TIME, MALFORMED)],
    "C16 next with no long GET": [("C002C100000001", "C402C1010000000101 10")],
    "C17 a block with no long SET": [(block(2, "00"), ended(18, 2))],
    "C17 out of order": [BEGUN, (block(3, "00"), ended(19, 3)), (block(2, "00"), OneOf(ended(17, 2), ended(18, 2)))],
    "C17 repeated": [BEGUN, (block(2, "01", last=0), taken(2)), (block(2, "01"), ended(19, 2))],
    "C17 last is missing": [BEGUN, (put("1100"), Refusal(TYPE_UNMATCHED)), (block(2, "00"), ended(17, 2))],
    "C17 too little in all": [BEGUN, (block(2, "0101"), ended(TYPE_UNMATCHED, 2))],
    "C20 twice": [(AARQ_LLS.format(LARGE), Rejection(1))],
}  # fmt: skip

SMALL: dict[str, Dialogue] = {
    "C16 next with another number": [("C002C100000007", "C402C1010000000701 13"), ("C002C100000001", "C402C1010000000101 10")],
    "C16 next of before": [("C002C100000000", "C402C1010000000001 13")],
}
"""In the middle of a GET that comes in blocks."""

IN_BLOCKS: dict[str, Dialogue] = {
    "C18 a gap": [(general(1, GOOD_GET[:8], STREAMING), SILENCE), (general(3, "0000", LAST), Acknowledges(1))],
    "C18 a repeat": [(general(1, GOOD_GET[:8]), Acknowledges(1)), (general(1, GOOD_GET[:8]), Acknowledges(1))],
    "C18 another first number": [(general(7, GOOD_GET[:8]), OneOf(Acknowledges(0), Aborts(), Refusal()))],
    "C18 number 0": [(general(0, GOOD_GET[:8]), OneOf(Acknowledges(0), Aborts(), Refusal()))],
    "C18 number 65,535": [(general(0xFFFF, GOOD_GET[:8], LAST), OneOf(Acknowledges(0), Aborts(), Refusal()))],
    "C18 an acknowledgement ahead": [(general(1, GOOD_GET[:8], acknowledged=99), Acknowledges(1))],
    "C18 more at once than the window": [
        *((general(number, "00", STREAMING), SILENCE) for number in range(1, 40)), (general(40, "00"), Acknowledges(40)),
    ],
    "C18 an abort": [(general(1, GOOD_GET[:8]), Acknowledges(1)), (general(0, "", LAST), SILENCE)],
    "C18 a block in a block": [(general(1, general(1, GOOD_GET, LAST), LAST), OneOf(Acknowledges(1), Carries("D8"), Aborts()))],
    "C18 cut": [(general(1, GOOD_GET, LAST)[:size], OneOf(MALFORMED, Refusal())) for size in range(2, 16, 2)],
}  # fmt: skip
"""In an association with general block transfer."""

ALONE: dict[str, tuple[int, Dialogue]] = {
    "C12 GET, SET and ACTION before an association": (MANAGEMENT, [
        (GOOD_GET, NOT_ASSOCIATED), (time(NEW_TIME), NOT_ASSOCIATED), (f"{ACTION}{DISCONNECT}01 0F00", NOT_ASSOCIATED),
        ("C002C100000001", NOT_ASSOCIATED), (first_block("090C"), NOT_ASSOCIATED), (listed(1, CLOCK), NOT_ASSOCIATED),
    ]),
    "C10 tags that are none, before an association": (PUBLIC, [("FF", NOT_SUPPORTED), ("77010203", NOT_SUPPORTED)]),
    "C20 short names": (PUBLIC, [(AARQ_PUBLIC.replace("5080101", "5080102").format(LARGE), Rejection(2))]),
    "C20 a context that is none": (PUBLIC, [(AARQ_PUBLIC.replace("5080101", "5080109").format(LARGE), Rejection(2))]),
    "C20 no context": (PUBLIC, [("6012" + INITIATE.format(LARGE), Rejection(2))]),
    "C20 a mechanism that is none": (MANAGEMENT, [(AARQ_LLS.replace("5080201", "5080209").format(LARGE), Rejection(11))]),
    "C20 no mechanism where one is due": (MANAGEMENT, [(AARQ_PUBLIC.format(LARGE), Rejection(12, 14))]),
    "C20 another password": (MANAGEMENT, [(AARQ_LLS.replace("35363738", "35363739").format(LARGE), Rejection(13))]),
    "C20 an empty password": (MANAGEMENT, [(AARQ_LLS.replace("6036", "602E").replace("AC0A80083132333435363738", "AC028000")
                                            .format(LARGE), Rejection(13))]),
    "C20 a client that nobody knows": (STRANGER, [(AARQ_PUBLIC.format(LARGE), Rejection(1))]),
    "C20 ACSE version 2": (PUBLIC, [(AARQ_PUBLIC.replace("601D", "602180020640").format(LARGE), Rejection(2, source=0xA2))]),
    "C20 DLMS version 5": (PUBLIC, [(AARQ_PUBLIC.replace("065F1F", "055F1F").format(LARGE), Rejection(1, error=1))]),
    "C20 no conformance": (PUBLIC, [(AARQ_PUBLIC.replace("007E1F", "000000").format(LARGE), Rejection(1, error=2))]),
    "C20 an APDU of 11 octets": (PUBLIC, [(AARQ_PUBLIC.format(11), Rejection(1, error=3))]),
    "C20 no initiate request": (PUBLIC, [("600BA109060760857405080101", OneOf(Rejection(1), MALFORMED))]),
    "C20 an initiate response": (PUBLIC, [(AARQ_PUBLIC.replace("040E01", "040E08").format(LARGE), OneOf(Rejection(1), MALFORMED))]),
    "C20 cut": (PUBLIC, [(AARQ_PUBLIC.format(LARGE)[:-2 * cut], OneOf(MALFORMED, Rejection(1))) for cut in range(1, 30)]),
    "C20 lengths that lie": (PUBLIC, [(AARQ_PUBLIC.replace("A109", f"A1{lie}").format(LARGE), OneOf(MALFORMED, Rejection(1, 2)))
                                      for lie in ("00", "08", "0A", "7F", "80", "84")]),
    **{f"C21 a challenge of {size} octets": (MD5, [(aarq_md5(bytes(size)), Rejection(13))]) for size in (0, 7, 65)},
    "C21 a wrong proof": (MD5, [
        PENDING, (proof("00" * 16), Refusal(3)), (GOOD_GET, NOT_ASSOCIATED), (proof("00" * 16), NOT_ASSOCIATED),
        (RLRQ, "6303800100"), (RLRQ, SILENCE),
    ]),
    "C21 a proof that is none": (MD5, [PENDING, (proof(""), Refusal()), (GOOD_GET, NOT_ASSOCIATED)]),
    "C21 our own challenge as a proof": (MD5, [
        PENDING, (proof("00112233445566778899AABBCCDDEEFF"), Refusal(3)), (GOOD_GET, NOT_ASSOCIATED),
    ]),
    "C21 something else before the proof": (MD5, [
        PENDING, (GOOD_GET, NOT_ASSOCIATED), (time(NEW_TIME), NOT_ASSOCIATED), (f"{ACTION}{DISCONNECT}01 0F00", NOT_ASSOCIATED),
    ]),
    "C22 release with no association": (PUBLIC, [(RLRQ, SILENCE), ("6200", SILENCE)]),
}  # fmt: skip

"""Both ends of a download against each other and against liars (bad inputs G18, G19, G20)."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.codec import Frame
from protocols.core.effects import Effect
from protocols.zigbee.clusters.ota import Ota, Status, UpgradeStatus
from protocols.zigbee.node import MINUTE, S
from protocols.zigbee.ota import client, server
from protocols.zigbee.ota.client import DAY, Activate, Client, Device, Refused, Verified
from protocols.zigbee.ota.image import File, InvalidImage, Memory, element, seal
from protocols.zigbee.ota.server import NOT_YET, Finished, Server
from protocols.zigbee.zcl.status import Status as ZclStatus

OLD, NEW = 0x01000000, 0x02000000
DEVICE = Device(0xFFF1, 0x0502, OLD, 2)
FILE = File(0xFFF1, 0x0502, NEW)
IMAGE = seal(FILE, bytes(Random(4).getrandbits(8) for _ in range(900)), text="display", hardware=(1, 3))
EUI64, OTHER, THIRD = 0xA1, 0xB2, 0xC3
UTC = 820_000_000
BLOCKS = -(-len(IMAGE) // 48)


class Flash:
    """A store that a restart does not empty."""

    def __init__(self, capacity: int = 8192) -> None:
        self.capacity = capacity
        self.file: File | None = None
        self.size = 0
        self.data = b""

    @property
    def held(self) -> int:
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        return self.data[offset : offset + length]

    def begin(self, file: File, size: int) -> None:
        self.file, self.size, self.data = file, size, b""

    def append(self, octets: bytes) -> None:
        self.data += octets

    def clear(self) -> None:
        self.file, self.size, self.data = None, 0, b""


class Bench:
    """A client and who answers it: a `Server`, or a function of the request. Every frame goes through its octets."""

    def __init__(
        self, answer: Server | Callable[[Frame], Frame | None], *, store: Flash | None = None, device: Device = DEVICE, **how: int
    ) -> None:
        self.now = 0
        self.store = store or Flash()
        self.answer = answer
        self.how = how
        self.device = device
        self.asked: list[Frame] = []
        self.heard: list[Frame] = []
        self.done: list[Effect] = []
        self.lost: Callable[[Frame], bool] = lambda frame: False
        self.boot()

    def boot(self) -> None:
        self.client = Client(self.device, self.store, Random(3).random, **self.how)
        self.apply(self.client.start(self.now))

    def apply(self, effects: list[Effect]) -> None:
        """What the client asks goes to the server, what that answers comes back, until both are still."""
        queue = list(effects)
        while queue:
            effect = queue.pop(0)
            if isinstance(effect, client.Say):
                request = type(effect.command).parse(effect.command.build())
                self.asked.append(request)
                if not self.lost(request):
                    for frame in self.replies(request):
                        queue += self.hear(frame)
            else:
                self.done.append(effect)

    def hear(self, frame: Frame) -> list[Effect]:
        if self.lost(frame):
            return []
        heard = type(frame).parse(frame.build())
        self.heard.append(heard)
        return self.client.feed(heard, self.now)

    def replies(self, request: Frame) -> list[Frame]:
        if not isinstance(self.answer, Server):
            reply = self.answer(request)
            return [] if reply is None else [reply]
        answer, effects = self.answer.feed(request, EUI64, self.now)
        self.done += [effect for effect in effects if isinstance(effect, Finished)]
        said = [effect.command for effect in effects if isinstance(effect, server.Say)]
        return [*([answer] if isinstance(answer, Frame) else []), *said]

    def run(self, until: int = 10 * DAY, most: int = 2000) -> None:
        """Let time pass until something came of it, or nothing more will happen."""
        for _ in range(most):
            times = [self.client.deadline, self.answer.deadline if isinstance(self.answer, Server) else None]
            due = min((time for time in times if time is not None), default=None)
            if due is None or due > until or any(isinstance(each, Activate | Refused) for each in self.done):
                return
            self.now = max(self.now, due)
            if isinstance(self.answer, Server):
                for effect in self.answer.expire(self.now):
                    assert isinstance(effect, server.Say)
                    self.apply(self.hear(effect.command))
            self.apply(self.client.expire(self.now))
        raise AssertionError("it goes on for ever")

    @property
    def reasons(self) -> list[str]:
        return [effect.reason for effect in self.done if isinstance(effect, Refused)]

    @property
    def activated(self) -> list[File]:
        return [effect.file for effect in self.done if isinstance(effect, Activate)]


def serving(*images: bytes, seconds: int = UTC, upgrade_time: int = 0, **how: int) -> Server:
    have = Server(lambda: seconds, **how)
    for each in images:
        have.offer(Memory(each), upgrade_time)
    return have


def liar(image: bytes, said: File = FILE, size: int | None = None) -> Callable[[Frame], Frame | None]:
    """A server that offers octets without a look at them."""

    def answer(request: Frame) -> Frame | None:
        if isinstance(request, Ota.QueryNextImageRequest):
            return Ota.QueryNextImageResponse(0, *said, len(image) if size is None else size)
        if isinstance(request, Ota.ImageBlockRequest):
            data = image[request.file_offset :][: request.max_data_size]
            return Ota.ImageBlockResponse(0, *said, request.file_offset, data) if data else None
        if isinstance(request, Ota.UpgradeEndRequest) and request.status == 0:
            return Ota.UpgradeEndResponse(*said, 0, 0)
        return None

    return answer


# --- a good download ---


@pytest.mark.parametrize("page", [0, 256])
def test_a_newer_image_is_fetched_judged_and_activated(page: int) -> None:
    bench = Bench(serving(IMAGE), page=page)
    bench.run()
    assert bench.store.data == IMAGE
    assert bench.done == [Verified(FILE), Finished(EUI64, FILE, 0), Activate(FILE)]
    blocks = [frame for frame in bench.heard if isinstance(frame, Ota.ImageBlockResponse)]
    assert max(len(block.image_data or b"") for block in blocks) == 48
    asked = [frame for frame in bench.asked if isinstance(frame, Ota.ImagePageRequest if page else Ota.ImageBlockRequest)]
    assert len(asked) == (4 if page else BLOCKS)


def test_who_has_the_newest_image_asks_once_a_day() -> None:
    bench = Bench(serving(IMAGE), device=DEVICE._replace(version=NEW))
    bench.run(until=5 * DAY)
    assert {type(frame) for frame in bench.asked} == {Ota.QueryNextImageRequest}
    assert len(bench.asked) == 5


def test_of_several_images_each_gets_its_own() -> None:
    newest = seal(File(0xFFF1, 0x0502, NEW + 1), b"other hardware", hardware=(7, 9))
    mine = seal(File(0xFFF1, 0x0502, NEW + 2), b"for one", destination=OTHER)
    have = serving(IMAGE, newest, mine, seal(File(0xFFF1, 0x0503, NEW + 3), b"another device"))
    ask = Ota.QueryNextImageRequest

    def offered(eui64: int, hardware: int | None, image_type: int = 0x0502) -> object:
        control = 0 if hardware is None else 1
        answer, _ = have.feed(ask(control, 0xFFF1, image_type, OLD, hardware), eui64, 0)
        assert isinstance(answer, Ota.QueryNextImageResponse)
        return answer.file_version or Status(answer.status)

    assert offered(EUI64, 2) == NEW
    assert offered(EUI64, 8) == NEW + 1
    assert offered(OTHER, 2) == NEW + 2
    assert offered(EUI64, None) is Status.NO_IMAGE_AVAILABLE
    assert offered(EUI64, 2, 0x0504) is Status.NO_IMAGE_AVAILABLE
    specific = Ota.QuerySpecificFileRequest
    results = [
        have.feed(specific(address, 0xFFF1, 0x0502, version, 2), eui64, 0)[0]
        for address, version, eui64 in ((OTHER, NEW + 2, OTHER), (OTHER, NEW + 2, EUI64), (EUI64, NEW, EUI64))
    ]
    assert [answer.status for answer in results if isinstance(answer, Ota.QuerySpecificFileResponse)] == [
        Status.SUCCESS, Status.NOT_AUTHORIZED, Status.NO_IMAGE_AVAILABLE,
    ]  # fmt: skip
    stolen, _ = have.feed(Ota.ImageBlockRequest(0, 0xFFF1, 0x0502, NEW + 2, 0, 48), EUI64, 0)
    assert stolen == Ota.ImageBlockResponse(Status.NOT_AUTHORIZED)


@pytest.mark.parametrize(("seconds", "upgrade_time", "after"), [(UTC, 0, 0), (UTC, UTC + 3600, 3600), (UTC, UTC - 5, 0), (0, 0, 0)])
def test_the_server_says_when(seconds: int, upgrade_time: int, after: int) -> None:
    bench = Bench(serving(IMAGE, seconds=seconds, upgrade_time=upgrade_time))
    if after:
        assert bench.client.status is UpgradeStatus.COUNT_DOWN
    bench.run()
    assert bench.activated == [FILE]
    assert bench.now == after * S


def test_not_yet_is_asked_again_every_hour_until_the_word_comes() -> None:
    bench = Bench(serving(IMAGE, upgrade_time=NOT_YET))
    bench.run(until=5 * 60 * MINUTE)
    assert bench.client.status is UpgradeStatus.WAITING_TO_UPGRADE
    assert len([frame for frame in bench.asked if isinstance(frame, Ota.UpgradeEndRequest)]) == 6
    bench.apply(bench.client.feed(Ota.UpgradeEndResponse(0xFFF1, 0x0502, NEW + 1, 0, 0), bench.now))
    assert bench.activated == []  # the word was for another file
    bench.apply(bench.client.feed(Ota.UpgradeEndResponse(0xFFFF, 0xFFFF, 0xFFFFFFFF, 0, 0), bench.now))
    assert bench.activated == [FILE]


def test_a_notice_makes_it_ask_at_once() -> None:
    have = serving()
    bench = Bench(have)
    have.offer(Memory(IMAGE))
    bench.now = MINUTE
    bench.apply(bench.client.feed(Ota.ImageNotify(3, 100, 0xFFF1, 0x0503, NEW), bench.now))
    bench.apply(bench.client.feed(Ota.ImageNotify(3, 100, *DEVICE.file), bench.now))
    bench.apply(bench.client.feed(Ota.ImageNotify(0, 0), bench.now))
    assert bench.activated == []
    bench.apply(bench.client.feed(have.notify(FILE), bench.now))
    bench.run()
    assert bench.activated == [FILE]
    assert bench.now == MINUTE


# --- pace ---


def test_octets_that_are_not_there_yet_are_waited_for() -> None:
    class Growing(Memory):
        here = 0

        @property
        def held(self) -> int:
            return self.here

    growing = Growing(IMAGE)
    growing.here = 300
    have = Server(lambda: UTC)
    have.offer(growing)
    bench = Bench(have)
    assert bench.store.held == 300
    assert bench.client.status is UpgradeStatus.DOWNLOAD_IN_PROGRESS
    bench.run(until=150 * S)
    assert len([frame for frame in bench.asked if isinstance(frame, Ota.ImageBlockRequest)]) == 10
    growing.here = len(IMAGE)
    bench.run()
    assert bench.activated == [FILE]
    assert bench.now == 180 * S


def test_one_device_too_many_waits_for_its_turn() -> None:
    have = serving(IMAGE, at_once=2)
    ask = Ota.ImageBlockRequest(0, *FILE, 0, 48)
    statuses = [have.feed(ask, eui64, now)[0] for eui64, now in ((EUI64, 0), (OTHER, 1), (THIRD, 2), (EUI64, 3), (THIRD, 130 * S))]
    assert [answer.status for answer in statuses if isinstance(answer, Ota.ImageBlockResponse)] == [0, 0, 0x97, 0, 0]


def test_blocks_keep_the_least_time_between_them() -> None:
    bench = Bench(serving(IMAGE), period=2 * S)
    bench.run()
    assert bench.activated == [FILE]
    assert bench.now == (BLOCKS - 1) * 2 * S


def test_the_server_says_how_fast_and_how_much_at_once() -> None:
    bench = Bench(serving(IMAGE, period=700, block=32))
    bench.run()
    assert bench.activated == [FILE]
    given = [frame.image_data for frame in bench.heard if isinstance(frame, Ota.ImageBlockResponse) and frame.image_data]
    assert {len(octets) for octets in given[:-1]} == {32}
    waits = [
        frame.minimum_block_period for frame in bench.heard if isinstance(frame, Ota.ImageBlockResponse) and frame.status == 0x97
    ]
    assert waits == [700]
    asked = [frame.minimum_block_period for frame in bench.asked if isinstance(frame, Ota.ImageBlockRequest)]
    assert asked[:2] == [None, None]
    assert set(asked[2:]) == {700}
    assert bench.now >= (len(given) - 1) * 7 * S // 10


def test_who_does_not_keep_the_pace_waits_each_time() -> None:
    have = serving(IMAGE, period=2000)
    ask = Ota.ImageBlockRequest(0, *FILE, 0, 48)
    statuses = [have.feed(ask, EUI64, now * S)[0] for now in (0, 1, 2, 3, 5)]
    assert [answer.status for answer in statuses if isinstance(answer, Ota.ImageBlockResponse)] == [0, 0x97, 0, 0x97, 0]


def test_pages_keep_the_pace_too() -> None:
    bench = Bench(serving(IMAGE, period=700), page=480)
    bench.run()
    assert bench.activated == [FILE]
    assert bench.now >= (BLOCKS - 3) * 7 * S // 10


# --- the word ---


def test_who_waits_is_told_when_and_who_comes_later_hears_it_then() -> None:
    have = serving(IMAGE, upgrade_time=NOT_YET)
    bench = Bench(have)
    assert bench.client.status is UpgradeStatus.WAITING_TO_UPGRADE
    said = have.release(FILE)
    assert [effect.eui64 for effect in said if isinstance(effect, server.Say)] == [EUI64]
    assert have.release(FILE) == []  # once
    for effect in said:
        assert isinstance(effect, server.Say)
        bench.apply(bench.client.feed(effect.command, bench.now))
    assert bench.activated == [FILE]
    assert Bench(have).activated == [FILE]


def test_who_waits_for_a_file_that_is_gone_gets_what_took_its_place() -> None:
    newer = File(*FILE[:2], NEW + 1)
    have = serving(IMAGE, upgrade_time=NOT_YET)
    bench = Bench(have)
    have.withdraw(FILE)
    have.offer(Memory(seal(newer, b"better", hardware=(1, 3))))
    bench.run(until=2 * 60 * MINUTE)
    assert bench.activated == [newer]


# --- bad air ---


@pytest.mark.parametrize("page", [0, 256])
@pytest.mark.parametrize("loss", [0.1, 0.4])
def test_what_is_lost_is_asked_for_again(page: int, loss: float) -> None:
    chance = Random(f"{page}/{loss}")
    bench = Bench(lambda request: None, page=page)
    bench.answer = serving(IMAGE)
    bench.lost = lambda frame: chance.random() < loss
    bench.run()
    assert bench.activated == [FILE]
    assert bench.store.data == IMAGE


def test_g18_a_server_that_stops_is_asked_less_and_less_and_goes_on_where_it_was() -> None:
    bench = Bench(lambda request: None)
    bench.answer = serving(IMAGE)
    bench.lost = lambda frame: bench.store.held >= 480
    bench.run(until=DAY)
    assert bench.store.data == IMAGE[:480]
    assert len(bench.asked) < 12 + 96 * 5
    before = len([frame for frame in bench.asked if isinstance(frame, Ota.ImageBlockRequest)])
    bench.lost = lambda frame: False
    bench.run()
    assert bench.activated == [FILE]
    after = [frame for frame in bench.asked if isinstance(frame, Ota.ImageBlockRequest)][before:]
    assert after[0].file_offset == 480


def test_a_server_without_pages_is_asked_for_blocks() -> None:
    bench = Bench(liar(IMAGE), page=256)
    bench.run()
    assert bench.activated == [FILE]


@pytest.mark.req("S-063", part=True)
def test_g18_repeated_and_strange_blocks_change_nothing() -> None:
    """Each answer comes twice, with rubbish around it."""
    have = liar(IMAGE)
    bench = Bench(lambda request: None)

    def rubbish(request: Frame) -> list[Frame]:
        reply = have(request)
        if not isinstance(reply, Ota.ImageBlockResponse) or reply.file_offset is None or reply.image_data is None:
            return [] if reply is None else [reply]
        at, data = reply.file_offset, reply.image_data
        return [
            Ota.ImageBlockResponse(0, *FILE, at + 48, data),
            Ota.ImageBlockResponse(0, *FILE, 0xFFFFFFFF, data),
            Ota.ImageBlockResponse(0, *FILE, at, b""),
            Ota.ImageBlockResponse(0, *FILE, at, bytes(200)),
            Ota.ImageBlockResponse(0, 0xFFF1, 0x0502, NEW + 1, at, data),
            Ota.UpgradeEndResponse(*FILE, 0, 0),
            Ota.QueryNextImageResponse(0, *FILE, 70),
            reply,
            reply,
        ]

    bench.replies = rubbish  # type: ignore[method-assign]  # another peer, as one answer is not enough here
    bench.boot()
    bench.run()
    assert bench.activated == [FILE]
    assert bench.store.data == IMAGE


# --- power cuts (G20) ---


@pytest.mark.parametrize("page", [0, 256])
def test_g20_power_cut_at_every_block(page: int) -> None:
    """The store's octets are all that is left; each block is fetched once."""

    class Cut(Exception):
        pass

    class Cutting(Flash):
        def append(self, octets: bytes) -> None:
            super().append(octets)
            raise Cut

    store, cuts = Cutting(), 0
    bench = None
    have = serving(IMAGE)
    while bench is None:
        try:
            bench = Bench(have, store=store, page=page)
        except Cut:
            cuts += 1
            assert store.data == IMAGE[: store.held]
            continue
    bench.run()
    assert cuts == BLOCKS
    assert bench.activated == [FILE]
    assert not any(isinstance(frame, Ota.ImageBlockRequest | Ota.ImagePageRequest) for frame in bench.asked)


def test_power_cut_while_it_counts_down_asks_again_when() -> None:
    bench = Bench(serving(IMAGE, upgrade_time=UTC + 3600))
    bench.now = 1800 * S
    bench.boot()
    assert bench.client.status is UpgradeStatus.COUNT_DOWN
    assert bench.done.count(Verified(FILE)) == 2


def test_g19_a_stored_file_that_rots_is_not_activated() -> None:
    bench = Bench(serving(IMAGE, upgrade_time=UTC + 3600))
    bench.store.data = bench.store.data[:200] + b"\0" + bench.store.data[201:]
    bench.boot()
    assert bench.reasons == ["the integrity code is wrong"]
    assert bench.activated == []


def test_what_was_activated_is_forgotten() -> None:
    bench = Bench(serving(IMAGE))
    bench.device = DEVICE._replace(version=NEW)
    bench.done.clear()
    bench.boot()
    assert bench.store.file is None
    assert bench.done == []


# --- files that are not to be run (G18, G19) ---


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (IMAGE[:-1], "another file"),
        (b"\0" + IMAGE[1:], "header: "),
        (IMAGE[:6] + b"\xff\xff" + IMAGE[8:], "says that it has 65535"),
        (IMAGE[:52] + b"\xff\xff\xff\xff" + IMAGE[56:], "another file"),
        (IMAGE[:62] + b"\xff\xff\xff\x7f" + IMAGE[66:], "and 922 are left"),
        (IMAGE[:300] + b"\0\0" + IMAGE[302:], "the integrity code is wrong"),
        (IMAGE[:-16] + bytes(16), "the integrity code is wrong"),
        (IMAGE + bytes(9), "another file"),
        (seal(FILE, b"x" * 300, hardware=(7, 9)), "not for hardware version 2"),
        (seal(File(0xFFF1, 0x0502, NEW - 1), b"x" * 300), "another file"),
        (seal(File(0xFFF2, 0x0502, NEW), b"x" * 300), "another file"),
        (b"\0" * 56, "header: "),
    ],
)  # fmt: skip
def test_g18_a_bad_file_is_refused_and_the_server_is_told(image: bytes, reason: str) -> None:
    bench = Bench(liar(image))
    bench.run()
    assert bench.activated == []
    assert len(bench.reasons) == 1
    assert reason in bench.reasons[0]
    assert bench.store.file is None
    assert bench.asked[-1] == Ota.UpgradeEndRequest(Status.INVALID_IMAGE, *FILE)
    assert bench.client.deadline is not None
    assert bench.client.deadline >= DAY  # and it is not fetched again at once


def test_a_bad_header_is_seen_before_the_rest_is_fetched() -> None:
    bench = Bench(liar(seal(FILE, bytes(5000), hardware=(7, 9))))
    assert len([frame for frame in bench.asked if isinstance(frame, Ota.ImageBlockRequest)]) == 6


@pytest.mark.parametrize(
    ("said", "size", "reason"),
    [
        (DEVICE.file, 900, "not newer"),
        (DEVICE.file._replace(version=OLD - 1), 900, "not newer"),
        (FILE._replace(image_type=7), 900, "another device"),
        (FILE, 8193, "room for 8192"),
        (FILE, 0xFFFFFFFF, "room for 8192"),
        (FILE, 55, "room for 8192"),
        (FILE, 0, "room for 8192"),
    ],
)
def test_g19_an_offer_that_is_not_for_us_is_not_fetched(said: File, size: int, reason: str) -> None:
    bench = Bench(liar(IMAGE, said, size))
    assert len(bench.asked) == 1
    assert reason in bench.reasons[0]


def test_g18_octets_past_the_end_are_not_taken() -> None:
    bench = Bench(liar(IMAGE + bytes(500), size=len(IMAGE) - 3))
    bench.run()
    assert bench.activated == []
    assert "another file" in bench.reasons[0]


@pytest.mark.parametrize("status", [Status.ABORT, Status.NOT_AUTHORIZED, Status.NO_IMAGE_AVAILABLE, 0xEE])
def test_a_server_that_ends_it(status: int) -> None:
    have = liar(IMAGE)

    def answer(request: Frame) -> Frame | None:
        late = isinstance(request, Ota.ImageBlockRequest) and request.file_offset > 400
        return Ota.ImageBlockResponse(status) if late else have(request)

    bench = Bench(answer)
    assert bench.reasons == [f"the server ends it: status {status:#04x}"]
    assert bench.store.file is None
    assert bench.client.status is UpgradeStatus.NORMAL


# --- devices that lie to the server ---


def test_the_server_refuses_what_cannot_be() -> None:
    have = serving(IMAGE)
    size = len(IMAGE)

    def block(offset: int, length: int = 48, file: File = FILE) -> object:
        return have.feed(Ota.ImageBlockRequest(0, *file, offset, length), EUI64, 0)[0]

    assert block(size) is ZclStatus.MALFORMED_COMMAND
    assert block(0xFFFFFFFF) is ZclStatus.MALFORMED_COMMAND
    assert block(0, 0) is ZclStatus.MALFORMED_COMMAND
    assert block(0, file=FILE._replace(version=1)) == Ota.ImageBlockResponse(Status.NO_IMAGE_AVAILABLE)
    assert block(size - 3) == Ota.ImageBlockResponse(0, *FILE, size - 3, IMAGE[-3:])
    assert block(0, 255) == Ota.ImageBlockResponse(0, *FILE, 0, IMAGE[:48])
    page = Ota.ImagePageRequest(0, *FILE, size, 48, 200, 0)
    assert have.feed(page, EUI64, 0) == (ZclStatus.MALFORMED_COMMAND, [])
    assert have.feed(Ota.UpgradeEndRequest(Status.INVALID_IMAGE, *FILE), EUI64, 0) == (
        ZclStatus.SUCCESS, [Finished(EUI64, FILE, Status.INVALID_IMAGE)],
    )  # fmt: skip


def test_one_page_a_device() -> None:
    have = serving(IMAGE)
    for offset in (0, 100, 200):
        _, said = have.feed(Ota.ImagePageRequest(0, *FILE, offset, 48, 0xFFFF, 100), EUI64, 0)
        assert len(said) == 1
    assert have.deadline == 100 * S // 1000
    offsets = []
    for tick in range(1, 40):
        offsets += [effect.command.file_offset for effect in have.expire(tick * S) if isinstance(effect, server.Say)]  # type: ignore[attr-defined]
    assert offsets == list(range(248, len(IMAGE), 48))
    assert have.deadline is None


def test_the_server_takes_no_bad_file() -> None:
    have = serving()
    with pytest.raises(InvalidImage):
        have.offer(Memory(IMAGE[:-1] + b"\0"))
    with pytest.raises(InvalidImage):
        have.offer(Memory(element(0, b"x")))
    assert Bench(have).heard == [Ota.QueryNextImageResponse(Status.NO_IMAGE_AVAILABLE)]


def test_a_file_that_is_withdrawn_is_not_fetched_to_the_end() -> None:
    have = serving(IMAGE)
    bench = Bench(lambda request: None)
    bench.answer = have
    bench.lost = lambda frame: isinstance(frame, Ota.ImageBlockRequest) and frame.file_offset == 480
    bench.run(until=3 * S + 20 * MINUTE)
    have.withdraw(FILE)
    bench.lost = lambda frame: False
    bench.run(until=DAY)
    assert bench.store.file is None
    assert bench.activated == []


ANSWERS = st.one_of(
    st.builds(
        Ota.QueryNextImageResponse,
        st.just(0),
        st.just(0xFFF1),
        st.just(0x0502),
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**32 - 1),
    ),
    st.builds(
        Ota.ImageBlockResponse,
        st.just(0),
        st.just(0xFFF1),
        st.just(0x0502),
        st.just(NEW),
        st.integers(0, 200),
        st.binary(max_size=60),
    ),
    st.builds(Ota.ImageBlockResponse, st.sampled_from([0x95, 0x98, 0x7E])),
    st.builds(Ota.UpgradeEndResponse, st.just(0xFFFF), st.just(0xFFFF), st.just(0xFFFFFFFF), st.integers(0, 9), st.integers(0, 9)),
    st.builds(Ota.ImageNotify, st.just(0), st.integers(0, 255)),
)


@given(st.lists(st.one_of(ANSWERS, st.integers(0, 10**13)), max_size=60), st.integers(0, 300))
def test_no_sequence_of_answers_activates_anything_but_a_good_file(events: list[Frame | int], page: int) -> None:
    bench = Bench(lambda request: None, page=page)
    for event in events:
        if isinstance(event, int):
            bench.now += event
            bench.apply(bench.client.expire(bench.now))
        else:
            bench.apply(bench.client.feed(event, bench.now))
        assert bench.store.held <= bench.store.capacity
    assert bench.activated == []

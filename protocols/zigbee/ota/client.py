"""The client's end of a download: ask, fetch, judge, wait for the word, activate (07-5123 clauses 11.10, 11.13, 11.15).

    IDLE --query--> QUERY --offered--> BLOCK | PAGE --all held--> judge --good--> END --told when--> COUNT_DOWN --> Activate

What is held is in the store, which outlives the power: `start` goes on from there. A file is begun only if it is for this
device and newer than what runs; its header is looked at as soon as it is there, all of it before the server is told of success
and again after every restart. Until `Activate` is carried out nothing that runs has changed.

An answer that does not come is asked for again, five times and later each time; then the client rests and begins with a new
query. Octets that are not the next ones are dropped: in a page, what was lost and all behind it is asked for anew. An answer
that nobody asked for is ignored.

Not here: finding the server, and several files for one device.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Final, NamedTuple, Protocol

from protocols.core.codec import Frame
from protocols.core.effects import Effect
from protocols.zigbee.clusters.ota import Ota, Status, UpgradeStatus
from protocols.zigbee.node import MINUTE, S
from protocols.zigbee.ota import image
from protocols.zigbee.ota.image import File, InvalidImage, Octets
from protocols.zigbee.ota.signing import Trust

ANSWER: Final = 5 * S
"""For an answer; twice as long at each repetition."""
TRIES: Final = 5
REST: Final = 15 * MINUTE
"""After a server that does not answer."""
DAY: Final = 24 * 60 * MINUTE
"""Between queries, and the longest that a server can have us wait for data."""
HOUR: Final = 60 * MINUTE
"""Between questions whether the time to upgrade has come."""
NOT_YET: Final = 0xFFFFFFFF
ANY_MANUFACTURER, ANY_TYPE, ANY_VERSION = 0xFFFF, 0xFFFF, 0xFFFFFFFF
EVERY_ROLL: Final = 100
HAS_HARDWARE: Final = 0x01
HAS_PERIOD: Final = 0x02


class Device(NamedTuple):
    """What a device says of itself. `version`: of the file that it runs."""

    manufacturer: int
    image_type: int
    version: int
    hardware: int

    @property
    def file(self) -> File:
        """The file that it runs."""
        return File(self.manufacturer, self.image_type, self.version)


class Store(Octets, Protocol):
    """Where the file is put: flash. Each call is done or, if the power goes meanwhile, was never made."""

    capacity: int
    file: File | None
    """What is being fetched, or was; None: nothing."""
    size: int

    def begin(self, file: File, size: int) -> None:
        """Forget what is there; from now on this file."""
        ...

    def append(self, octets: bytes) -> None:
        """The next octets."""
        ...

    def clear(self) -> None:
        """Forget what is there."""
        ...


class Say(Effect, frozen=True):
    """Send a command to the server."""

    command: Frame


class Verified(Effect, frozen=True):
    """All of a file is held and it is good. It is not activated yet."""

    file: File


class Refused(Effect, frozen=True):
    """A file will not be activated, and what was held of it is gone."""

    file: File
    reason: str


class Activate(Effect, frozen=True):
    """The time has come: make the file in the store the one that runs, in one step, and restart."""

    file: File


class State(Enum):
    """What is awaited."""

    IDLE = auto()
    QUERY = auto()
    BLOCK = auto()
    PAGE = auto()
    PAUSE = auto()
    """The time for the next block."""
    END = auto()
    HOLD = auto()
    """The server's word that the time has come."""
    COUNT_DOWN = auto()


_STATUS: Final = {
    State.IDLE: UpgradeStatus.NORMAL,
    State.QUERY: UpgradeStatus.NORMAL,
    State.BLOCK: UpgradeStatus.DOWNLOAD_IN_PROGRESS,
    State.PAGE: UpgradeStatus.DOWNLOAD_IN_PROGRESS,
    State.PAUSE: UpgradeStatus.DOWNLOAD_IN_PROGRESS,
    State.END: UpgradeStatus.DOWNLOAD_COMPLETE,
    State.HOLD: UpgradeStatus.WAITING_TO_UPGRADE,
    State.COUNT_DOWN: UpgradeStatus.COUNT_DOWN,
}


class Client:
    """One device's end. `block`: octets that it asks for at once; `page`: octets of a page, 0 for blocks only."""

    def __init__(
        self, device: Device, store: Store, random: Callable[[], float], *, block: int = 48, page: int = 0,
        period: int = 0, spacing: int = S // 5, trust: Callable[[], Trust] | None = None,
    ) -> None:  # fmt: skip
        """`trust`: who signs what it runs (None: an integrity code will do). `period`: least time between block requests (ns);
        `spacing`: between the blocks of a page.
        """
        self.deadline: int | None = None
        self.state = State.IDLE
        self.device = device
        self.period = period
        self._store = store
        self._trust = trust
        self._random = random
        self._block_size = block
        self._page = page
        self._spacing = spacing
        self._asked: Frame | None = None
        self._tries = 0
        self._page_end = 0
        self._page_began = 0
        self._not_before = 0

    @property
    def status(self) -> UpgradeStatus:
        """For the attribute Image Upgrade Status."""
        return _STATUS[self.state]

    # --- the owner's calls

    def start(self, now: int) -> list[Effect]:
        """The network is there, for the first time or again: go on with what is held, or ask what there is."""
        store = self._store
        if store.file is not None and self._unfit(store.file) is not None:
            store.clear()  # it was activated, or another one was
        if store.file is not None and store.held == store.size:
            return self._judge(now)
        return self._query(now)

    def feed(self, command: Frame, now: int) -> list[Effect]:
        """A command of the server's."""
        if isinstance(command, Ota.ImageNotify):
            return self._notified(command, now)
        rule = _RULES.get((self.state, type(command)))
        return [] if rule is None else rule(self, command, now)

    def expire(self, now: int) -> list[Effect]:
        """The deadline has passed."""
        if self.deadline is None or now < self.deadline:
            return []
        match self.state:
            case State.IDLE:
                return self.start(now)
            case State.PAUSE:
                return self._next(now)
            case State.HOLD:
                return self._end(now)
            case State.COUNT_DOWN:
                return self._activate()
            case State.PAGE if self._store.held > self._page_began:
                return self._next(now)  # part of a page came
        return self._again(now)

    # --- asking

    def _ask(self, command: Frame, state: State, now: int) -> list[Effect]:
        self.state, self._asked, self._tries = state, command, 1
        self.deadline = now + ANSWER
        return [Say(command)]

    def _again(self, now: int) -> list[Effect]:
        assert self._asked is not None
        if self._tries < TRIES:
            self.deadline = now + (ANSWER << self._tries)
            self._tries += 1
            return [Say(self._asked)]
        if self.state is State.PAGE:
            self._page = 0  # a server that does not know pages
            return self._next(now)
        return self._rest(now, REST)

    def _rest(self, now: int, time: int) -> list[Effect]:
        self.state, self._asked = State.IDLE, None
        self.deadline = now + time + int(time * self._random()) // 4
        return []

    def _query(self, now: int) -> list[Effect]:
        device = self.device
        request = Ota.QueryNextImageRequest(HAS_HARDWARE, *device.file, device.hardware)
        return self._ask(request, State.QUERY, now)

    def _next(self, now: int) -> list[Effect]:
        """Ask for what is next, or judge what is complete."""
        store = self._store
        file, left = store.file, store.size - store.held
        assert file is not None
        if left == 0:
            return self._judge(now)
        if now < self._not_before:
            self.state, self.deadline = State.PAUSE, self._not_before
            return []
        self._not_before = now + self.period
        if self._page > self._block_size and left > self._block_size:
            page = min(self._page, left)
            self._page_began, self._page_end = store.held, store.held + page
            spacing = self._spacing * 1000 // S
            return self._ask(Ota.ImagePageRequest(0, *file, store.held, self._block_size, page, spacing), State.PAGE, now)
        period = self.period * 1000 // S
        control = HAS_PERIOD if period else 0
        request = Ota.ImageBlockRequest(control, *file, store.held, min(left, self._block_size), None, period if control else None)
        return self._ask(request, State.BLOCK, now)

    def _end(self, now: int) -> list[Effect]:
        assert self._store.file is not None
        return self._ask(Ota.UpgradeEndRequest(Status.SUCCESS, *self._store.file), State.END, now)

    # --- answers

    def _notified(self, notify: Ota.ImageNotify, now: int) -> list[Effect]:
        wanted = (
            notify.manufacturer_id in (None, ANY_MANUFACTURER, self.device.manufacturer)
            and notify.image_type in (None, ANY_TYPE, self.device.image_type)
            and notify.new_file_version != self.device.version
        )
        rolled = 1 + int(self._random() * EVERY_ROLL) <= notify.query_jitter
        held = self._store.file
        another = self.state is State.HOLD and held is not None and notify.new_file_version not in (None, held.version)
        return self._query(now) if (self.state is State.IDLE or another) and wanted and rolled else []

    def _offered(self, answer: Ota.QueryNextImageResponse, now: int) -> list[Effect]:
        store = self._store
        if answer.status != Status.SUCCESS:
            store.clear()
            return self._rest(now, DAY)
        manufacturer, image_type, version, size = answer.manufacturer_id, answer.image_type, answer.file_version, answer.image_size
        if manufacturer is None or image_type is None or version is None or size is None:
            return []
        file = File(manufacturer, image_type, version)
        reason = self._unfit(file)
        if reason is None and not image.SHORTEST_HEADER <= size <= store.capacity:
            reason = f"{size} octets, and there is room for {store.capacity}"
        if reason is not None:
            store.clear()
            return [*self._rest(now, DAY), Refused(file, reason)]
        if (store.file, store.size) != (file, size):
            store.begin(file, size)
        return self._next(now)

    def _unfit(self, file: File) -> str | None:
        """Why a file is not for this device; None when it is."""
        device = self.device
        if (file.manufacturer, file.image_type) != (device.manufacturer, device.image_type):
            return "for another device"
        return None if file.version > device.version else f"version {file.version:08X} is not newer than {device.version:08X}"

    def _block(self, answer: Ota.ImageBlockResponse, now: int) -> list[Effect]:
        if answer.status == Status.WAIT_FOR_DATA:
            return self._wait(answer, now)
        if answer.status != Status.SUCCESS:
            file = self._store.file
            assert file is not None
            self._store.clear()
            return [*self._rest(now, DAY), Refused(file, f"the server ends it: status {answer.status:#04x}")]
        store, data = self._store, answer.image_data
        if File(answer.manufacturer_id or 0, answer.image_type or 0, answer.file_version or 0) != store.file:
            return []
        if answer.file_offset != store.held or not data or len(data) > min(self._block_size, store.size - store.held):
            return []
        before = store.held
        store.append(data)
        if before < image.LONGEST_HEADER <= store.held or store.held == store.size:
            wrong = self._wrong_header()
            if wrong is not None:
                return self._refuse(wrong, now)
        if self.state is State.PAGE and store.held < self._page_end:
            self.deadline = now + self._spacing + ANSWER
            return []
        return self._next(now)

    def _wait(self, answer: Ota.ImageBlockResponse, now: int) -> list[Effect]:
        seconds = max(0, (answer.request_time or 0) - (answer.current_time or 0))
        if answer.minimum_block_period:
            self.period = answer.minimum_block_period * S // 1000
        self.state = State.PAUSE
        self.deadline = self._not_before = now + max(S, self.period, min(seconds * S, DAY))
        return []

    def _told_when(self, answer: Ota.UpgradeEndResponse, now: int) -> list[Effect]:
        file = self._store.file
        assert file is not None
        told = (answer.manufacturer_id, answer.image_type, answer.file_version)
        every = (ANY_MANUFACTURER, ANY_TYPE, ANY_VERSION)
        if any(one not in (mine, any_) for one, mine, any_ in zip(told, file, every, strict=True)):
            return []
        if answer.upgrade_time == NOT_YET:
            self.state, self.deadline = State.HOLD, now + HOUR
            return []
        seconds = answer.upgrade_time - answer.current_time
        if seconds <= 0:
            return self._activate()
        self.state, self.deadline = State.COUNT_DOWN, now + seconds * S
        return []

    # --- the verdict

    def _wrong_header(self) -> str | None:
        try:
            head = image.header(self._store)
        except InvalidImage as error:
            return str(error)
        if (head.file, head.total_size) != (self._store.file, self._store.size):
            return "the header is of another file"
        return None if head.fits(self.device.hardware) else f"not for hardware version {self.device.hardware}"

    def _judge(self, now: int) -> list[Effect]:
        file = self._store.file
        assert file is not None
        wrong = self._wrong_header()
        if wrong is None:
            try:
                image.judge(self._store, None if self._trust is None else self._trust())
            except InvalidImage as error:
                wrong = str(error)
        return [Verified(file), *self._end(now)] if wrong is None else self._refuse(wrong, now)

    def _refuse(self, reason: str, now: int) -> list[Effect]:
        file = self._store.file
        assert file is not None
        self._store.clear()
        return [Say(Ota.UpgradeEndRequest(Status.INVALID_IMAGE, *file)), *self._rest(now, DAY), Refused(file, reason)]

    def _activate(self) -> list[Effect]:
        assert self._store.file is not None
        self.state, self.deadline = State.IDLE, None
        return [Activate(self._store.file)]


_Rule = Callable[[Client, Any, int], list[Effect]]
_RULES: Final[dict[tuple[State, type[Frame]], _Rule]] = {
    (State.QUERY, Ota.QueryNextImageResponse): Client._offered,
    (State.BLOCK, Ota.ImageBlockResponse): Client._block,
    (State.PAGE, Ota.ImageBlockResponse): Client._block,
    (State.END, Ota.UpgradeEndResponse): Client._told_when,
    (State.HOLD, Ota.UpgradeEndResponse): Client._told_when,
    (State.COUNT_DOWN, Ota.UpgradeEndResponse): Client._told_when,
}

"""What may be served, under which names, and what is refused before anything is opened."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from devices.runtime.journal import Recorder, Replayer
from devices.runtime.kernel import MIN, S
from protocols.dlms import apdu, wrapper
from protocols.dlms.xdlms import DataNotification
from tools.bench.commissioning import commission
from tools.bench.config import Bench, loads
from tools.bench.realtime import Driver
from tools.bench.run import Run
from tools.bench.served import Served
from tools.errors import BadInput, LinkDown
from tools.headend.notices import FirstBreath, LastGasp, Notice, understand

HOME = """
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
"""


def links(*lines: str) -> Run:
    return Run(loads(HOME + "[links]\n" + "\n".join(lines)))


def spellings(run_async, run: Run) -> dict[str, str]:
    async def story() -> dict[str, str]:
        served = Served(run)
        try:
            return await served.open(Driver(run.inputs))
        finally:
            await served.close()

    found: dict[str, str] = run_async(story())
    return found


def test_the_first_link_bears_the_name_and_the_others_their_kind(run_async) -> None:
    optical = '"esme.optical" = ["pty:", "tcp-listen:0?framing=hdlc", "tcp-listen:0?framing=hdlc", "pty:"]'
    found = spellings(run_async, links('"hub.wan" = "tcp-listen:0"', optical))
    assert list(found) == ["hub.wan", "esme.optical", "esme.optical.tcp", "esme.optical.tcp2", "esme.optical.pty"]
    assert found["hub.wan"].startswith("tcp:127.0.0.1:")
    assert found["esme.optical"].startswith("pty:/dev/")
    assert found["esme.optical.tcp"].endswith("?framing=hdlc")
    assert len(set(found.values())) == 5


def test_where_there_are_two_homes_names_are_in_full(run_async) -> None:
    two = HOME + HOME.replace("[[home]]", '[[home]]\nname = "home2"') + '[links]\n"home2/hub.wan" = "tcp-listen:0"\n'
    assert list(spellings(run_async, Run(loads(two)))) == ["home2/hub.wan"]


def test_no_links_is_nothing_to_serve() -> None:
    with pytest.raises(BadInput, match="no links to serve"):
        Served(Run(loads(HOME)))


def test_only_a_place_for_notifications_is_enough() -> None:
    Served(Run(loads('[notifications]\nto = "tcp:127.0.0.1:4059"\n' + HOME)))


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:4059"])
def test_other_machines_are_kept_out_where_clients_need_no_password(address: str) -> None:
    with pytest.raises(BadInput, match="is open to others and clients need no password"):
        Served(links(f'"hub.wan" = "tcp-listen:{address}"'))


def test_a_client_link_cannot_be_served() -> None:
    with pytest.raises(BadInput, match=r'hub\.wan: link "tcp:127\.0\.0\.1:4059" cannot be served'):
        Served(links('"hub.wan" = "tcp:127.0.0.1:4059"'))


def test_when_one_link_does_not_open_the_others_are_closed_again(run_async, free_port: int, tmp_path: Path) -> None:
    run = links(f'"hub.wan" = ["tcp-listen:{free_port}", "tcp-listen:{free_port}"]')
    with pytest.raises(LinkDown, match=str(free_port)):
        spellings(run_async, run)
    assert spellings(run_async, links(f'"hub.wan" = "tcp-listen:{free_port}"'))["hub.wan"].endswith(str(free_port))


def outage(declared: Bench) -> Run:
    run = Run(declared)
    run.kernel.at(5 * MIN, run.mains.off, 181 * S, who="test")
    return run


def test_a_listener_of_the_real_world_is_told_of_an_outage_and_its_end(run_async, free_port: int) -> None:
    declared = loads(f'[notifications]\nto = "tcp:127.0.0.1:{free_port}"\n' + HOME)
    run, heard, records = outage(declared), [], []
    recorder = Recorder(run.inputs, records.append, bench=run.meaning)
    commission(run)
    run.run_until(5 * MIN - S)

    async def story() -> None:
        driver, served = Driver(run.inputs, pace=40), Served(run)

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            splitter = wrapper.Splitter()
            while data := await reader.read(4096):
                heard.extend(notice(pdu.apdu) for pdu in splitter.feed(data))
            writer.close()
            if len(heard) == 2:
                driver.stop()

        listener = await asyncio.start_server(listen, "127.0.0.1", free_port)
        await served.open(driver)
        await driver.run(60 * MIN)  # ends when both were heard, however slow this machine is
        await served.close()
        listener.close()
        await listener.wait_closed()

    run_async(story())
    run.run_until(run.now)
    recorder.finish()
    assert [type(each) for each in heard] == [LastGasp, FirstBreath]
    assert run.head_end.received == type(run.head_end.received)()

    again, replay = outage(declared), Replayer(records)
    replay.load(again.inputs)
    again.run_until(replay.until)
    replay.check(again.kernel)


def notice(octets: bytes) -> Notice:
    frame = apdu.parse(octets)
    assert isinstance(frame, DataNotification)
    return understand(frame, 0)

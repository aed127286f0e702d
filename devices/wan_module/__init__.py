"""A WAN module that comes off its hub: sockets of a cellular network behind a serial line."""

from devices.wan_module.firmware import HUB as HUB
from devices.wan_module.firmware import Config as Config
from devices.wan_module.firmware import Firmware as Firmware

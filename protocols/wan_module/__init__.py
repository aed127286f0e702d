"""Between a hub and a WAN module that can be taken off: messages over a serial line. The protocol is this bench's own."""

"""Captures for Wireshark: pcapng files, 802.15.4-TAP and ZEP packets, key files; and the reader for `decode`."""

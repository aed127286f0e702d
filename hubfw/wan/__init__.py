"""The WAN side: one address, the wrapper, the NAT table, notifications."""

"""ZigBee PRO for Smart Energy: 802.15.4 MAC frames, NWK, APS, ZDO, security, the trust centre and the ZCL.

Everything here is bytes and state machines: time is an argument in integer nanoseconds, randomness a `random.Random` handed in.
"""

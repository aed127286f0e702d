"""A dissector of DLMS/COSEM for Wireshark, generated from the frame declarations: one Lua file."""

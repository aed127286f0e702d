"""The machine firmware runs on: a discrete-event kernel, boards with their parts, and the media between boards.

Sans-I/O: virtual time, no event loop, socket, thread, file, wall clock or entropy of the host. A driver outside decides how far
`Kernel.run_until` may go and feeds outside octets through `journal.Inputs`.
"""

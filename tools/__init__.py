"""The only layer with asyncio, files, sockets, threads and the wall clock: links, captures, benches, command line."""

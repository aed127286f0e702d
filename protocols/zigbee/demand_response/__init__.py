"""Demand response: the client's schedule of load control events, and the server's record of those that it has issued."""

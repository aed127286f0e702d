"""Firmware over the air (07-5123 clause 11): the image file, the server's and the client's end of a download, sans-I/O."""

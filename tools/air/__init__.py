"""The radio medium across processes: what is said (messages), the device's end (remote), the medium's end (seat), carriers."""

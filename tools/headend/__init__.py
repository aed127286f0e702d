"""The head end: reads and writes meters through their hubs, keeps schedules, listens for notifications."""

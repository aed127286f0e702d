"""Parts that several devices share: metrology, logs, screens, radio glue."""

"""What every protocol here stands on: the codec engine, effects, the two error families, checksums and AES modes."""

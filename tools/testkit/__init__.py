"""What users import into their own tests of frames, devices and benches."""

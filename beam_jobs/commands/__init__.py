"""What `wit` does beside building: look into a root, take down, drop what was moved aside."""

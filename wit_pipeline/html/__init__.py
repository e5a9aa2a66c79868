"""What a web page says of its images."""

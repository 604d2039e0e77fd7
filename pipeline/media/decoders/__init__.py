"""Each way to decode a file, and what is known of where it goes wrong."""

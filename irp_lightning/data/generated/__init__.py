"""Generated images, for demonstrations and tests."""

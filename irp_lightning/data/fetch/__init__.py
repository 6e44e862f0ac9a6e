"""Data sets found or downloaded."""

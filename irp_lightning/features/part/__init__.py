"""What of a picture is shown to the backbone: all of it, one box, or the part turned upright."""

"""Files on disk: images, headers, masks, tables and lists."""

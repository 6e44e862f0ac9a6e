"""Image → frozen feature vectors: views, backbone, bank."""

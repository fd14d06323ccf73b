"""What the gateway tells about itself: its log, its metrics, and the pages about it."""

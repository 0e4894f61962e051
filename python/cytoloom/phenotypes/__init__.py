"""What cells look like: cells of many images, their features, and which are unlike controls."""

"""Who is whose: cells of one frame linked to those of the next, and how sure each link is."""

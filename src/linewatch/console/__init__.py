"""What people look at: the web interface, its live feed and the pages that ship with it."""

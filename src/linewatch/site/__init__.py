"""WHERE: lines, sections, places, sensors, and how well each metre is watched."""

"""Wire formats that are both read and written: bytes to plain values and back, with no meaning added."""

"""Pure kernels: arrays and state go in, arrays and state come out."""

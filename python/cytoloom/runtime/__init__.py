"""The machine, the backend, threads and interrupts."""

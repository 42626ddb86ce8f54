"""What holds for all tests."""

import signal

# A shell lets what it runs in the background ignore Ctrl-C, and children inherit that; some tests press it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

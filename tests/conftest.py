"""What holds for all tests."""

import signal

from hypothesis import HealthCheck, settings

# A shell lets what it runs in the background ignore Ctrl-C, and children inherit that; some tests press it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says how loaded the machine is, and nothing about the code.
settings.register_profile("leadsync", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("leadsync")

"""The checks that `leadsync demo` plays against a running suite."""

"""Running the whole suite on one machine: database, services, simulator."""

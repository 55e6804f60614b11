"""Files of readings in the formats of loggers, laboratories and cars, by the endings of their names."""

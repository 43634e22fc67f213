"""The whole product on one machine with nothing installed beforehand: servers, supervisor and sample data."""

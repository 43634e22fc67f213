"""The whole product on one machine with nothing installed first: servers, supervisor and sample data."""

"""Several hub processes as one: signs of life, leases, news, and work that goes on."""

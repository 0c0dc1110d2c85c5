"""Local AWS: an embedded stand-in for AWS that laptops and CI run on. Never deployed."""

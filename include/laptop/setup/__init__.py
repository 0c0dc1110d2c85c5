"""Set a checkout up: environments, jars, Java. Standard library only: it runs on the machine's own Python."""

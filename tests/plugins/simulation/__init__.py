"""AWS with data in it and whole runs on top of it, in memory: the real tasks, killed or refused at any call."""

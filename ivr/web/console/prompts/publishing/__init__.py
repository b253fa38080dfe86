"""The draft as a whole: check, publish, history, and roll back, as jobs of a process of their own."""

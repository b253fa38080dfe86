"""Phone carriers, one package each. No other code names a carrier's form fields, error codes or headers."""

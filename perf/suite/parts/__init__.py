"""One measurement a module, each with `measure(lab, plan, results, say)`."""

"""Plan, prepare, fit, validate, resume and record a training."""

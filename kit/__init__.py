"""Tools that know neither mail nor tenants: settings, errors, database, jobs, clock, ids, crypto, logs, metrics."""

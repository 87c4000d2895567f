INSERT INTO throttle_events
(tenant, sequence, step, level, gateway, episode, rule, limits, dry_run, author, reason, answer, issued, expires, at)

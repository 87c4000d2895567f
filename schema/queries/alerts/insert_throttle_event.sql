INSERT INTO throttle_events
(tenant, team, key, user, model, sequence, step, level, gateway, episode, rule, limits, dry_run, author, reason, answer, issued, expires, at)

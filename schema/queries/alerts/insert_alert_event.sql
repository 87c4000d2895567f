INSERT INTO alert_events
(episode, sequence, rule, kind, tenant, subject, state, severity, value, threshold, summary, detail, crossed, at)

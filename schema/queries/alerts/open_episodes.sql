-- The newest row of every episode that hasn't resolved, or did so since {since}.
SELECT
    toString(episode) AS id, sequence, rule, kind, tenant, subject, toString(state) AS entered, severity,
    toString(value) AS amount, toString(threshold) AS needed, summary, detail, crossed, at
FROM
(
    SELECT *
    FROM alert_events FINAL
    ORDER BY episode, sequence DESC
    LIMIT 1 BY episode
)
WHERE state != 'resolved' OR at >= {since:DateTime64(3, 'UTC')}

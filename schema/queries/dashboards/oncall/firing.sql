SELECT countIf(status IN ('firing', 'no_data')) AS value
FROM
(
    SELECT toString(state) AS status
    FROM alert_events FINAL
    WHERE kind != 'watchdog'
    ORDER BY episode, sequence DESC
    LIMIT 1 BY episode
)

-- Every state an alert entered since a time, oldest first.
SELECT toString(episode) AS id, rule, tenant, toString(state) AS entered, summary, crossed, at
FROM alert_events FINAL
WHERE at >= {from:DateTime64(3, 'UTC')}
ORDER BY at, episode, sequence

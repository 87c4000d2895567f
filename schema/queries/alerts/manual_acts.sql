-- What people did, in order: released, applied (acknowledged), froze and unfroze.
SELECT
    tenant, team, key, user, model,
    step,
    level,
    toString(episode) AS id,
    sequence,
    author,
    reason,
    issued,
    expires,
    at
FROM throttle_events
WHERE gateway = {gateway:String} AND author != 'alerts' AND at >= {from:DateTime64(3, 'UTC')}
  AND step IN ('released', 'acknowledged', 'frozen', 'unfrozen')
ORDER BY at, sequence

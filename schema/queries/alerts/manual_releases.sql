-- Releases by hand, by tenant and episode, with the time of the newest.
SELECT
    tenant,
    toString(episode) AS id,
    max(issued) AS given
FROM throttle_events
WHERE step = 'released' AND author != 'alerts' AND at >= {from:DateTime64(3, 'UTC')}
GROUP BY tenant, episode

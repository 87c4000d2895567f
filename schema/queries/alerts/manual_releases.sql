-- Episodes that somebody released by hand: they don't throttle again.
SELECT DISTINCT toString(episode) AS id
FROM throttle_events
WHERE step = 'released' AND author != 'alerts' AND at >= {from:DateTime64(3, 'UTC')}

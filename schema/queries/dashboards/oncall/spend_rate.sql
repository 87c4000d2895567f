-- The last five whole minutes, as an hour.
SELECT concat(if(sum(unpriced_calls) > 0, 'at least ', ''), $usd(sum(cost) * 12), ' an hour') AS spend
FROM spend_minute(from = toStartOfMinute(now('UTC')) - INTERVAL 5 MINUTE, to = toStartOfMinute(now('UTC')))

SELECT sum(calls) / 300 AS value
FROM spend_minute(from = toStartOfMinute(now('UTC')) - INTERVAL 5 MINUTE, to = toStartOfMinute(now('UTC')))

-- Tokens of the last whole minute by provider and model, all tenants: quotas belong to the account.
SELECT concat(provider, '/', model) AS name,
    sum(fresh_input + cache_read + cache_write_5m + cache_write_1h + audio_input + image_input + text_output + reasoning + audio_output) AS tokens,
    sum(rate_limited) AS limited
FROM spend_minute(from = toStartOfMinute(now('UTC')) - INTERVAL 1 MINUTE, to = toStartOfMinute(now('UTC')))
GROUP BY name

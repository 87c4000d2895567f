-- Tokens of the last whole minute by provider and model, all tenants: quotas belong to the account. Counted as
-- alerts/open_spend_by does.
SELECT concat(provider, '/', model) AS name,
    sum(fresh_input + if(position(model, 'claude') > 0 OR provider = 'groq', 0, cache_read) + cache_write_5m + cache_write_1h + audio_input + image_input + text_output + reasoning + audio_output) AS tokens,
    sum(rate_limited) AS limited
FROM spend_minute(from = toStartOfMinute(now('UTC')) - INTERVAL 1 MINUTE, to = toStartOfMinute(now('UTC')))
GROUP BY name

-- Tokens of all tenants, since quotas belong to the account, as alerts/open_spend_by counts them. The busiest minute of seven days at most.
SELECT
    provider,
    model,
    max(tokens) AS `busiest minute`,
    sumIf(tokens, window = toStartOfMinute(now('UTC')) - INTERVAL 1 MINUTE) AS `last minute`,
    if(any(quota) > 0, toString(toUInt64(any(quota))), 'not reported') AS `quota a minute`,
    if(any(quota) > 0, concat(toString(floor((1 - `last minute` / toFloat64(any(quota))) * 100)), ' %'), 'not reported') AS `headroom now`,
    if(any(quota) > 0, concat(toString(floor((1 - `busiest minute` / toFloat64(any(quota))) * 100)), ' %'), 'not reported') AS `least headroom`,
    sum(limited) AS `refused for rate`,
    sum(limited) / sum(n) * 100 AS `refused %`
FROM
(
    SELECT provider, model, window, sum(s.calls) AS n, sum(s.rate_limited) AS limited,
        sum(fresh_input + if(position(model, 'claude') > 0 OR provider = 'groq', 0, cache_read) + cache_write_5m + cache_write_1h + audio_input + image_input + text_output + reasoning + audio_output) AS tokens
    FROM $by_model_steps(greatest(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC') - INTERVAL 7 DAY), toDateTime($__toTime, 'UTC'), 60) AS s
    GROUP BY provider, model, window
) AS m
LEFT JOIN (SELECT key, value AS quota FROM dashboard_figures_now WHERE name = 'tokens_per_minute') AS q ON q.key = concat(m.provider, '/', m.model)
GROUP BY provider, model
ORDER BY `busiest minute` DESC, provider, model
LIMIT 200

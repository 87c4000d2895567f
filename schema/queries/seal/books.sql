-- What the books say of one day, by tenant: its hours, its day, and what was booked for it by the books themselves. A digest is the
-- SHA-256 of the sorted SHA-256 of the rows; amounts go in as their 128 bits, counts as decimals.
SELECT tenant_, what, sum(calls_), toString(sum(cost_)), if(what = 'adjusted', '', lower(hex(SHA256(arrayStringConcat(arraySort(groupArray(row_)))))))
FROM
(
    SELECT toString(tenant) AS tenant_, 'hour' AS what, toInt64(calls) AS calls_, cost AS cost_,
        SHA256(concatWithSeparator('\t',
            toString(toUnixTimestamp(window)), provider, model, operation, service, environment, region, toString(calls), toString(errors),
            toString(rate_limited), toString(unpriced_calls), toString(flagged_calls), toString(estimated_calls), toString(provided_calls),
            toString(reserved_calls), toString(streamed_calls), toString(fresh_input), toString(cache_read), toString(cache_write_5m),
            toString(cache_write_1h), toString(audio_input), toString(image_input), toString(text_output), toString(reasoning),
            toString(audio_output), toString(reserved_tokens), hex(cost), hex(cost_input), hex(cost_cache_read), hex(cost_cache_write),
            hex(cost_output), hex(cost_reasoning), hex(cost_other), hex(list_cost), hex(cache_saved), hex(tier_saved),
            arrayStringConcat(arrayMap((k, v) -> concat(k, '=', toString(v)), mapKeys(units), mapValues(units)), ',')
        )) AS row_
    FROM spend_hour(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
    UNION ALL
    SELECT toString(tenant) AS tenant_, 'day' AS what, toInt64(calls) AS calls_, cost AS cost_,
        SHA256(concatWithSeparator('\t',
            toString(toUnixTimestamp(window)), provider, model, operation, service, environment, region, toString(calls), toString(errors),
            toString(rate_limited), toString(unpriced_calls), toString(flagged_calls), toString(estimated_calls), toString(provided_calls),
            toString(reserved_calls), toString(streamed_calls), toString(fresh_input), toString(cache_read), toString(cache_write_5m),
            toString(cache_write_1h), toString(audio_input), toString(image_input), toString(text_output), toString(reasoning),
            toString(audio_output), toString(reserved_tokens), hex(cost), hex(cost_input), hex(cost_cache_read), hex(cost_cache_write),
            hex(cost_output), hex(cost_reasoning), hex(cost_other), hex(list_cost), hex(cache_saved), hex(tier_saved),
            arrayStringConcat(arrayMap((k, v) -> concat(k, '=', toString(v)), mapKeys(units), mapValues(units)), ',')
        )) AS row_
    FROM spend_day(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
    UNION ALL
    SELECT toString(a.tenant) AS tenant_, 'adjusted' AS what, a.calls AS calls_, a.cost AS cost_, toFixedString('', 32) AS row_
    FROM adjustments_now AS a
    WHERE a.window >= {from:DateTime('UTC')} AND a.window < {to:DateTime('UTC')}
)
GROUP BY tenant_, what

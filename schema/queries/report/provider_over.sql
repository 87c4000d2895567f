-- Calls of a provider that began within [from, to) and ended after it.
SELECT
    toString(model) AS model_,
    [sum(fresh_input), sum(cache_read), sum(cache_write_5m), sum(cache_write_1h), sum(audio_input), sum(image_input),
        sum(text_output), sum(reasoning), sum(audio_output)] AS tokens,
    toString(sum(cost)) AS cost_
FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
WHERE provider IN {providers:Array(String)}
  AND toUnixTimestamp64Nano(start) + toInt64(duration_ns) >= toInt64(toUnixTimestamp({to:DateTime('UTC')})) * 1000000000
GROUP BY model_
ORDER BY model_

-- As open_spend, by one more dimension: a team, a key, a model, or a provider's model. Tokens are those that providers
-- count against a quota: OpenAI what is read from a cache, too (its guide to prompt caching), Anthropic not, for nearly all
-- of its models (its page on rate limits), nor Groq (its page on prompt caching; all 2026).
SELECT
    tenant,
    multiIf({dimension:String} = 'team', toString(team), {dimension:String} = 'key', toString(key),
        {dimension:String} = 'model', toString(model), concat(provider, '/', model)) AS value,
    toInt64(toUnixTimestamp(minute)) AS minute_s,
    intDiv(toUnixTimestamp64Milli(received), {bucket_ms:Int64}) AS bucket,
    toString(sum(cost)) AS amount,
    toString(max(cost)) AS biggest,
    count() AS all_calls,
    countIf(unpriced != '') AS without_price,
    countIf(bitAnd(flags, {doubt:UInt32}) != 0) AS doubtful,
    countIf(bitAnd(flags, {limited:UInt32}) != 0) AS refused,
    sum(fresh_input + if(position(model, 'claude') > 0 OR provider = 'groq', 0, cache_read) + cache_write_5m + cache_write_1h + audio_input + image_input + text_output + reasoning + audio_output) AS tokens,
    toUnixTimestamp64Milli(max(received)) AS newest
FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
GROUP BY tenant, value, minute_s, bucket

-- The calls of [from, to) for a replay: added up per minute of start and bucket of receipt, by the parts that its rules look at.
SELECT
    tenant,
    toInt64(toUnixTimestamp(minute)) AS minute_s,
    toUnixTimestamp64Milli(max(received)) AS newest,
    if({dimensions:String} LIKE '%team%', toString(team), '') AS the_team,
    if({dimensions:String} LIKE '%key%', toString(key), '') AS the_key,
    if({dimensions:String} LIKE '%model%', toString(model), '') AS the_model,
    if({dimensions:String} LIKE '%provider%', concat(provider, '/', model), '') AS the_provider,
    if({dimensions:String} LIKE '%trace%', lower(hex(trace_id)), '') AS the_trace,
    if({dimensions:String} LIKE '%conversation%', conversation, '') AS the_conversation,
    if({dimensions:String} LIKE '%agent%', toString(agent), '') AS the_agent,
    toString(sum(cost)) AS amount,
    toString(max(cost)) AS biggest,
    count() AS all_calls,
    countIf(unpriced != '') AS without_price,
    countIf(bitAnd(flags, {doubt:UInt32}) != 0) AS doubtful,
    countIf(bitAnd(flags, {limited:UInt32}) != 0) AS refused,
    sum(fresh_input + cache_write_5m + cache_write_1h + audio_input + image_input + text_output + reasoning + audio_output) AS tokens
FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
GROUP BY tenant, minute_s, intDiv(toUnixTimestamp64Milli(received), 5000), the_team, the_key, the_model, the_provider, the_trace, the_conversation, the_agent

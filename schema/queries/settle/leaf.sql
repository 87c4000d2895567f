-- An unseen leaf: an aggregate's report as a call of its own, whole or with another usage and its price. Reads the table
-- behind the view calls, which leaves aggregates out.
INSERT INTO call_reports
SELECT * EXCEPT (above) REPLACE
(
    toFixedString(unhex({leaf:String}), 8) AS span_id,
    above AS parent_span_id,
    'leaf' AS role,
    if({whole:UInt8} = 1, fresh_input, {input:UInt64}) AS fresh_input,
    if({whole:UInt8} = 1, cache_read, 0) AS cache_read,
    if({whole:UInt8} = 1, cache_write_5m, 0) AS cache_write_5m,
    if({whole:UInt8} = 1, cache_write_1h, 0) AS cache_write_1h,
    if({whole:UInt8} = 1, audio_input, 0) AS audio_input,
    if({whole:UInt8} = 1, image_input, 0) AS image_input,
    if({whole:UInt8} = 1, text_output, {output:UInt64}) AS text_output,
    if({whole:UInt8} = 1, reasoning, 0) AS reasoning,
    if({whole:UInt8} = 1, audio_output, 0) AS audio_output,
    if({whole:UInt8} = 1, units, mapFilter((k, v) -> 0, units)) AS units,
    if({whole:UInt8} = 1, cost_input, toDecimal64({costs:Array(String)}[1], 12)) AS cost_input,
    if({whole:UInt8} = 1, cost_cache_read, toDecimal64({costs:Array(String)}[2], 12)) AS cost_cache_read,
    if({whole:UInt8} = 1, cost_cache_write, toDecimal64({costs:Array(String)}[3], 12)) AS cost_cache_write,
    if({whole:UInt8} = 1, cost_output, toDecimal64({costs:Array(String)}[4], 12)) AS cost_output,
    if({whole:UInt8} = 1, cost_reasoning, toDecimal64({costs:Array(String)}[5], 12)) AS cost_reasoning,
    if({whole:UInt8} = 1, cost_other, toDecimal64({costs:Array(String)}[6], 12)) AS cost_other,
    if({whole:UInt8} = 1, list_delta, toDecimal64({list_delta:String}, 12)) AS list_delta,
    if({whole:UInt8} = 1, cache_saved, toDecimal64('0', 12)) AS cache_saved,
    if({whole:UInt8} = 1, tier_saved, toDecimal64({tier_saved:String}, 12)) AS tier_saved,
    if({whole:UInt8} = 1, provided_cost, toDecimal64('0', 12)) AS provided_cost,
    if({whole:UInt8} = 1, toString(price_version), {price_version:String}) AS price_version,
    if({whole:UInt8} = 1, toString(price_entry), {price_entry:String}) AS price_entry,
    if({whole:UInt8} = 1, toString(unpriced), {unpriced:String}) AS unpriced,
    bitOr(bitAnd(if({whole:UInt8} = 1, flags, {flags:UInt32}), bitNot({not_leaf:UInt32})), {unseen:UInt32}) AS flags
)
FROM
(
    SELECT *, span_id AS above
    FROM call_reports FINAL
    WHERE minute = {minute:DateTime('UTC')} AND tenant = {tenant:String}
      AND trace_id = toFixedString(unhex({trace:String}), 16) AND span_id = toFixedString(unhex({span:String}), 8)
)

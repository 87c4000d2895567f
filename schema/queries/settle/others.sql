-- Calls of [from, to) in some traces that nobody repeats, so that they are no candidates: they may explain an aggregate.
SELECT toUnixTimestamp(minute), tenant, trace_id, span_id, version, parent_span_id, response_id, provider, operation, toInt8(role), rank, flags,
    toUnixTimestamp64Nano(start), duration_ns, fresh_input + cache_read + cache_write_5m + cache_write_1h + audio_input + image_input AS input,
    text_output + reasoning + audio_output AS output, toUInt8(tenant_source = 'auth') AS authenticated
FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({traces:Array(String)})), 16)) AND bitAnd(flags, {candidate:UInt32}) = 0

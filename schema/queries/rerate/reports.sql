-- Every report of an hour with what its price depends on, those that gave way included: they may stand one day. counts says which
-- are calls, as the view calls does.
SELECT
    minute, tenant, trace_id, span_id, version, toString(role), start, received, toString(provider), toString(model), toString(request_model),
    toString(operation), toString(kind), toString(service_tier), toString(error_class), toString(region), toString(emitter), toString(rule),
    CAST(raw, 'Map(String, Int64)'),
    [fresh_input, cache_read, cache_write_5m, cache_write_1h, audio_input, image_input, text_output, reasoning, audio_output],
    CAST(units, 'Map(String, UInt64)'),
    arrayMap(c -> toString(c), [cost_input, cost_cache_read, cost_cache_write, cost_output, cost_reasoning, cost_other, list_delta, cache_saved, tier_saved, provided_cost]),
    toString(price_version), toString(price_entry), toString(unpriced), flags,
    role != 'aggregate' AND (minute, tenant, trace_id, span_id) NOT IN
    (
        SELECT minute, tenant, trace_id, span_id
        FROM settlements FINAL
        WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')} AND loses = 1
    ) AS counts
FROM call_reports FINAL
WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
  AND ({every:UInt8} = 1 OR tenant = {tenant:String}) AND ({model:String} = '' OR model = {model:String})

-- A run's new amounts, as new versions of the reports that it read. A report that has another version by now is left alone: it is
-- done already, or a fuller one came, priced by the collector.
INSERT INTO call_reports
SELECT * EXCEPT (r_minute, r_tenant, r_trace, r_span, r_base, r_version, r_usage, r_cost, r_list, r_cache, r_tier, r_book, r_entry, r_unpriced, r_flags) REPLACE
(
    r_version AS version,
    r_usage[1] AS fresh_input, r_usage[2] AS cache_read, r_usage[3] AS cache_write_5m, r_usage[4] AS cache_write_1h, r_usage[5] AS audio_input,
    r_usage[6] AS image_input, r_usage[7] AS text_output, r_usage[8] AS reasoning, r_usage[9] AS audio_output,
    toDecimal64(r_cost[1], 12) AS cost_input, toDecimal64(r_cost[2], 12) AS cost_cache_read, toDecimal64(r_cost[3], 12) AS cost_cache_write,
    toDecimal64(r_cost[4], 12) AS cost_output, toDecimal64(r_cost[5], 12) AS cost_reasoning, toDecimal64(r_cost[6], 12) AS cost_other,
    toDecimal64(r_list, 12) AS list_delta, toDecimal64(r_cache, 12) AS cache_saved, toDecimal64(r_tier, 12) AS tier_saved,
    r_book AS price_version, r_entry AS price_entry, r_unpriced AS unpriced, r_flags AS flags
)
FROM
(
    SELECT *
    FROM call_reports FINAL
    WHERE minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
) AS c
INNER JOIN
(
    SELECT minute AS r_minute, tenant AS r_tenant, trace_id AS r_trace, span_id AS r_span, base AS r_base, version AS r_version, usage AS r_usage,
        cost AS r_cost, list_delta AS r_list, cache_saved AS r_cache, tier_saved AS r_tier, price_version AS r_book, price_entry AS r_entry,
        unpriced AS r_unpriced, flags AS r_flags
    FROM rerate_reports FINAL
    WHERE run = {run:UUID} AND minute >= {from:DateTime('UTC')} AND minute < {to:DateTime('UTC')}
) AS r
ON c.minute = r.r_minute AND c.tenant = r.r_tenant AND c.trace_id = r.r_trace AND c.span_id = r.r_span AND c.version = r.r_base
SETTINGS max_insert_threads = 1, async_insert = 0, deduplicate_insert = 'disable'

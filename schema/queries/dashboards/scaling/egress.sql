-- Bytes of requests leave us; a price is configured (dashboards.egress_usd_per_gb, 10⁹ bytes) or there is none.
WITH (SELECT max(value) FROM dashboard_figures_now WHERE name = 'egress_usd_per_gb') AS price
SELECT if(sum(request_bytes) = 0, 'not reported', concat(formatReadableDecimalSize(sum(request_bytes)), if(price > 0,
    concat(', ', $usd(toDecimal128(toDecimal256(sum(request_bytes), 12) * price / 1000000000, 12))), ', no price configured'))) AS value
FROM $by_model(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'))

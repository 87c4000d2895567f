-- One day by dimension from its newest committed hours: of every tenant and dimension the first thousand values by cost,
-- equal costs by name, and the sum of the others under the empty value with cut = how many they are. Computed from this
-- day alone.
INSERT INTO cost_day_by (window, n, worker, tenant, dimension, value, calls, errors, input, output, cost, unpriced_calls, cut)
SETTINGS max_insert_threads = 1, min_insert_block_size_rows = 1000000000, min_insert_block_size_bytes = 1000000000000,
    async_insert = 0, deduplicate_insert = 'disable'
SELECT
    {from:DateTime('UTC')}, {n:UInt64}, {worker:UInt64},
    tenant, dimension, if(place > {top:UInt64}, '', value) AS value_,
    sum(calls_), sum(errors_), sum(input_), sum(output_), sum(cost_), sum(unpriced_),
    countIf(place > {top:UInt64}) AS cut_
FROM
(
    SELECT *, row_number() OVER (PARTITION BY tenant, dimension ORDER BY cost_ DESC, value) AS place
    FROM
    (
        SELECT tenant, dimension, value,
            sum(calls) AS calls_, sum(errors) AS errors_, sum(input) AS input_, sum(output) AS output_, sum(cost) AS cost_,
            sum(unpriced_calls) AS unpriced_
        FROM spend_hour_by(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
        GROUP BY tenant, dimension, value
    )
)
GROUP BY tenant, dimension, value_, place > {top:UInt64}
